import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { FormatError, SigningError } from '../errors/families.ts';
import type { PublicKeyFields } from '../format/signature-block.ts';
import { publicKeyFields } from '../format/signature-key.ts';
import { readDer } from './forge.ts';
import { containerOf, isOfType, type KeyContainer } from './key-container.ts';
import { smallNumber } from './key-derivation.ts';
import type { LockedKey } from './locked-key.ts';
import { looksLikeKey, withoutPadding } from './plain-key.ts';

/** Text that `keys generate` and the development key write above the key: OpenSSL and espsecure skip it. */
export const DEVELOPMENT_MARK = 'ota-build development key: not for releases';

/** A private key that Secure Boot V2 has a scheme for. */
export type PrivateKey = {
  readonly key: KeyObject;
  readonly fields: PublicKeyFields;
  readonly development: boolean;
};

/** Gets the passphrase of a key that turned out to be encrypted; asked only then. */
export type AskPassphrase = () => Promise<string>;

/**
 * Reads a private key: PKCS#1, SEC1 or PKCS#8, in PEM or DER, plain or encrypted by OpenSSL in any of its ways. `name` is
 * the key's reference as messages show it. Throws SigningError for everything else, and never quotes what it read:
 * PASSPHRASE_WRONG when the passphrase does not open it, KEY_UNREADABLE when the key is damaged.
 */
export async function readPrivateKey(
  bytes: Buffer,
  name: string,
  askPassphrase: AskPassphrase,
): Promise<PrivateKey> {
  const container = containerOf(bytes, name);
  const { lock } = container;
  const key =
    lock === undefined
      ? openPlain(container, name)
      : await unlock(lock, { container, name, passphrase: await askPassphrase() });
  return checkedKey(key, bytes, name);
}

/** Reads a private key that is not encrypted, as `readPrivateKey` does. Throws SigningError (KEY_LOCKED) for one that is. */
export function parsePrivateKey(text: string, name: string): PrivateKey {
  const bytes = Buffer.from(text);
  const container = containerOf(bytes, name);
  if (container.lock === undefined) return checkedKey(openPlain(container, name), bytes, name);
  throw new SigningError(
    'KEY_LOCKED',
    `${name} is guarded by a passphrase; a key without one was expected`,
  );
}

function checkedKey(key: KeyObject, bytes: Buffer, name: string): PrivateKey {
  const fields = supportedFields(key, name);
  requireConsistent(key, name);
  return { key, fields, development: bytes.includes(DEVELOPMENT_MARK) };
}

function openPlain({ der, type, label }: KeyContainer, name: string): KeyObject {
  const key = keyOf(der, type);
  if (key !== undefined) return key;
  throw new SigningError(
    'KEY_UNREADABLE',
    `${name} is damaged: its ${label} block cannot be decoded`,
  );
}

async function unlock(
  lock: LockedKey,
  {
    container,
    name,
    passphrase,
  }: {
    readonly container: KeyContainer;
    readonly name: string;
    readonly passphrase: string;
  },
): Promise<KeyObject> {
  const plain = await lock.decrypt(passphrase);
  // Stream ciphers pad nothing, and OpenSSL takes a key with noise behind it: what is left of a padding that was damaged.
  const der = [plain, withoutPadding(plain)].find((each) => readDer(each) !== undefined);
  const key = keyOf(der ?? plain, container.type);
  if (key !== undefined) return key;
  if (looksLikeKey(plain)) {
    throw new SigningError(
      'KEY_UNREADABLE',
      `${name} is damaged: the passphrase opens it, but what is inside is no longer a key`,
      { hint: 'Restore it from a copy.' },
    );
  }
  throw new SigningError('PASSPHRASE_WRONG', `the passphrase does not open ${name}`, {
    hint: 'If it is surely the right one, the file is damaged where that cannot be told apart (its salt, its rounds, or all of it).',
  });
}

function keyOf(der: Buffer, type: KeyContainer['type']): KeyObject | undefined {
  const element = readDer(der);
  if (element === undefined || !isOfType(element, type)) return undefined;
  try {
    return createPrivateKey({ key: der, format: 'der', type });
  } catch {
    return undefined;
  }
}

function supportedFields(key: KeyObject, name: string): PublicKeyFields {
  try {
    return publicKeyFields(key);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new SigningError('KEY_WRONG_TYPE', `${name}: ${error.message}`, {
      hint: 'Make one with: ota-build keys generate FILE',
    });
  }
}

/** OpenSSL reads a key whose numbers do not belong together; its digest would be that of a key that nobody has. */
function requireConsistent(key: KeyObject, name: string): void {
  if (hasManyPrimes(key)) {
    throw new SigningError('KEY_WRONG_TYPE', `${name} is an RSA key with more than two primes`, {
      hint: 'Make one with: ota-build keys generate FILE',
    });
  }
  const agrees = key.asymmetricKeyType === 'rsa' ? rsaNumbersAgree(key) : ecHalvesAgree(key);
  if (agrees) return;
  throw new SigningError(
    'KEY_UNREADABLE',
    `${name} is damaged: its private and its public half do not belong together`,
  );
}

/** RFC 8017, appendix A.1.2: version 1 of RSAPrivateKey is multi-prime, version 0 has two. */
function hasManyPrimes(key: KeyObject): boolean {
  if (key.asymmetricKeyType !== 'rsa') return false;
  const [version] = readDer(key.export({ format: 'der', type: 'pkcs1' }))?.children ?? [];
  return smallNumber(version) === 1;
}

/** RFC 8017, section 3.2. Signing would not tell: OpenSSL makes up for some numbers that are wrong. */
function rsaNumbersAgree(key: KeyObject): boolean {
  const jwk = key.export({ format: 'jwk' });
  const number = (text: string | undefined): bigint =>
    BigInt(`0x0${Buffer.from(text ?? '', 'base64url').toString('hex')}`);
  const [e, d, p, q] = [number(jwk.e), number(jwk.d), number(jwk.p), number(jwk.q)];
  if (p < 2n || q < 2n || p * q !== number(jwk.n)) return false;
  const exponents = [d, number(jwk.dp)].every((each) => (e * each) % (p - 1n) === 1n);
  const others = [d, number(jwk.dq)].every((each) => (e * each) % (q - 1n) === 1n);
  return exponents && others && (number(jwk.qi) * q) % p === 1n;
}

function ecHalvesAgree(key: KeyObject): boolean {
  const probe = Buffer.from('ota-build');
  try {
    return verify('sha256', probe, createPublicKey(key), sign('sha256', probe, key));
  } catch {
    // OpenSSL refuses to compute with some such keys, which says the same.
    return false;
  }
}
