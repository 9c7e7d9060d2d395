import { join, resolve } from 'node:path';
import type { Chip, SignatureScheme } from '../chip/chip.ts';
import { findChipByName } from '../chip/registry.ts';
import { ProfileError, SigningError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { readManifest } from '../manifest/read-manifest.ts';
import { PARTITIONS_CSV } from '../manifest/release-files.ts';
import { checkBootloaderImage } from '../verify/bootloader-image.ts';
import { signersOf } from '../verify/signature.ts';
import { checkKeyReference } from './check-names.ts';
import type { Plan } from './plan.ts';

/** What the command line says of how a finished release is signed. */
export type SignRequest = {
  readonly projectDirectory: string;
  /** The release directory, as the user named it. */
  readonly directory: string;
  readonly keys: readonly string[];
  readonly scheme: SignatureScheme | undefined;
  /** Takes the signatures away that are there. */
  readonly replace: boolean;
};

/**
 * The plan of a release that is another one with signatures: everything that decides what it is comes from that one's
 * manifest, pinned by its SHA-256. Throws SigningError for a release that is signed already or is for another scheme.
 */
export async function planSignedRelease(request: SignRequest): Promise<Plan> {
  const { directory, projectDirectory } = request;
  const { manifest, sha256 } = await readManifest(resolve(projectDirectory, directory));
  const chip = findChipByName(manifest.chip);
  if (chip === undefined)
    throw new ProfileError(
      'PROFILE_INVALID',
      `${directory} is for chip '${manifest.chip}', which this version of ota-build does not know`,
    );
  const { board, variant, version, projectName, secureVersion, createdAt, flash } = manifest;
  return {
    schema: 1,
    board,
    ...(variant === undefined ? {} : { variant }),
    chip: chip.name,
    version,
    projectName,
    secureVersion,
    createdAt,
    source: {
      kind: 'release',
      directory,
      manifest: sha256,
      drill: manifest.source.kind === 'drill',
    },
    flash: { size: flash.size },
    ...placesOf(manifest, directory),
    signing: await signingOf(request, manifest, chip),
    stem: [board, variant, version].filter((part) => part !== undefined).join('-'),
  };
}

function placesOf(
  { artifacts, partitions }: Manifest,
  directory: string,
): Pick<Plan, 'layout' | 'partitionTableOffset'> {
  const table = artifacts.find(({ role }) => role === 'partition-table');
  const csv = artifacts.find(({ role }) => role === 'partitions-csv');
  if (table?.offset === undefined || csv === undefined)
    throw new ProfileError(
      'PROFILE_INVALID',
      `${directory} has no partition table, or no place for it: it is not a whole release`,
    );
  return {
    partitionTableOffset: table.offset,
    layout: {
      name: 'of the release',
      file: `${directory}/${PARTITIONS_CSV}`,
      sha256: csv.sha256,
      partitions: partitions.map(({ flags, ...partition }, index) => ({
        ...partition,
        encrypted: flags.includes('encrypted'),
        readonly: flags.includes('readonly'),
        // Ours has two lines of comment above the rows.
        line: index + 3,
      })),
    },
  };
}

async function signingOf(
  request: SignRequest,
  manifest: Manifest,
  chip: Chip,
): Promise<NonNullable<Plan['signing']>> {
  const { directory, keys, scheme: asked, replace } = request;
  const { signing, awaitsSignature } = manifest;
  if (signing !== null && !replace) {
    throw new SigningError('IMAGE_NOT_SIGNABLE', `${directory} is signed already`, {
      hint: 'Use --replace to take its signatures away and sign it anew.',
    });
  }
  const expected = awaitsSignature?.scheme ?? signing?.scheme;
  const scheme = asked ?? expected ?? chip.secureBootV2.schemes[0];
  if (awaitsSignature !== undefined && scheme !== awaitsSignature.scheme) {
    throw new SigningError(
      'SCHEME_MISMATCH',
      `${directory} was made to be signed with ${awaitsSignature.scheme}, not with ${scheme}`,
      { hint: `Leave --scheme away, or build it anew with --scheme ${scheme} --sign-later.` },
    );
  }
  if (keys.length > chip.secureBootV2.keySlots) {
    throw new SigningError(
      'KEY_COUNT',
      `${keys.length} keys were given; ${chip.title} looks at ${chip.secureBootV2.keySlots} signature block(s)`,
    );
  }
  return {
    scheme,
    bootloader: awaitsSignature?.bootloader ?? (await isBootloaderOurs(request, manifest, chip)),
    keys: keys.map(checkKeyReference),
  };
}

/** True when the keys that signed the app signed the bootloader too: it then gets the new signatures as well. */
async function isBootloaderOurs(
  { projectDirectory, directory }: SignRequest,
  { artifacts, signing }: Manifest,
  chip: Chip,
): Promise<boolean> {
  const part = artifacts.find(({ role }) => role === 'bootloader');
  if (part === undefined || signing === null) return false;
  const path = join(resolve(projectDirectory, directory), part.file);
  const bytes = await readInput(path, 'the bootloader of a release');
  const { signature } = checkBootloaderImage(bytes, { file: part.file, chip });
  const digests = signing.keys.map(({ digest }) => digest);
  return signersOf(signature).join() === digests.join();
}
