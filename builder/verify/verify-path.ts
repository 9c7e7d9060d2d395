import { stat } from 'node:fs/promises';
import type { Chip } from '../chip/chip.ts';
import { detectFirmware } from '../compile/firmware-input.ts';
import { splitFlashImage } from '../compile/flash-image.ts';
import { FormatError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import { isOtaSlot } from '../format/partition-types.ts';
import { PARTITION_TABLE_SIZE } from '../format/partition-table.ts';
import { OTADATA_SIZE } from '../format/otadata.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { checkAppImage } from './app-image.ts';
import { checkBootloaderImage } from './bootloader-image.ts';
import { errorFinding, errorsOf, type Check } from './finding.ts';
import { checkOtadata } from './otadata.ts';
import { verifyRelease } from './release.ts';
import { checkTable } from './table.ts';
import { projectTrust, readTrust, type Trust } from './trust.ts';

export type VerifyPathOptions = {
  /** The path as the user wrote it. */
  readonly name: string;
  readonly projectDirectory: string;
  readonly trust?: string;
};

/** What was verified, by which trust, and everything that was found. */
export type Verification = {
  readonly name: string;
  readonly kind: 'release' | 'app' | 'bootloader' | 'flash-image' | 'partition-table' | 'otadata';
  readonly ok: boolean;
  readonly checks: readonly Check[];
  readonly trust?: Trust;
  /** Digests (hex) of the keys whose signatures hold, in the order of their blocks. */
  readonly signedBy: readonly string[];
  readonly manifest?: Manifest;
};

type Checked = Pick<Verification, 'kind' | 'checks' | 'signedBy' | 'manifest'>;

const DEFAULT_TABLE_OFFSET = 0x8000;

/**
 * Verifies a release directory or a single file, whose kind is told from its bytes. With a trust file, or a
 * keys/trust.yaml in the project, only signatures by its keys count. Throws when the path cannot be read or recognised.
 */
export async function verifyPath(path: string, options: VerifyPathOptions): Promise<Verification> {
  const { name, projectDirectory } = options;
  const trust = options.trust === undefined ? await projectTrust(projectDirectory) : await readTrust(options.trust, options.trust);
  const trustedKeys = trust?.keys;
  const isDirectory = await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  const checked = isDirectory ? await checkDirectory(path, trustedKeys) : checkFile(await readInput(path, 'something to verify'), name, trustedKeys);
  return { name, ok: errorsOf(checked.checks).length === 0, ...checked, ...(trust === undefined ? {} : { trust }) };
}

async function checkDirectory(path: string, trustedKeys: readonly Buffer[] | undefined): Promise<Checked> {
  const { checks, manifest, signature } = await verifyRelease(path, trustedKeys === undefined ? {} : { trustedKeys });
  return { kind: 'release', checks, signedBy: signers(signature), ...(manifest === undefined ? {} : { manifest }) };
}

function checkFile(bytes: Buffer, name: string, trustedKeys: readonly Buffer[] | undefined): Checked {
  if (bytes[0] === 0xaa && bytes[1] === 0x50) {
    const { findings } = checkTable(bytes.subarray(0, Math.max(PARTITION_TABLE_SIZE, bytes.length)), { file: name, tableOffset: DEFAULT_TABLE_OFFSET, flashSize: undefined });
    return { kind: 'partition-table', signedBy: [], checks: [{ title: 'partition table', findings }] };
  }
  if (bytes.length === OTADATA_SIZE && bytes[0] !== 0xe9) {
    return { kind: 'otadata', signedBy: [], checks: [{ title: 'OTA data', findings: checkOtadata(bytes, { file: name, slotCount: 2 }) }] };
  }
  const input = detectFirmware(bytes, name);
  const trust = trustedKeys === undefined ? {} : { trustedKeys };
  if (input.kind === 'app') {
    const { findings, signature } = checkAppImage(bytes, { file: name, ...trust });
    return { kind: 'app', signedBy: signers(signature), checks: [{ title: 'app image and signature', findings }] };
  }
  return checkFlashImage(bytes, name, { ...input, ...trust });
}

/** A full-flash image, or a bootloader alone, which looks alike up to its end. */
function checkFlashImage(
  bytes: Buffer,
  name: string,
  input: { readonly start: number; readonly chip: Chip; readonly trustedKeys?: readonly Buffer[] },
): Checked {
  const { start, chip, trustedKeys } = input;
  try {
    const { bootloader, tableOffset, partitions, app } = splitFlashImage({ bytes, start, chip, name });
    const end = Math.max(...partitions.map(({ offset, size }) => offset + size));
    const trust = trustedKeys === undefined ? {} : { trustedKeys };
    const slot = bytes.subarray(app.partition.offset - start, app.partition.offset - start + app.partition.size);
    const sizes = partitions.filter(isOtaSlot).map(({ size }) => size);
    const table = bytes.subarray(tableOffset - start, tableOffset - start + PARTITION_TABLE_SIZE);
    const checkedApp = checkAppImage(slot, { file: `${name} (app in '${app.partition.name}')`, chip, slotSize: Math.min(app.partition.size, ...sizes), ...trust });
    return {
      kind: 'flash-image',
      signedBy: signers(checkedApp.signature),
      checks: [
        { title: 'bootloader', findings: checkBootloaderImage(bootloader.bytes, { file: `${name} (bootloader)`, chip, tableOffset, partitionsEnd: end }).findings },
        { title: 'partition table', findings: checkTable(table, { file: `${name} (partition table)`, tableOffset, flashSize: undefined }).findings },
        { title: 'app image and signature', findings: checkedApp.findings },
      ],
    };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    if (error.code === 'WRONG_KIND') {
      const { findings, signature } = checkBootloaderImage(bytes, { file: name, ...(trustedKeys === undefined ? {} : { trustedKeys }) });
      return { kind: 'bootloader', signedBy: signers(signature), checks: [{ title: 'bootloader', findings }] };
    }
    const offset = error.where?.offset;
    const finding = errorFinding('IMAGE_MALFORMED', error.message, { file: name, ...(offset === undefined ? {} : { offset }) });
    return { kind: 'flash-image', signedBy: [], checks: [{ title: 'full-flash image', findings: [finding] }] };
  }
}

function signers(signature: { readonly blocks: readonly { readonly valid: boolean; readonly keyDigest: Buffer }[] } | undefined): string[] {
  return (signature?.blocks ?? []).filter(({ valid }) => valid).map(({ keyDigest }) => keyDigest.toString('hex'));
}
