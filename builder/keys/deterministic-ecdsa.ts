import { createECDH, createHash, createHmac, randomBytes, type KeyObject } from 'node:crypto';

const CURVE = 'prime256v1';
const LENGTH = 32;
/** Order of the group of P-256 (FIPS 186-5 and SP 800-186). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/**
 * Signs with ECDSA on P-256 and SHA-256, the nonce derived from key and message (RFC 6979): the same contents give the
 * same signature, as `espsecure sign-data --version 1` makes it. Returns r and s behind each other, 64 bytes big-endian.
 * The one multiplication of a point, k·G, is OpenSSL's. The key must be a private key on P-256.
 */
export function signDeterministically(key: KeyObject, contents: Uint8Array): Buffer {
  const secret = Buffer.from(String(key.export({ format: 'jwk' }).d), 'base64url');
  const digest = createHash('sha256').update(contents).digest();
  const [d, z] = [toNumber(secret), toNumber(digest) % ORDER];
  for (const nonce of nonces(secret, digest)) {
    const r = xOfMultiple(nonce) % ORDER;
    if (r === 0n) continue;
    const s = quotient(z + r * d, toNumber(nonce));
    if (s !== 0n) return Buffer.concat([toBytes(r), toBytes(s)]);
  }
  throw new Error('the nonces of RFC 6979 never end');
}

/**
 * Nonces k in the order in which RFC 6979, section 3.2, derives them, 32 bytes each; the first is good but for one key
 * in 2^32. `secret` and `digest` are 32 bytes, as long as the group's order, so bits2int takes nothing away.
 */
export function* nonces(secret: Buffer, digest: Buffer): Generator<Buffer, void> {
  const seed = Buffer.concat([secret, toBytes(toNumber(digest) % ORDER)]);
  let v = Buffer.alloc(LENGTH, 0x01);
  let k = Buffer.alloc(LENGTH, 0x00);
  for (const step of [0x00, 0x01]) {
    k = hmac(k, v, Buffer.from([step]), seed);
    v = hmac(k, v);
  }
  for (;;) {
    v = hmac(k, v);
    const nonce = toNumber(v);
    if (nonce > 0n && nonce < ORDER) yield v;
    k = hmac(k, v, Buffer.from([0x00]));
    v = hmac(k, v);
  }
}

function hmac(key: Buffer, ...data: readonly Buffer[]): Buffer<ArrayBuffer> {
  const mac = createHmac('sha256', key);
  for (const part of data) mac.update(part);
  return Buffer.from(mac.digest());
}

function xOfMultiple(nonce: Buffer): bigint {
  const point = createECDH(CURVE);
  point.setPrivateKey(nonce);
  // 04, x and y.
  return toNumber(point.getPublicKey().subarray(1, 1 + LENGTH));
}

/** `dividend / divisor` modulo the order; a random factor keeps the time that it takes from telling the divisor. */
function quotient(dividend: bigint, divisor: bigint): bigint {
  const blind = (toNumber(randomBytes(LENGTH)) % (ORDER - 1n)) + 1n;
  return (((dividend * blind) % ORDER) * inverse((divisor * blind) % ORDER)) % ORDER;
}

/** By the extended Euclidean algorithm; the order is prime, so every value but 0 has an inverse. */
function inverse(value: bigint): bigint {
  let [a, b] = [value, ORDER];
  let [x, y] = [1n, 0n];
  while (b !== 0n) {
    const times = a / b;
    [a, b] = [b, a - times * b];
    [x, y] = [y, x - times * y];
  }
  return ((x % ORDER) + ORDER) % ORDER;
}

function toNumber(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

function toBytes(number: bigint): Buffer {
  return Buffer.from(number.toString(16).padStart(2 * LENGTH, '0'), 'hex');
}
