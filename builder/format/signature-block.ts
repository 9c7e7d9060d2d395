import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { FormatError, type FormatCode } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { ByteReader } from './byte-reader.ts';
import { ECDSA_SCHEMES, SIGNATURE_SCHEMES, type EcdsaScheme } from './signature-scheme.ts';

// ets_secure_boot_sig_block_t (ESP-IDF secure_boot.h) and ets_secure_boot_signature_t; espsecure sign_secure_boot_v2.
// Every number is little-endian; "pair" is two numbers of k bytes, then zeros up to the size of the field.
//    0 u8  magic, 0xE7               RSA-3072              ECDSA P-192, P-256     ECDSA P-384
//    1 u8  version: 2 RSA, 3 ECDSA     4 u8*32 SHA-256       4 u8*32 SHA-256        4 u8*48 SHA-384
//    2 u8  hash: 0 SHA-256, 1 SHA-384 36 u8*384 n           36 u8    curve 1, 2    52 u8    curve 3
//    3 u8  0                         420 u32   e            37 u8*64 x, y          53 u8*96 x, y
//    …     by scheme, see right      424 u8*384 R̄          101 u8*64 r, s         149 u8*96 r, s
// 1196 u32 CRC-32 of 0..1195         808 u32   M'          165 zeros              245 zeros
// 1200 u8*16 0                       812 u8*384 signature

/** Size in bytes of one block; a sector has room for three. */
export const SIGNATURE_BLOCK_SIZE = 1216;
/** Length in bytes of the modulus, of R̄ and of the signature of RSA-3072. */
export const RSA_LENGTH = 384;

/** ETS_SECURE_BOOT_V2_SIGNATURE_MAGIC */
const MAGIC = 0xe7;
const VERSION_RSA = 2;
const VERSION_ECDSA = 3;
const DIGEST_OFFSET = 4;
const CRC_OFFSET = 1196;
const PADDING_OFFSET = 1200;

const RSA_KEY_OFFSET = 36;
const RSA_KEY_LENGTH = 776;
const RSA_SIGNATURE_OFFSET = 812;

/** An RSA-3072 public key as a block holds it. Numbers in buffers are big-endian, 384 bytes each. */
export type RsaKeyFields = {
  readonly scheme: 'rsa3072';
  readonly modulus: Buffer;
  readonly exponent: number;
  /** R̄ = 2^6144 mod modulus, for the chip's Montgomery multiplication. */
  readonly rBar: Buffer;
  /** M' = −modulus⁻¹ mod 2^32. */
  readonly mPrime: number;
};

/** An ECDSA public key as a block holds it: big-endian coordinates of the scheme's `coordinateLength`. */
export type EcdsaKeyFields = {
  readonly scheme: EcdsaScheme;
  readonly publicKey: { readonly x: Buffer; readonly y: Buffer };
};

export type PublicKeyFields = RsaKeyFields | EcdsaKeyFields;

/** `imageDigest` is the hash of everything before the sector; `signature` is big-endian, 384 bytes. */
export type RsaSignatureBlock = RsaKeyFields & {
  readonly imageDigest: Buffer;
  readonly signature: Buffer;
};

/** `imageDigest` is the hash of everything before the sector; `r` and `s` are big-endian, `coordinateLength` bytes. */
export type EcdsaSignatureBlock = EcdsaKeyFields & {
  readonly imageDigest: Buffer;
  readonly signature: { readonly r: Buffer; readonly s: Buffer };
};

export type SignatureBlock = RsaSignatureBlock | EcdsaSignatureBlock;

/**
 * Reads one signature block of exactly 1216 bytes; `base` is its offset in the reader's file, for messages.
 * Structure and CRC are checked, the cryptographic values are not. Throws FormatError.
 * Source: espsecure `validate_signature_block`; ESP-IDF secure_boot_signatures_app.c for magic, version and curve.
 */
export function parseSignatureBlock(bytes: Uint8Array, base = 0): SignatureBlock {
  const reader = new ByteReader(bytes, 'signature block', base);
  checkFrame(reader);
  return reader.u8(1) === VERSION_RSA ? parseRsaBlock(reader) : parseEcdsaBlock(reader);
}

/**
 * Writes a block: 1216 bytes, the inverse of `parseSignatureBlock`. Throws FormatError (BAD_VALUE) for a field whose
 * length is not the scheme's. Source: espsecure `generate_rsa_signature_block`, `generate_ecdsa_signature_block`.
 */
export function encodeSignatureBlock(block: SignatureBlock): Buffer {
  const facts = SIGNATURE_SCHEMES[block.scheme];
  const bytes = Buffer.alloc(SIGNATURE_BLOCK_SIZE);
  bytes.writeUInt8(MAGIC, 0);
  bytes.writeUInt8(block.scheme === 'rsa3072' ? VERSION_RSA : VERSION_ECDSA, 1);
  bytes.writeUInt8(hashByte(facts.hash), 2);
  checkLength('image digest', block.imageDigest, facts.digestLength);
  block.imageDigest.copy(bytes, DIGEST_OFFSET);
  const keyArea = encodeKeyArea(block);
  const keyOffset = DIGEST_OFFSET + facts.digestLength;
  keyArea.copy(bytes, keyOffset);
  encodeSignature(block).copy(bytes, keyOffset + keyArea.length);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, CRC_OFFSET)), CRC_OFFSET);
  return bytes;
}

/**
 * SHA-256 (32 bytes) of the key as the block stores it: what eFuse holds. The ESP32-C2 keeps only the first 16 bytes.
 * Throws FormatError (BAD_VALUE) for a field whose length is not the scheme's. Source: espsecure `digest-sbv2-public-key`.
 */
export function keyDigest(key: PublicKeyFields): Buffer {
  return createHash('sha256').update(encodeKeyArea(key)).digest();
}

function checkFrame(reader: ByteReader): void {
  reader.slice(0, SIGNATURE_BLOCK_SIZE);
  if (reader.length > SIGNATURE_BLOCK_SIZE) {
    const extra = reader.length - SIGNATURE_BLOCK_SIZE;
    throw failure(reader, 'TRAILING_DATA', SIGNATURE_BLOCK_SIZE, `${extra} bytes follow it`);
  }
  const magic = reader.u8(0);
  if (magic !== MAGIC) {
    throw failure(reader, 'BAD_MAGIC', 0, `its first byte is ${hex(magic, 2)}, 0xe7 was expected`);
  }
  const version = reader.u8(1);
  if (version !== VERSION_RSA && version !== VERSION_ECDSA) {
    const expected = '2 (RSA) or 3 (ECDSA) was expected';
    throw failure(reader, 'BAD_VALUE', 1, `its version is ${version}, ${expected}`);
  }
  const expected = crc32(reader.slice(0, CRC_OFFSET));
  const found = reader.u32(CRC_OFFSET);
  if (found !== expected) {
    const message = `its CRC-32 is ${hex(found, 8)}, ${hex(expected, 8)} was expected`;
    throw failure(reader, 'BAD_CHECKSUM', CRC_OFFSET, `${message}; the block is damaged`);
  }
  checkZeros(reader, 3, 4);
  checkZeros(reader, PADDING_OFFSET, SIGNATURE_BLOCK_SIZE);
}

function parseRsaBlock(reader: ByteReader): RsaSignatureBlock {
  if (reader.u8(2) !== 0) {
    const found = hex(reader.u8(2), 2);
    throw failure(reader, 'BAD_VALUE', 2, `its hash byte is ${found}, RSA takes 0 (SHA-256)`);
  }
  return {
    scheme: 'rsa3072',
    imageDigest: Buffer.from(reader.slice(DIGEST_OFFSET, 32)),
    modulus: reversed(reader.slice(RSA_KEY_OFFSET, RSA_LENGTH)),
    exponent: reader.u32(RSA_KEY_OFFSET + RSA_LENGTH),
    rBar: reversed(reader.slice(RSA_KEY_OFFSET + RSA_LENGTH + 4, RSA_LENGTH)),
    mPrime: reader.u32(RSA_SIGNATURE_OFFSET - 4),
    signature: reversed(reader.slice(RSA_SIGNATURE_OFFSET, RSA_LENGTH)),
  };
}

function parseEcdsaBlock(reader: ByteReader): EcdsaSignatureBlock {
  const scheme = ecdsaSchemeOf(reader);
  const { digestLength, coordinateLength, pairFieldLength } = SIGNATURE_SCHEMES[scheme];
  const pointOffset = DIGEST_OFFSET + digestLength + 1;
  const signatureOffset = pointOffset + pairFieldLength;
  const end = signatureOffset + pairFieldLength;
  checkZeros(reader, pointOffset + 2 * coordinateLength, signatureOffset);
  checkZeros(reader, signatureOffset + 2 * coordinateLength, end);
  checkZeros(reader, end, CRC_OFFSET);
  const number = (offset: number) => reversed(reader.slice(offset, coordinateLength));
  return {
    scheme,
    imageDigest: Buffer.from(reader.slice(DIGEST_OFFSET, digestLength)),
    publicKey: { x: number(pointOffset), y: number(pointOffset + coordinateLength) },
    signature: { r: number(signatureOffset), s: number(signatureOffset + coordinateLength) },
  };
}

/** The hash byte says where the curve byte is; the two must belong together. */
function ecdsaSchemeOf(reader: ByteReader): EcdsaScheme {
  const hash = reader.u8(2);
  const candidates = ECDSA_SCHEMES.filter(
    (name) => hashByte(SIGNATURE_SCHEMES[name].hash) === hash,
  );
  const [first] = candidates;
  if (first === undefined) {
    const expected = '0 (SHA-256) or 1 (SHA-384) was expected';
    throw failure(reader, 'BAD_VALUE', 2, `its hash byte is ${hex(hash, 2)}, ${expected}`);
  }
  const curveOffset = DIGEST_OFFSET + SIGNATURE_SCHEMES[first].digestLength;
  const curveId = reader.u8(curveOffset);
  const scheme = candidates.find((name) => SIGNATURE_SCHEMES[name].curveId === curveId);
  if (scheme === undefined) {
    const expected = first === 'ecdsa384' ? '3 (P-384)' : '1 (P-192) or 2 (P-256)';
    const message = `its curve is ${curveId}, ${expected} was expected with hash ${hash}`;
    throw failure(reader, 'BAD_VALUE', curveOffset, message);
  }
  return scheme;
}

function encodeKeyArea(key: PublicKeyFields): Buffer {
  if (key.scheme !== 'rsa3072') {
    const { curveId } = SIGNATURE_SCHEMES[key.scheme];
    const { x, y } = key.publicKey;
    return Buffer.concat([Buffer.from([curveId]), encodePair(key.scheme, { x, y })]);
  }
  checkLength('modulus', key.modulus, RSA_LENGTH);
  checkLength('rBar', key.rBar, RSA_LENGTH);
  checkU32('exponent', key.exponent);
  checkU32('mPrime', key.mPrime);
  const area = Buffer.alloc(RSA_KEY_LENGTH);
  reversed(key.modulus).copy(area, 0);
  area.writeUInt32LE(key.exponent, RSA_LENGTH);
  reversed(key.rBar).copy(area, RSA_LENGTH + 4);
  area.writeUInt32LE(key.mPrime, RSA_KEY_LENGTH - 4);
  return area;
}

function encodeSignature(block: SignatureBlock): Buffer {
  if (block.scheme !== 'rsa3072') {
    const { r, s } = block.signature;
    return encodePair(block.scheme, { r, s });
  }
  checkLength('signature', block.signature, RSA_LENGTH);
  return reversed(block.signature);
}

function encodePair(scheme: EcdsaScheme, pair: Readonly<Record<string, Buffer>>): Buffer {
  const { coordinateLength, pairFieldLength } = SIGNATURE_SCHEMES[scheme];
  const field = Buffer.alloc(pairFieldLength);
  for (const [index, [name, number]] of Object.entries(pair).entries()) {
    checkLength(name, number, coordinateLength);
    reversed(number).copy(field, index * coordinateLength);
  }
  return field;
}

function hashByte(hash: 'sha256' | 'sha384'): 0 | 1 {
  return hash === 'sha256' ? 0 : 1;
}

function reversed(bytes: Buffer): Buffer {
  return Buffer.from(bytes).reverse();
}

function checkZeros(reader: ByteReader, start: number, end: number): void {
  const at = reader.slice(start, end - start).findIndex((byte) => byte !== 0);
  if (at === -1) return;
  const value = hex(reader.u8(start + at), 2);
  throw failure(reader, 'BAD_VALUE', start + at, `its reserved byte is ${value}, 0 was expected`);
}

function checkLength(name: string, bytes: Buffer, expected: number): void {
  if (bytes.length === expected) return;
  throw new FormatError(
    'BAD_VALUE',
    `the signature block's ${name} has ${bytes.length} bytes; ${expected} were expected`,
  );
}

function checkU32(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffffffff) return;
  throw new FormatError(
    'BAD_VALUE',
    `the signature block's ${name} is ${value}; an integer from 0 to 0xffffffff was expected`,
  );
}

function failure(reader: ByteReader, code: FormatCode, at: number, message: string): FormatError {
  const offset = reader.base + at;
  return new FormatError(
    code,
    `the signature block at ${hex(reader.base)} is not valid at ${hex(offset)}: ${message}`,
    { where: { offset } },
  );
}
