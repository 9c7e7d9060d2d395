import { createPublicKey, type KeyObject } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { FormatError, VerifyError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import { keyDigestOfPublicKey, publicKeyOf } from '../format/signature-key.ts';
import { keysOfTrustFile, trustFileSchema } from '../schema/trust-file.ts';
import { parseYamlFile } from '../schema/yaml-file.ts';
import { roleTrust, type RoleTrust } from './trust-policy.ts';

const TRUST_LIMIT = 64 * 1024;
/** No trust.yaml is as short. */
const RAW_KEY_SIZE = 64;
const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;

/** Whose signatures count, for what, and where that was read. */
export type Trust = {
  readonly file: string;
  readonly image: RoleTrust;
  readonly manifest: RoleTrust;
  /** The keys themselves, where the file has them: a Secure Boot V1 signature cannot be checked without. */
  readonly publicKeys?: readonly KeyObject[];
};

/**
 * Reads a trust file: public keys in PEM or one in 64 raw bytes, each of which counts for everything, or a trust.yaml, whose
 * dates are held against `now`. `name` is the file as messages show it. Throws VerifyError for a file that is neither.
 */
export async function readTrust(path: string, name: string, now = new Date()): Promise<Trust> {
  const bytes = await readTrustFile(path, name);
  if (bytes.length === RAW_KEY_SIZE) return trustIn(name, [rawPublicKey(bytes, name)]);
  const text = bytes.toString('utf8');
  if (text.includes('PRIVATE KEY-----')) {
    throw new VerifyError(
      'TRUST_INVALID',
      `${name} holds a private key: trust needs the public key only`,
      {
        hint: 'Take the .pub.pem beside it.',
      },
    );
  }
  if (text.includes('-----BEGIN ')) {
    return trustIn(
      name,
      pemBlocks(text, name).map((block) => publicKey(block, name)),
    );
  }
  const keys = keysOfTrustFile(
    parseYamlFile(
      name,
      text,
      trustFileSchema,
      (message, options) => new VerifyError('TRUST_INVALID', message, options),
    ),
  );
  return {
    file: name,
    image: roleTrust(keys, 'image', now),
    manifest: roleTrust(keys, 'manifest', now),
  };
}

/** Trust in public keys: each counts for everything. */
function trustIn(file: string, publicKeys: readonly KeyObject[]): Trust {
  const trusted = { trustedKeys: publicKeys.map(keyDigestOfPublicKey) };
  return { file, image: trusted, manifest: trusted, publicKeys };
}

async function readTrustFile(path: string, name: string): Promise<Buffer> {
  try {
    return await readInput(path, 'a public key in PEM or a trust.yaml', TRUST_LIMIT);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new VerifyError('TRUST_INVALID', error.message, { where: { file: name }, cause: error });
  }
}

/**
 * The trust file of a project, keys/trust.yaml; undefined only when it has none: one that cannot be read (no permission,
 * a link that leads nowhere) is an error, or taking a right away would take trust away.
 */
export async function projectTrust(projectDirectory: string): Promise<Trust | undefined> {
  const name = join('keys', 'trust.yaml');
  const path = join(projectDirectory, name);
  try {
    await lstat(path);
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new VerifyError('TRUST_INVALID', `${name} cannot be read (${code})`, { cause: error });
  }
  return readTrust(path, name);
}

/** A key on P-256 as ESP-IDF compiles it into a bootloader for Secure Boot V1: X and Y, big-endian (espsecure extract-public-key). */
function rawPublicKey(bytes: Buffer, name: string): KeyObject {
  const half = RAW_KEY_SIZE / 2;
  const coordinates = { x: bytes.subarray(0, half), y: bytes.subarray(half) };
  try {
    return publicKeyOf({ scheme: 'ecdsa256', publicKey: coordinates });
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new VerifyError(
      'TRUST_INVALID',
      `${name} has 64 bytes, but is no public key on P-256: ${error.message}`,
    );
  }
}

/** Every PEM block of a file. One that is torn is not passed over: its key may be the one that matters. */
function pemBlocks(text: string, name: string): readonly string[] {
  const blocks = text.match(PEM_BLOCK) ?? [];
  if (blocks.length === text.split('-----BEGIN ').length - 1) return blocks;
  throw new VerifyError(
    'TRUST_INVALID',
    `${name} is not a public key that could be trusted: a PEM block has no end, or another one than its beginning`,
  );
}

function publicKey(pem: string, name: string): KeyObject {
  try {
    const key = createPublicKey(pem);
    keyDigestOfPublicKey(key);
    return key;
  } catch (error) {
    const problem = error instanceof FormatError ? error.message : 'it cannot be decoded';
    throw new VerifyError(
      'TRUST_INVALID',
      `${name} is not a public key that could be trusted: ${problem}`,
    );
  }
}
