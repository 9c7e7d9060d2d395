import { findChipByName } from '../chip/registry.ts';
import { flashFrequencyName, flashModeName, flashSizeByCode } from '../chip/flash-settings.ts';
import type { Chip } from '../chip/chip.ts';
import { DRILL_IDF_VERSION, type AppDescription } from '../format/app-desc.ts';
import { isOtadata, isOtaSlot } from '../format/partition-types.ts';
import type { ArtifactRole, Manifest } from '../manifest/manifest.ts';
import { MANIFEST } from '../manifest/release-files.ts';
import { checkAppImage, type CheckedApp } from './app-image.ts';
import { checkBootloaderImage, checkStartsApp } from './bootloader-image.ts';
import { errorFinding, type Check, type Finding } from './finding.ts';
import type { CheckedImage } from './image.ts';
import { checkReleaseOtadata } from './otadata.ts';
import type { ReleaseOptions } from './release.ts';
import type { CheckedSignature } from './signature.ts';
import { checkReleaseTables } from './release-tables.ts';

/** What is checked of a release, and against what. */
export type Parts = {
  readonly manifest: Manifest;
  readonly chip: Chip;
  /** A part's name and bytes; undefined when the manifest does not list it or it is not there. */
  readonly part: (
    role: ArtifactRole,
  ) => { readonly file: string; readonly bytes: Buffer; readonly offset?: number } | undefined;
  readonly options: ReleaseOptions;
};

/** Checks every part of a release by itself, against the manifest, and against the other parts. */
export function checkReleaseParts(
  manifest: Manifest,
  files: ReadonlyMap<string, Buffer>,
  options: ReleaseOptions,
): {
  readonly checks: readonly Check[];
  readonly signature?: CheckedSignature;
  readonly description?: AppDescription;
  readonly bootloaderSigned: boolean;
} {
  const chip = findChipByName(manifest.chip);
  if (chip === undefined) {
    return {
      bootloaderSigned: false,
      checks: [
        {
          title: 'chip',
          findings: [
            errorFinding('IMAGE_CHIP', `names chip '${manifest.chip}', which we do not know`, {
              file: MANIFEST,
            }),
          ],
        },
      ],
    };
  }
  const part = partsOf(manifest, files);
  const parts: Parts = { manifest, chip, part, options };
  const required = (
    ['app', 'partition-table', 'otadata', 'partitions-csv', 'flasher-args', 'flash-args'] as const
  )
    .filter((role) => !manifest.artifacts.some((artifact) => artifact.role === role))
    .map((role) => errorFinding('MANIFEST_MISMATCH', `lists no ${role}`, { file: MANIFEST }));
  const app = checkApp(parts);
  const bootloader = checkBootloader(parts, app?.signature);
  return {
    bootloaderSigned: bootloader.signed,
    checks: [
      {
        title: manifest.signing === null ? 'app image (not signed)' : 'app image and signature',
        findings: [...required, ...(app?.findings ?? []), ...checkDrill(manifest, app)],
      },
      {
        title: 'bootloader',
        findings: bootloader.findings,
        ...(part('bootloader') === undefined ? { absent: 'none in this release' } : {}),
      },
      { title: 'partition table', findings: checkReleaseTables(parts) },
      { title: 'OTA data', findings: checkOtadataPart(parts) },
    ],
    ...(app?.signature === undefined ? {} : { signature: app.signature }),
    ...(app?.description === undefined ? {} : { description: app.description }),
  };
}

function partsOf({ artifacts }: Manifest, files: ReadonlyMap<string, Buffer>): Parts['part'] {
  return (role) => {
    const artifact = artifacts.find((candidate) => candidate.role === role);
    const bytes = artifact === undefined ? undefined : files.get(artifact.file);
    if (artifact === undefined || bytes === undefined) return undefined;
    return {
      file: artifact.file,
      bytes,
      ...(artifact.offset === undefined ? {} : { offset: artifact.offset }),
    };
  };
}

/** A release says that it is a drill exactly when it holds one: people are warned by the one, devices run the other. */
function checkDrill({ source }: Manifest, app: CheckedApp | undefined): Finding[] {
  if (app?.description === undefined) return [];
  const { idfVersion, elfSha256 } = app.description;
  const holdsDrill = idfVersion === DRILL_IDF_VERSION;
  if (source.kind !== 'drill') {
    const message = 'holds the rollback drill, but the manifest does not say so';
    return holdsDrill ? [errorFinding('MANIFEST_MISMATCH', message, { file: MANIFEST })] : [];
  }
  if (holdsDrill && elfSha256.toString('hex') === source.sha256) return [];
  const message = 'says that this is the rollback drill, but the app is another program';
  return [errorFinding('MANIFEST_MISMATCH', message, { file: MANIFEST })];
}

function checkApp({ manifest, chip, part, options }: Parts): CheckedApp | undefined {
  const app = part('app');
  if (app === undefined) return undefined;
  const slots = manifest.partitions.filter(isOtaSlot);
  const checked = checkAppImage(app.bytes, {
    file: app.file,
    chip,
    ...(slots.length === 0 ? {} : { slotSize: Math.min(...slots.map(({ size }) => size)) }),
    ...(options.trustedKeys === undefined ? {} : { trustedKeys: options.trustedKeys }),
    ...(options.refusedKeys === undefined ? {} : { refusedKeys: options.refusedKeys }),
    signature: manifest.signing === null ? 'forbidden' : 'required',
  });
  const home = slots.sort((a, b) => a.subtype - b.subtype)[
    manifest.source.kind === 'drill' ? 1 : 0
  ];
  const misplaced =
    home === undefined || app.offset === home.offset
      ? []
      : [
          errorFinding('MANIFEST_MISMATCH', `is listed for another offset than '${home.name}'`, {
            file: app.file,
          }),
        ];
  return {
    ...checked,
    findings: [
      ...checked.findings,
      ...misplaced,
      ...compareDescription(checked, manifest),
      ...compareKeys(checked, manifest, app.file),
    ],
  };
}

function compareDescription({ description }: CheckedApp, manifest: Manifest): Finding[] {
  if (description === undefined) return [];
  const pairs = [
    ['version', description.version, manifest.version],
    ['projectName', description.projectName, manifest.projectName],
    ['secureVersion', description.secureVersion, manifest.secureVersion],
  ] as const;
  return pairs
    .filter(([, inApp, inManifest]) => inApp !== inManifest)
    .map(([field, inApp, inManifest]) =>
      errorFinding(
        'MANIFEST_MISMATCH',
        `${field} is '${inManifest}'; the app itself says '${inApp}'`,
        { file: MANIFEST },
      ),
    );
}

/** The manifest's key digests are those of the blocks, in their order: what QA reads is what the chip sees. */
function compareKeys({ signature }: CheckedApp, { signing }: Manifest, file: string): Finding[] {
  if (signing === null || signature === undefined) return [];
  const inBlocks = signature.blocks.map(({ keyDigest }) => keyDigest.toString('hex')).join(', ');
  const inManifest = signing.keys.map(({ digest }) => digest).join(', ');
  const schemes = signature.blocks.every(({ block }) => block.scheme === signing.scheme);
  if (inBlocks === inManifest && schemes) return [];
  return [
    errorFinding(
      'MANIFEST_MISMATCH',
      `lists keys ${inManifest} (${signing.scheme}); ${file} is signed by ${inBlocks || 'none'}`,
      { file: MANIFEST },
    ),
  ];
}

function checkBootloader(
  { manifest, chip, part, options }: Parts,
  appSignature: CheckedSignature | undefined,
): { readonly findings: readonly Finding[]; readonly signed: boolean } {
  const bootloader = part('bootloader');
  if (bootloader === undefined) return { findings: [], signed: false };
  const { file, offset } = bootloader;
  const table = part('partition-table');
  const ends = manifest.partitions.map((partition) => partition.offset + partition.size);
  const { trustedKeys, refusedKeys } = options;
  const checked = checkBootloaderImage(bootloader.bytes, {
    file,
    chip,
    ...(trustedKeys === undefined ? {} : { trustedKeys }),
    ...(refusedKeys === undefined ? {} : { refusedKeys }),
    ...(table?.offset === undefined ? {} : { tableOffset: table.offset }),
    ...(ends.length === 0 ? {} : { partitionsEnd: Math.max(...ends) }),
  });
  // Only hardware Secure Boot wants it to be signed, and most devices do without.
  const findings = checked.findings.filter(({ code }) => code !== 'SIGNATURE_MISSING');
  if (offset !== chip.bootloaderOffset) {
    const message = `is listed for another offset than ${chip.title}'s bootloader has`;
    findings.push(errorFinding('MANIFEST_MISMATCH', message, { file }));
  }
  findings.push(...compareFlashSettings(checked, manifest));
  if (checked.signature === undefined) return { findings, signed: false };
  findings.push(...checkStartsApp(checked, appSignature, file));
  return { findings, signed: true };
}

/** What the manifest says of flash is what the bootloader goes by. */
function compareFlashSettings({ image, chip }: CheckedImage, { flash }: Manifest): Finding[] {
  if (image === undefined || chip === undefined) return [];
  const mode = flashModeName(image.header.spiMode);
  const size = flashSizeByCode(image.header.flashSizeCode)?.name;
  const frequencies = flashFrequencyName(chip, image.header.flashFrequencyCode)?.split('/') ?? [];
  if (mode === flash.mode && size === flash.size && frequencies.includes(flash.freq)) return [];
  const inHeader = `${mode ?? '?'}, ${frequencies.join('/')}, ${size ?? '?'}`;
  const message = `says ${flash.mode}, ${flash.freq}, ${flash.size} of flash; the bootloader's header says ${inHeader}`;
  return [errorFinding('MANIFEST_MISMATCH', message, { file: MANIFEST })];
}

function checkOtadataPart({ manifest, part }: Parts): readonly Finding[] {
  const otadata = part('otadata');
  if (otadata === undefined) return [];
  const partition = manifest.partitions.find(isOtadata);
  const misplaced =
    partition?.offset === otadata.offset
      ? []
      : [
          errorFinding(
            'MANIFEST_MISMATCH',
            'is listed for another offset than the otadata partition',
            { file: otadata.file },
          ),
        ];
  return [
    ...checkReleaseOtadata(otadata.bytes, {
      file: otadata.file,
      isDrill: manifest.source.kind === 'drill',
      slotCount: manifest.partitions.filter(isOtaSlot).length,
    }),
    ...misplaced,
  ];
}
