import type { BuildInventory } from '../compile/build-inventory.ts';
import type { SourceFacts } from '../compile/compiled.ts';

/** A part of a firmware, as a bill of materials lists it. Nothing in it is guessed: what is not known is left out. */
export type FirmwarePart = {
  /** Unique in the list. */
  readonly ref: string;
  readonly kind: 'library' | 'file' | 'platform';
  readonly name: string;
  readonly group?: string;
  readonly version?: string;
  readonly description: string;
  /** https://github.com/package-url/purl-spec */
  readonly purl?: string;
  /** SHA-256 in hex, of the file itself. */
  readonly sha256?: string;
  /** Address of a repository. */
  readonly repository?: string;
  /** What is known beyond that; names without our prefix. */
  readonly facts: Readonly<Record<string, string>>;
};

type Facts = {
  readonly source: SourceFacts;
  readonly inventory: BuildInventory | undefined;
  readonly otaBuildVersion: string;
};

/** What a firmware is made of, as far as that is known. */
export function firmwareParts({
  source,
  inventory,
  otaBuildVersion,
}: Facts): readonly FirmwarePart[] {
  if (source.kind === 'drill') {
    const { file, sha256 } = source;
    const description = 'Rollback drill of ota-build, an ELF file of ours';
    return [{ ref: `file:${file}`, kind: 'file', name: file, description, sha256, facts: {} }];
  }
  if (source.kind === 'prebuilt') return prebuiltParts(source);
  return [
    micropython(source),
    idf(source.idfVersion, {
      ...(source.container === undefined ? {} : { container: source.container }),
      ...(inventory?.idf.commit === undefined ? {} : { commit: inventory.idf.commit }),
      ...(inventory?.idf.dirty === true ? { 'local-changes': 'true' } : {}),
    }),
    {
      ref: 'ota-build:firmware',
      kind: 'library',
      name: 'ota-build-firmware',
      version: otaBuildVersion,
      description: 'OTA functions and Python package of ota-build',
      facts: { 'ota-extended': String(source.otaExtended) },
    },
    ...(inventory === undefined ? [] : inventoryParts(inventory)),
  ];
}

function prebuiltParts(
  source: Extract<SourceFacts, { kind: 'prebuilt' }>,
): readonly FirmwarePart[] {
  const { file, sha256, container, micropython: banner, idfVersion, project } = source;
  const input: FirmwarePart = {
    ref: `file:${file}`,
    kind: 'file',
    name: file,
    description:
      'Firmware that this release was made of; what is in it beyond this list is not known',
    sha256,
    facts: {
      container,
      ...(project === undefined ? {} : { project: project.name }),
      ...(project?.version === undefined ? {} : { 'project-version': project.version }),
    },
  };
  const said: FirmwarePart[] = [];
  if (banner !== undefined) {
    said.push({
      ref: 'micropython',
      kind: 'library',
      name: 'micropython',
      group: 'micropython',
      version: banner.version,
      description: 'MicroPython, as the firmware says of itself',
      ...purlOf('micropython/micropython', releaseTag(banner.version)),
      facts: {},
    });
  }
  return [input, ...said, idf(idfVersion, {})];
}

function micropython(source: Extract<SourceFacts, { kind: 'micropython' }>): FirmwarePart {
  const { version, commit, dirty, board } = source;
  const tag = dirty ? undefined : releaseTag(version);
  return {
    ref: 'micropython',
    kind: 'library',
    name: 'micropython',
    group: 'micropython',
    version,
    description: 'MicroPython, compiled from source',
    // A commit that is no release may be anybody's: it is named, but not said to be MicroPython's own.
    ...purlOf('micropython/micropython', tag === undefined ? undefined : (commit ?? tag)),
    facts: {
      board,
      ...(commit === undefined ? {} : { commit }),
      ...(dirty ? { 'local-changes': 'true' } : {}),
    },
  };
}

function idf(version: string, facts: Readonly<Record<string, string>>): FirmwarePart {
  const tag = releaseTag(version);
  return {
    ref: 'esp-idf',
    kind: 'platform',
    name: 'esp-idf',
    group: 'espressif',
    version,
    description: "Espressif's IoT Development Framework",
    ...purlOf('espressif/esp-idf', tag),
    facts,
  };
}

function inventoryParts({
  submodules,
  components,
  frozen,
}: BuildInventory): readonly FirmwarePart[] {
  return [
    ...submodules.map(({ path, url, commit }): FirmwarePart => {
      const repository = /^https:\/\/github\.com\/([\w.-]+\/[\w.-]+?)(?:\.git)?$/.exec(url ?? '');
      return {
        ref: `submodule:${path}`,
        kind: 'library',
        name: repository?.[1]?.split('/')[1] ?? path,
        ...(commit === undefined ? {} : { version: commit }),
        description: `Submodule ${path} of MicroPython`,
        ...(repository === null ? {} : purlOf(repository[1] ?? '', commit)),
        ...(url === undefined ? {} : { repository: url }),
        facts: {},
      };
    }),
    ...components.map(({ name, version, hash }): FirmwarePart => {
      const [group, own = name] = name.includes('/') ? name.split('/') : [undefined, name];
      return {
        ref: `component:${name}`,
        kind: 'library',
        name: own,
        ...(group === undefined ? {} : { group }),
        version,
        description: 'Component of the ESP Component Registry',
        // The registry's hash is over a list of files, not over one: it is no hash of CycloneDX.
        facts: hash === undefined ? {} : { 'component-hash': hash },
      };
    }),
    ...frozen.map(({ file, sha256 }): FirmwarePart => ({
      ref: `frozen:${file}`,
      kind: 'file',
      name: file,
      description: 'Python module, compiled and frozen into the firmware',
      sha256,
      facts: {},
    })),
  ];
}

/** `v1.28.0` of a release; undefined of what lies between releases. */
function releaseTag(version: string): string | undefined {
  return /^v\d+\.\d+(?:\.\d+)?$/.test(version) ? version : undefined;
}

function purlOf(repository: string, version: string | undefined): Pick<FirmwarePart, 'purl'> {
  if (version === undefined) return {};
  return { purl: `pkg:github/${repository.toLowerCase()}@${encodeURIComponent(version)}` };
}
