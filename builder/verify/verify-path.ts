import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { detectFirmware } from '../compile/firmware-input.ts';
import { FormatError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import { PARTITION_TABLE_SIZE } from '../format/partition-table.ts';
import { OTADATA_SIZE } from '../format/otadata.ts';
import { looksLikeSignatureSector, SIGNATURE_SECTOR_SIZE } from '../format/signature-sector.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { checkAppImage } from './app-image.ts';
import { errorsOf, type Check } from './finding.ts';
import { checkFlashFile } from './flash-file.ts';
import { checkOtadata } from './otadata.ts';
import { verifyRelease } from './release.ts';
import { signersOfImage } from './image.ts';
import { signersOf } from './signature.ts';
import { checkSignedData } from './signed-data.ts';
import { checkTable } from './table.ts';
import { projectTrust, readTrust, type Trust } from './trust.ts';

export type VerifyPathOptions = {
  /** The path as the user wrote it. */
  readonly name: string;
  readonly projectDirectory: string;
  readonly trust?: string;
  /** What a caller has read already; no file is read then. */
  readonly trusted?: Trust;
  /** The file is a signed data partition, which nothing in it tells. */
  readonly data?: boolean;
};

/** What was verified, by which trust, and everything that was found. */
export type Verification = {
  readonly name: string;
  readonly kind:
    'release' | 'app' | 'bootloader' | 'flash-image' | 'partition-table' | 'otadata' | 'data';
  readonly ok: boolean;
  readonly checks: readonly Check[];
  readonly trust?: Trust;
  /** Digests (hex) of the keys whose signatures hold, in the order of their blocks. */
  readonly signedBy: readonly string[];
  readonly manifest?: Manifest;
  /** Of a release: SHA-256 in hex of every file, as it was checked. */
  readonly digests?: ReadonlyMap<string, string>;
};

type Checked = Pick<Verification, 'kind' | 'checks' | 'signedBy' | 'manifest' | 'digests'>;

const DEFAULT_TABLE_OFFSET = 0x8000;

/**
 * Verifies a release directory or a single file, whose kind is told from its bytes. With a trust file, or a
 * keys/trust.yaml in the project, only signatures by its keys count. Throws when the path cannot be read or recognised.
 */
export async function verifyPath(path: string, options: VerifyPathOptions): Promise<Verification> {
  const { name, projectDirectory } = options;
  const trust =
    options.trusted ??
    (options.trust === undefined
      ? await projectTrust(projectDirectory)
      : await readTrust(resolve(projectDirectory, options.trust), options.trust));
  const isDirectory = await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  const checked = isDirectory
    ? await checkDirectory(path, trust)
    : checkFile(await readInput(path, 'a release directory or an image'), options, trust);
  return {
    name,
    ok: errorsOf(checked.checks).length === 0,
    ...checked,
    ...(trust === undefined ? {} : { trust }),
  };
}

async function checkDirectory(path: string, trust: Trust | undefined): Promise<Checked> {
  const { checks, manifest, signature, digests } = await verifyRelease(
    path,
    trust === undefined ? {} : { ...trust.image, manifestTrust: trust.manifest },
  );
  return {
    kind: 'release',
    checks,
    digests,
    signedBy: signersOf(signature),
    ...(manifest === undefined ? {} : { manifest }),
  };
}

function checkFile(bytes: Buffer, options: VerifyPathOptions, trusted: Trust | undefined): Checked {
  const { name } = options;
  const trust = trusted?.image ?? {};
  const publicKeys = trusted?.publicKeys === undefined ? {} : { publicKeys: trusted.publicKeys };
  if (options.data === true) {
    const { findings, signature } = checkSignedData(bytes, { file: name, ...trust });
    return {
      kind: 'data',
      signedBy: signersOf(signature),
      checks: [{ title: 'signed data', findings }],
    };
  }
  if (bytes[0] === 0xaa && bytes[1] === 0x50) return checkTableFile(bytes, name, publicKeys);
  refuseSignedData(bytes, name);
  if (bytes.length === OTADATA_SIZE && bytes[0] !== 0xe9) {
    return {
      kind: 'otadata',
      signedBy: [],
      checks: [{ title: 'OTA data', findings: checkOtadata(bytes, { file: name, slotCount: 2 }) }],
    };
  }
  const input = detectFirmware(bytes, name);
  if (input.kind === 'app') {
    const checked = checkAppImage(bytes, { file: name, ...trust, ...publicKeys });
    return {
      kind: 'app',
      signedBy: signersOfImage(checked),
      checks: [{ title: 'app image and signature', findings: checked.findings }],
    };
  }
  return checkFlashFile({ ...input, bytes, name, ...trust, ...publicKeys });
}

/** OTA data, which may be as long, is never signed; firmware begins with an image, or with erased flash. */
function refuseSignedData(bytes: Buffer, name: string): void {
  const isFirmware = bytes[0] === 0xe9 || bytes[0] === 0xff;
  if (isFirmware || bytes.length <= SIGNATURE_SECTOR_SIZE) return;
  if (!looksLikeSignatureSector(bytes.subarray(-SIGNATURE_SECTOR_SIZE))) return;
  throw new FormatError('NOT_FIRMWARE', `${name} ends in a signature sector, but is no firmware`, {
    where: { file: name },
    hint: 'If it is a signed data partition, say so with --data.',
  });
}

function checkTableFile(
  bytes: Buffer,
  name: string,
  publicKeys: Pick<Trust, 'publicKeys'>,
): Checked {
  const { findings, v1 } = checkTable(
    bytes.subarray(0, Math.max(PARTITION_TABLE_SIZE, bytes.length)),
    { file: name, tableOffset: DEFAULT_TABLE_OFFSET, flashSize: undefined, ...publicKeys },
  );
  return {
    kind: 'partition-table',
    signedBy: v1?.keyDigest === undefined ? [] : [v1.keyDigest.toString('hex')],
    checks: [{ title: 'partition table', findings }],
  };
}
