import type { BuildInventory } from '../compile/build-inventory.ts';
import type { Plan } from '../plan/plan.ts';
import { lastName } from './public-plan.ts';

/** A ResourceDescriptor of in-toto (attestation framework, spec/v1/resource_descriptor.md). */
export type ResourceDescriptor = {
  readonly name?: string;
  readonly uri?: string;
  readonly digest?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, unknown>>;
};

/** What a release was made from, as far as its bytes can be named. */
export function resolvedDependencies(
  { source, layout }: Plan,
  inventory: BuildInventory | undefined,
): readonly ResourceDescriptor[] {
  const csv = file(layout.file, layout.sha256);
  switch (source.kind) {
    case 'micropython':
      return [micropython(source), idf(source, inventory), ...submodules(inventory), csv];
    case 'build-directory':
      return [...source.files.map((each) => file(each.file, each.sha256)), csv];
    case 'release':
      return [file(`${source.directory}/manifest.json`, source.manifest), csv];
    default:
      return [file(source.file, source.sha256), csv];
  }
}

type Source = Extract<Plan['source'], { kind: 'micropython' }>;

/** A commit that is no release is named, but not said to be in MicroPython's own repository. */
function micropython({ described, version, commit, dirty }: Source): ResourceDescriptor {
  const isRelease = !dirty && described === version;
  return {
    name: 'micropython',
    ...(isRelease ? { uri: `git+https://github.com/micropython/micropython@${version}` } : {}),
    ...(commit === undefined ? {} : { digest: { gitCommit: commit } }),
    ...(isRelease ? {} : { annotations: { described, localChanges: dirty } }),
  };
}

function idf(
  { idfVersion, toolchain }: Source,
  inventory: BuildInventory | undefined,
): ResourceDescriptor {
  const name = 'esp-idf';
  if (toolchain.kind === 'container') {
    const [image = '', digest] = toolchain.image.split('@sha256:');
    return {
      name,
      uri: `docker://${image}`,
      ...(digest === undefined ? {} : { digest: { sha256: digest } }),
      annotations: { version: idfVersion },
    };
  }
  const { commit, dirty } = inventory?.idf ?? {};
  return {
    name,
    uri: `git+https://github.com/espressif/esp-idf@${idfVersion}`,
    ...(commit === undefined ? {} : { digest: { gitCommit: commit } }),
    ...(dirty === true ? { annotations: { localChanges: true } } : {}),
  };
}

function submodules(inventory: BuildInventory | undefined): readonly ResourceDescriptor[] {
  return (inventory?.submodules ?? []).flatMap(({ path, url, commit }) =>
    commit === undefined
      ? []
      : [
          {
            name: path,
            ...(url === undefined ? {} : { uri: `git+${url}@${commit}` }),
            digest: { gitCommit: commit },
          },
        ],
  );
}

function file(name: string, sha256: string): ResourceDescriptor {
  return { name: lastName(name), digest: { sha256 } };
}
