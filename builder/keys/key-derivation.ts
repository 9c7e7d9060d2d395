import { createHash, pbkdf2, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { DER_INTEGER, DER_OID, DER_OCTETS, DER_SEQUENCE, oidOf, type Der } from './forge.ts';

/** Turns a passphrase into `length` bytes of key. */
export type KeyDerivation = (passphrase: string, length: number) => Promise<Buffer>;

export const OID_PBKDF2 = '1.2.840.113549.1.5.12';
export const OID_HMAC_SHA256 = '1.2.840.113549.2.9';
const OID_SCRYPT = '1.3.6.1.4.1.11591.4.11';

const HMACS: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.6': 'md5',
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  [OID_HMAC_SHA256]: 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
  '1.2.840.113549.2.12': 'sha512-224',
  '1.2.840.113549.2.13': 'sha512-256',
};

/** What a file may cost before its passphrase is known to be right: some seconds, and half a gibibyte. */
const ITERATION_LIMIT = 10_000_000;
const SCRYPT_MEMORY_LIMIT = 512 * 1024 * 1024;
const SCRYPT_PARALLEL_LIMIT = 64;

/**
 * The key derivation of PBES2 (RFC 8018, appendix A.2; RFC 7914, section 7): PBKDF2 or scrypt. Undefined for any other, and
 * for parameters that are damaged or cost more than a key file should.
 */
export function readKeyDerivation(algorithm: Der | undefined): KeyDerivation | undefined {
  const [oid, parameters] = algorithm?.children ?? [];
  if (oid?.tag !== DER_OID || parameters?.tag !== DER_SEQUENCE) return undefined;
  if (oidOf(oid) === OID_PBKDF2) return readPbkdf2(parameters.children);
  if (oidOf(oid) === OID_SCRYPT) return readScrypt(parameters.children);
  return undefined;
}

// PBKDF2-params: salt OCTET STRING, iterationCount INTEGER, keyLength INTEGER OPTIONAL, prf DEFAULT hmacWithSHA1
function readPbkdf2([salt, count, ...rest]: readonly Der[]): KeyDerivation | undefined {
  const iterations = smallNumber(count);
  const prf = rest.find(({ tag }) => tag === DER_SEQUENCE)?.children[0];
  const hash = prf === undefined ? 'sha1' : HMACS[oidOf(prf)];
  if (salt?.tag !== DER_OCTETS || hash === undefined) return undefined;
  if (iterations < 1 || iterations > ITERATION_LIMIT) return undefined;
  return (passphrase, length) =>
    promisify(pbkdf2)(passphrase, salt.content, iterations, length, hash);
}

// scrypt-params: salt OCTET STRING, costParameter, blockSize, parallelizationParameter, keyLength OPTIONAL: INTEGER
function readScrypt([salt, ...numbers]: readonly Der[]): KeyDerivation | undefined {
  const [N = 0, r = 0, p = 0] = numbers.map(smallNumber);
  const isPowerOfTwo = N > 1 && Number.isInteger(Math.log2(N));
  const sound = salt?.tag === DER_OCTETS && isPowerOfTwo && r > 0 && p > 0;
  if (!sound || 128 * N * r > SCRYPT_MEMORY_LIMIT || p > SCRYPT_PARALLEL_LIMIT) return undefined;
  const options = { N, r, p, maxmem: 2 * SCRYPT_MEMORY_LIMIT };
  return (passphrase, length) =>
    new Promise((resolve, reject) => {
      scrypt(passphrase, salt.content, length, options, (error, key) => {
        if (error === null) resolve(key);
        else reject(error);
      });
    });
}

/** An INTEGER of up to 31 bits; −1 for anything else. */
export function smallNumber(element: Der | undefined): number {
  if (element?.tag !== DER_INTEGER) return -1;
  const { content } = element;
  return content.length >= 1 && content.length <= 4 ? content.readIntBE(0, content.length) : -1;
}

/** PBKDF1 (RFC 8018, section 5.1). */
export function pbkdf1(
  hash: 'md5' | 'sha1',
  passphrase: string,
  { salt, iterations }: { readonly salt: Buffer; readonly iterations: number },
): Buffer {
  let bytes = createHash(hash).update(passphrase, 'utf8').update(salt).digest();
  for (let round = 1; round < iterations; round += 1)
    bytes = createHash(hash).update(bytes).digest();
  return bytes;
}

/** Key of an encrypted PEM block before PKCS#8: OpenSSL's EVP_BytesToKey with MD5 and one round; the salt is the IV's beginning. */
export function bytesToKey(passphrase: string, salt: Buffer, length: number): Buffer {
  let key = Buffer.alloc(0);
  let last = Buffer.alloc(0);
  while (key.length < length) {
    last = createHash('md5').update(last).update(passphrase, 'utf8').update(salt).digest();
    key = Buffer.concat([key, last]);
  }
  return key.subarray(0, length);
}
