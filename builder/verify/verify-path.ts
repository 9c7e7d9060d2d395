import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { detectFirmware } from '../compile/firmware-input.ts';
import { readInput } from '../files/read-input.ts';
import { PARTITION_TABLE_SIZE } from '../format/partition-table.ts';
import { OTADATA_SIZE } from '../format/otadata.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { checkAppImage } from './app-image.ts';
import { errorsOf, type Check } from './finding.ts';
import { checkFlashFile } from './flash-file.ts';
import { checkOtadata } from './otadata.ts';
import { verifyRelease } from './release.ts';
import { signersOf } from './signature.ts';
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
  const trust =
    options.trust === undefined
      ? await projectTrust(projectDirectory)
      : await readTrust(resolve(projectDirectory, options.trust), options.trust);
  const trustedKeys = trust?.keys;
  const isDirectory = await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  const checked = isDirectory
    ? await checkDirectory(path, trustedKeys)
    : checkFile(await readInput(path, 'a release directory or an image'), name, trustedKeys);
  return {
    name,
    ok: errorsOf(checked.checks).length === 0,
    ...checked,
    ...(trust === undefined ? {} : { trust }),
  };
}

async function checkDirectory(
  path: string,
  trustedKeys: readonly Buffer[] | undefined,
): Promise<Checked> {
  const { checks, manifest, signature } = await verifyRelease(
    path,
    trustedKeys === undefined ? {} : { trustedKeys },
  );
  return {
    kind: 'release',
    checks,
    signedBy: signersOf(signature),
    ...(manifest === undefined ? {} : { manifest }),
  };
}

function checkFile(
  bytes: Buffer,
  name: string,
  trustedKeys: readonly Buffer[] | undefined,
): Checked {
  if (bytes[0] === 0xaa && bytes[1] === 0x50) {
    const { findings } = checkTable(
      bytes.subarray(0, Math.max(PARTITION_TABLE_SIZE, bytes.length)),
      { file: name, tableOffset: DEFAULT_TABLE_OFFSET, flashSize: undefined },
    );
    return {
      kind: 'partition-table',
      signedBy: [],
      checks: [{ title: 'partition table', findings }],
    };
  }
  if (bytes.length === OTADATA_SIZE && bytes[0] !== 0xe9) {
    return {
      kind: 'otadata',
      signedBy: [],
      checks: [{ title: 'OTA data', findings: checkOtadata(bytes, { file: name, slotCount: 2 }) }],
    };
  }
  const input = detectFirmware(bytes, name);
  const trust = trustedKeys === undefined ? {} : { trustedKeys };
  if (input.kind === 'app') {
    const { findings, signature } = checkAppImage(bytes, { file: name, ...trust });
    return {
      kind: 'app',
      signedBy: signersOf(signature),
      checks: [{ title: 'app image and signature', findings }],
    };
  }
  return checkFlashFile({ ...input, bytes, name, ...trust });
}
