import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { VerifyError } from '../errors/families.ts';
import { hashInput, readInput } from '../files/read-input.ts';
import { writeAndSync } from '../files/write-file.ts';
import { describeWriteFailure } from '../files/write-failure.ts';
import { formatPartitionCsv } from '../format/partition-csv.ts';
import { signManifest } from '../keys/sign-manifest.ts';
import { formatChecksums } from '../manifest/checksums.ts';
import {
  BOOTLOADER,
  CHECKSUMS,
  FLASH_ARGS,
  FLASHER_ARGS,
  MANIFEST,
  MANIFEST_SIGNATURE,
  OTADATA,
  PARTITION_TABLE,
  PARTITIONS_CSV,
  sourceFileName,
  stemFiles,
} from '../manifest/release-files.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { Context } from '../pipeline/context.ts';
import type { Stage } from '../pipeline/stage.ts';
import { releaseSbom } from '../sbom/release-sbom.ts';
import { errorsOf } from '../verify/finding.ts';
import { MOST_BYTES } from '../verify/read-release.ts';
import { verifyRelease } from '../verify/release.ts';
import { describeFindings } from '../verify/report.ts';
import type { Verified } from '../verify/verified.ts';
import type { Bundle } from './bundle.ts';
import {
  flashedParts,
  formatFlashArgs,
  formatFlasherArgs,
  isFlashPart,
  type FlasherOptions,
} from './flasher-args.ts';
import { composeFlashImage } from './full-image.ts';
import { requireUnchanged } from './unchanged.ts';
import { makeManifest, type ListedFile } from './make-manifest.ts';
import { writeZip } from './zip.ts';

/** Makes the release directory whole, checks it once more as QA would, and moves it into place. */
export const bundleStage: Stage<Verified, Bundle> = {
  key: 'bundle',
  title: 'bundling the release',
  run: async (context, verified) => {
    const { plan, staging, target, signers } = verified;
    const manifest = await writeRelease(context, verified);
    context.throwIfInterrupted();
    await requireSound(
      staging.path,
      signers.length === 0 ? undefined : signers.map(({ digest }) => digest),
    );
    context.throwIfInterrupted();
    await staging.publish();
    const { chip, layout, description, signature, inventory } = verified;
    return {
      plan,
      chip,
      layout,
      description,
      directory: target,
      manifest,
      ...(signature === undefined ? {} : { signature }),
      ...(inventory === undefined ? {} : { inventory }),
    };
  },
};

/** Writes all that is not there yet. What it holds, large ELF files among it, is let go before the release is read back. */
async function writeRelease(context: Context, verified: Verified): Promise<Manifest> {
  const made = listFiles(verified);
  const listed = [...made, ...(await readSourceFiles(verified)), await billOf(verified, made)];
  const manifest = makeManifest(verified, listed, context.warnings);
  requireUnchanged(verified, manifest);
  const files = new Map(listed.map(({ file, bytes }) => [file, bytes]));
  const manifestBytes = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
  files.set(MANIFEST, manifestBytes);
  const { signers } = verified;
  if (signers.length > 0) files.set(MANIFEST_SIGNATURE, await signManifest(manifestBytes, signers));
  context.throwIfInterrupted();
  await writeFiles(verified, files);
  return manifest;
}

async function billOf(
  { plan, source, inventory, bill }: Verified,
  files: readonly ListedFile[],
): Promise<ListedFile> {
  const bytes = await releaseSbom({
    plan,
    source,
    files,
    ...(inventory === undefined ? {} : { inventory }),
    ...(bill === undefined ? {} : { bill }),
  });
  return { role: 'sbom', file: stemFiles(plan.stem).sbom, bytes };
}

async function readSourceFiles({
  plan,
  staging,
  sourceFiles = [],
}: Verified): Promise<readonly ListedFile[]> {
  const files: ListedFile[] = [];
  for (const { role } of sourceFiles) {
    const file = sourceFileName(role, plan.stem);
    files.push({ role, file, bytes: await readInput(join(staging.path, file), 'a part') });
  }
  return files;
}

function listFiles(verified: Verified): ListedFile[] {
  const { plan, parts, layout, chip } = verified;
  const names = stemFiles(plan.stem);
  const { table, otadata, app, bootloader } = parts;
  const placed: (ListedFile & { readonly offset: number })[] = [
    ...(bootloader === undefined
      ? []
      : [
          {
            role: 'bootloader' as const,
            file: BOOTLOADER,
            bytes: bootloader,
            offset: chip.bootloaderOffset,
          },
        ]),
    { role: 'partition-table', file: PARTITION_TABLE, bytes: table, offset: layout.tableOffset },
    { role: 'otadata', file: OTADATA, bytes: otadata, offset: layout.otadataPartition.offset },
    { role: 'app', file: names.app, bytes: app, offset: layout.appSlot.offset },
  ];
  const firmware: ListedFile[] =
    bootloader === undefined
      ? []
      : [
          {
            role: 'firmware',
            file: names.firmware,
            bytes: composeFlashImage(chip.bootloaderOffset, placed),
            offset: chip.bootloaderOffset,
          },
        ];
  const options = flasherOptions(verified, placed);
  return [
    ...firmware,
    ...placed,
    {
      role: 'partitions-csv',
      file: PARTITIONS_CSV,
      bytes: Buffer.from(formatPartitionCsv(layout.partitions)),
    },
    { role: 'flasher-args', file: FLASHER_ARGS, bytes: Buffer.from(formatFlasherArgs(options)) },
    { role: 'flash-args', file: FLASH_ARGS, bytes: Buffer.from(formatFlashArgs(options)) },
  ];
}

function flasherOptions(
  { plan, layout, bootloaderSigned }: Verified,
  placed: readonly (ListedFile & { readonly offset: number })[],
): FlasherOptions {
  return {
    chip: plan.chip,
    flash: { mode: layout.flash.mode, freq: layout.flash.frequency, size: layout.flash.size.name },
    keepHeader: bootloaderSigned,
    parts: flashedParts(placed.filter(isFlashPart)),
  };
}

async function writeFiles(
  { plan, staging, sourceFiles = [] }: Verified,
  files: ReadonlyMap<string, Buffer>,
): Promise<void> {
  const names = stemFiles(plan.stem);
  const alreadyThere = new Set([names.app, PARTITION_TABLE, OTADATA, BOOTLOADER]);
  for (const { role } of sourceFiles) alreadyThere.add(sourceFileName(role, plan.stem));
  const digests = [...files].map(([file, bytes]) => ({ file, sha256: sha256(bytes) }));
  const zip = join(staging.path, names.zip);
  try {
    // Side by side: most of the time goes into waiting for the disk. All end before one that failed is reported, so that
    // none writes into a directory that is being removed.
    const written = await Promise.allSettled([
      writeZip(zip, files, new Date(plan.createdAt)),
      ...[...files]
        .filter(([name]) => !alreadyThere.has(name))
        .map(([name, bytes]) => writeAndSync(join(staging.path, name), bytes, 0o644)),
    ]);
    for (const result of written) if (result.status === 'rejected') throw result.reason as Error;
    const { sha256: zipDigest } = await hashInput(zip, 'the zip', MOST_BYTES);
    digests.push({ file: names.zip, sha256: zipDigest });
    await writeAndSync(join(staging.path, CHECKSUMS), Buffer.from(formatChecksums(digests)), 0o644);
  } catch (error) {
    throw describeWriteFailure(error, staging.path);
  }
}

async function requireSound(
  directory: string,
  trustedKeys: readonly Buffer[] | undefined,
): Promise<void> {
  const { checks } = await verifyRelease(
    directory,
    trustedKeys === undefined ? {} : { trustedKeys },
  );
  const errors = errorsOf(checks);
  if (errors.length === 0) return;
  throw new VerifyError(
    'VERIFICATION_FAILED',
    `the release that was made does not hold:\n${describeFindings(errors)}`,
    {
      details: { findings: errors },
    },
  );
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
