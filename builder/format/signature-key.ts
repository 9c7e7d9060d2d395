import { createPublicKey, ECDH, type KeyObject } from 'node:crypto';
import { FormatError } from '../errors/families.ts';
import {
  keyDigest,
  RSA_LENGTH,
  type EcdsaKeyFields,
  type PublicKeyFields,
  type RsaKeyFields,
} from './signature-block.ts';
import { ECDSA_SCHEMES, SIGNATURE_SCHEMES, type EcdsaScheme } from './signature-scheme.ts';

const RSA_BITS = RSA_LENGTH * 8;

/**
 * R̄ (384 bytes, big-endian) and M', which the chip's RSA accelerator wants precomputed, of a 384-byte big-endian modulus.
 * Throws FormatError (BAD_VALUE) for a modulus that is not an odd number of 3072 bits.
 * Source: espsecure `_get_sbv2_rsa_primitives`.
 */
export function rsaPrecomputed(modulus: Buffer): {
  readonly rBar: Buffer;
  readonly mPrime: number;
} {
  checkModulus(modulus);
  const n = BigInt(`0x${modulus.toString('hex')}`);
  const rBar = (1n << BigInt(2 * RSA_BITS)) % n;
  // Newton's iteration: an odd n is its own inverse modulo 2^3, and every step doubles the number of right bits.
  let inverse = n;
  for (let bits = 3; bits < 32; bits *= 2)
    inverse = BigInt.asUintN(32, inverse * (2n - n * inverse));
  return {
    rBar: Buffer.from(rBar.toString(16).padStart(2 * RSA_LENGTH, '0'), 'hex'),
    mPrime: Number(BigInt.asUintN(32, -inverse)),
  };
}

/**
 * True when R̄ and M' of an RSA key belong to its modulus, which no parser checks and the chip computes with.
 * True for ECDSA, which has none; false for a modulus that cannot be one.
 */
export function hasConsistentPrecomputedValues(key: PublicKeyFields): boolean {
  if (key.scheme !== 'rsa3072') return true;
  if (modulusProblem(key.modulus) !== undefined) return false;
  const expected = rsaPrecomputed(key.modulus);
  return expected.rBar.equals(key.rBar) && expected.mPrime === key.mPrime;
}

/**
 * The public key of a block or of `publicKeyFields`, for node:crypto. Throws FormatError (BAD_VALUE) for an RSA modulus
 * or exponent that cannot be one, and for a point that is not on its curve. R̄ and M' are not looked at.
 */
export function publicKeyOf(key: PublicKeyFields): KeyObject {
  return key.scheme === 'rsa3072' ? rsaPublicKey(key) : ecdsaPublicKey(key);
}

/**
 * The key part of a signature block, from a public or private key. Throws FormatError (BAD_VALUE) for a key that
 * Secure Boot V2 has no scheme for. Source: espsecure `_load_sbv2_pub_key`: RSA-3072, P-192, P-256 and P-384 only.
 */
export function publicKeyFields(key: KeyObject): PublicKeyFields {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const isRsa3072 = type === 'rsa' && details?.modulusLength === RSA_BITS;
  const scheme = ECDSA_SCHEMES.find(
    (name) => type === 'ec' && SIGNATURE_SCHEMES[name].curve === details?.namedCurve,
  );
  if (!isRsa3072 && scheme === undefined) throw unsupportedKey(describeKey(key));
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return scheme === undefined ? rsaFields(publicKey) : ecdsaFields(publicKey, scheme);
}

/**
 * What `espsecure digest-sbv2-public-key` prints and eFuse holds of this key: 32 bytes.
 * Throws FormatError (BAD_VALUE) for a key that Secure Boot V2 has no scheme for.
 */
export function keyDigestOfPublicKey(key: KeyObject): Buffer {
  return keyDigest(publicKeyFields(key));
}

function rsaPublicKey({ modulus, exponent }: RsaKeyFields): KeyObject {
  checkModulus(modulus);
  checkExponent(exponent);
  const e = Buffer.from(exponent.toString(16).padStart(8, '0'), 'hex');
  const jwk = { kty: 'RSA', n: modulus.toString('base64url'), e: e.toString('base64url') };
  return createPublicKey({ key: jwk, format: 'jwk' });
}

function checkModulus(modulus: Buffer): void {
  const problem = modulusProblem(modulus);
  if (problem !== undefined) throw invalidKey(problem);
}

/** With an exponent of 1 every number is its own signature. */
function checkExponent(exponent: number): void {
  if (Number.isInteger(exponent) && exponent >= 3 && exponent % 2 === 1) return;
  throw invalidKey(`the RSA exponent is ${exponent}; an odd number from 3 on was expected`);
}

function modulusProblem(modulus: Buffer): string | undefined {
  if (modulus.length !== RSA_LENGTH) {
    return `the RSA modulus has ${modulus.length} bytes; ${RSA_LENGTH} were expected`;
  }
  if (modulus.readUInt8(0) < 0x80) return `the RSA modulus is shorter than ${RSA_BITS} bits`;
  if (modulus.readUInt8(RSA_LENGTH - 1) % 2 === 0) return 'the RSA modulus is even';
  return undefined;
}

const OID_EC_PUBLIC_KEY = Buffer.from('06072a8648ce3d0201', 'hex');
const OID_OF_CURVE: Readonly<Record<EcdsaScheme, Buffer>> = {
  ecdsa192: Buffer.from('06082a8648ce3d030101', 'hex'),
  ecdsa256: Buffer.from('06082a8648ce3d030107', 'hex'),
  ecdsa384: Buffer.from('06052b81040022', 'hex'),
};

// SubjectPublicKeyInfo (RFC 5480, section 2) with the uncompressed point 04 ‖ x ‖ y. One way for all curves: node:crypto
// has no JWK for P-192.
function ecdsaPublicKey({ scheme, publicKey: { x, y } }: EcdsaKeyFields): KeyObject {
  const { coordinateLength, curve } = SIGNATURE_SCHEMES[scheme];
  if (x.length !== coordinateLength || y.length !== coordinateLength) {
    const expected = `${coordinateLength} each were expected`;
    throw invalidKey(`x and y on ${curve} have ${x.length} and ${y.length} bytes; ${expected}`);
  }
  const algorithm = derElement(0x30, OID_EC_PUBLIC_KEY, OID_OF_CURVE[scheme]);
  const point = derElement(0x03, Buffer.from([0, 4]), x, y);
  try {
    return createPublicKey({
      key: derElement(0x30, algorithm, point),
      format: 'der',
      type: 'spki',
    });
  } catch (cause) {
    throw invalidKey(`the point is not on the curve ${curve}`, cause);
  }
}

/** No element of these keys reaches 128 bytes, from where on a length would take more than one byte. */
function derElement(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag, body.length]), body]);
}

function rsaFields(key: KeyObject): RsaKeyFields {
  const exponent = Number(key.asymmetricKeyDetails?.publicExponent);
  if (exponent > 0xffffffff)
    throw unsupportedKey('RSA with a public exponent of more than 32 bits');
  checkExponent(exponent);
  const { n } = key.export({ format: 'jwk' }) as { readonly n: string };
  const modulus = Buffer.from(n, 'base64url');
  return { scheme: 'rsa3072', modulus, exponent, ...rsaPrecomputed(modulus) };
}

function ecdsaFields(key: KeyObject, scheme: EcdsaScheme): EcdsaKeyFields {
  const { coordinateLength, curve } = SIGNATURE_SCHEMES[scheme];
  const stored = subjectPublicKey(key.export({ format: 'der', type: 'spki' }));
  // A key that was read with a compressed point keeps it through the export.
  const point = ECDH.convertKey(stored, curve, undefined, 'hex', 'uncompressed').toString();
  const [x, y] = [point.slice(2, 2 + 2 * coordinateLength), point.slice(2 + 2 * coordinateLength)];
  return { scheme, publicKey: { x: Buffer.from(x, 'hex'), y: Buffer.from(y, 'hex') } };
}

/** The point in a SubjectPublicKeyInfo: SEQUENCE { SEQUENCE { … }, BIT STRING }, whose first byte counts unused bits. */
function subjectPublicKey(spki: Buffer): Buffer {
  const algorithm = derExtent(spki, derExtent(spki, 0).start);
  const bits = derExtent(spki, algorithm.end);
  return spki.subarray(bits.start + 1, bits.end);
}

function derExtent(bytes: Buffer, at: number): { readonly start: number; readonly end: number } {
  const short = bytes.readUInt8(at + 1);
  if (short < 0x80) return { start: at + 2, end: at + 2 + short };
  const start = at + 2 + (short & 0x7f);
  return { start, end: start + bytes.readUIntBE(at + 2, short & 0x7f) };
}

const KEY_TITLES: Readonly<Record<string, string>> = {
  'rsa-pss': 'RSA restricted to PSS',
  ed25519: 'Ed25519',
  ed448: 'Ed448',
  x25519: 'X25519',
  x448: 'X448',
};

function describeKey(key: KeyObject): string {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === undefined) return 'a symmetric key';
  if (type === 'rsa') return `RSA with ${String(details?.modulusLength)} bits`;
  if (type === 'ec') return `EC on curve ${String(details?.namedCurve)}`;
  return KEY_TITLES[type] ?? type;
}

function unsupportedKey(found: string): FormatError {
  return new FormatError(
    'BAD_VALUE',
    `the key is ${found}; Secure Boot V2 takes RSA with 3072 bits, or EC on prime192v1, prime256v1 or secp384r1`,
    { hint: 'Use a key that was made for Secure Boot V2.' },
  );
}

function invalidKey(problem: string, cause?: unknown): FormatError {
  return new FormatError('BAD_VALUE', `the signature block's public key is not valid: ${problem}`, {
    ...(cause === undefined ? {} : { cause }),
  });
}
