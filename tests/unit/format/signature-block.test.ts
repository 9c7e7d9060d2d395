import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { FormatCode } from '../../../builder/errors/families.ts';
import {
  encodeSignatureBlock,
  keyDigest,
  parseSignatureBlock,
  SIGNATURE_BLOCK_SIZE,
  type EcdsaSignatureBlock,
  type RsaSignatureBlock,
} from '../../../builder/format/signature-block.ts';
import { SIGNATURE_SCHEMES } from '../../../builder/format/signature-scheme.ts';
import { formatErrorOf } from '../../support/format-error.ts';
import {
  ALL_SCHEMES,
  aSignedBlock,
  isSignatureGood,
  resealed,
} from '../../support/signature-blocks.ts';

/** Bytes that differ from their neighbours and from zero, so that order and offset show. */
function pattern(length: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => ((index * 7 + seed) % 255) + 1));
}

function backwards(bytes: Buffer): Buffer {
  return Buffer.from(bytes).reverse();
}

function sealed(body: Buffer): Buffer {
  const bytes = Buffer.alloc(1216);
  body.copy(bytes);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 1196)), 1196);
  return bytes;
}

const RSA_BLOCK: RsaSignatureBlock = {
  scheme: 'rsa3072',
  imageDigest: pattern(32, 1),
  modulus: pattern(384, 2),
  exponent: 65537,
  rBar: pattern(384, 3),
  mPrime: 0x89abcdef,
  signature: pattern(384, 4),
};

const RSA_BYTES = sealed(
  Buffer.concat([
    Buffer.from([0xe7, 2, 0, 0]),
    RSA_BLOCK.imageDigest,
    backwards(RSA_BLOCK.modulus),
    Buffer.from([1, 0, 1, 0]),
    backwards(RSA_BLOCK.rBar),
    Buffer.from([0xef, 0xcd, 0xab, 0x89]),
    backwards(RSA_BLOCK.signature),
  ]),
);

/** Length of digest, curve byte, length of a number, zeros behind each pair: written down once more, from the document. */
const ECDSA_LAYOUTS = [
  { scheme: 'ecdsa192', hash: 0, digest: 32, curve: 1, k: 24, gap: 16 },
  { scheme: 'ecdsa256', hash: 0, digest: 32, curve: 2, k: 32, gap: 0 },
  { scheme: 'ecdsa384', hash: 1, digest: 48, curve: 3, k: 48, gap: 0 },
] as const;

function ecdsaExample({ scheme, hash, digest, curve, k, gap }: (typeof ECDSA_LAYOUTS)[number]) {
  const block: EcdsaSignatureBlock = {
    scheme,
    imageDigest: pattern(digest, 5),
    publicKey: { x: pattern(k, 6), y: pattern(k, 7) },
    signature: { r: pattern(k, 8), s: pattern(k, 9) },
  };
  const bytes = sealed(
    Buffer.concat([
      Buffer.from([0xe7, 3, hash, 0]),
      block.imageDigest,
      Buffer.from([curve]),
      backwards(block.publicKey.x),
      backwards(block.publicKey.y),
      Buffer.alloc(gap),
      backwards(block.signature.r),
      backwards(block.signature.s),
      Buffer.alloc(gap),
    ]),
  );
  return { block, bytes };
}

describe('the layout of a signature block', () => {
  test('is 1216 bytes long', () => {
    expect(SIGNATURE_BLOCK_SIZE).toBe(1216);
  });

  test('has the fields of RSA-3072 at their offsets, little-endian', () => {
    expect(encodeSignatureBlock(RSA_BLOCK).equals(RSA_BYTES)).toBe(true);
    expect(parseSignatureBlock(RSA_BYTES)).toEqual(RSA_BLOCK);
    expect(RSA_BYTES.readUInt8(36)).toBe(RSA_BLOCK.modulus.at(-1));
    expect(RSA_BYTES.readUInt32LE(420)).toBe(65537);
    expect(RSA_BYTES.readUInt8(424)).toBe(RSA_BLOCK.rBar.at(-1));
    expect(RSA_BYTES.readUInt32LE(808)).toBe(0x89abcdef);
    expect(RSA_BYTES.readUInt8(1195)).toBe(RSA_BLOCK.signature[0]);
  });

  test.each(ECDSA_LAYOUTS)('has the fields of $scheme at their offsets', (layout) => {
    const { block, bytes } = ecdsaExample(layout);
    expect(encodeSignatureBlock(block).equals(bytes)).toBe(true);
    expect(parseSignatureBlock(bytes)).toEqual(block);
  });

  test.each([
    { scheme: 'ecdsa192', curveAt: 36, signatureAt: 101, end: 149 },
    { scheme: 'ecdsa256', curveAt: 36, signatureAt: 101, end: 165 },
    { scheme: 'ecdsa384', curveAt: 52, signatureAt: 149, end: 245 },
  ] as const)('ends $scheme at $end', ({ scheme, curveAt, signatureAt, end }) => {
    const layout = ECDSA_LAYOUTS.find((candidate) => candidate.scheme === scheme);
    if (layout === undefined) throw new Error(scheme);
    const { block, bytes } = ecdsaExample(layout);
    expect(bytes.readUInt8(curveAt)).toBe(SIGNATURE_SCHEMES[scheme].curveId);
    expect(bytes.readUInt8(signatureAt)).toBe(block.signature.r.at(-1));
    expect(bytes.readUInt8(end - 1)).toBe(block.signature.s[0]);
    expect(bytes.subarray(end, 1196).every((byte) => byte === 0)).toBe(true);
  });

  test('keeps no view of the bytes it was read from', () => {
    const bytes = Buffer.from(RSA_BYTES);
    const block = parseSignatureBlock(bytes);
    bytes.fill(0);
    expect(block).toEqual(RSA_BLOCK);
  });
});

describe('a signed block', () => {
  const contents = Buffer.alloc(8192, 0xe9);

  test.each(ALL_SCHEMES)('verifies with its own key after a round trip: %s', (scheme) => {
    const block = parseSignatureBlock(encodeSignatureBlock(aSignedBlock(scheme, contents)));
    expect(isSignatureGood(block, contents)).toBe(true);
    expect(isSignatureGood(block, Buffer.alloc(8192, 0xe8))).toBe(false);
  });

  test.each([
    ['rsa3072', 36, 812],
    ['ecdsa192', 36, 101],
    ['ecdsa256', 36, 101],
    ['ecdsa384', 52, 149],
  ] as const)('has the key digest of the stored key area: %s', (scheme, start, end) => {
    const block = aSignedBlock(scheme);
    const area = encodeSignatureBlock(block).subarray(start, end);
    expect(keyDigest(block)).toEqual(createHash('sha256').update(area).digest());
    expect(keyDigest(block)).toHaveLength(32);
  });
});

describe('parsing refuses', () => {
  const p256 = ecdsaExample(ECDSA_LAYOUTS[1]).bytes;
  const p192 = ecdsaExample(ECDSA_LAYOUTS[0]).bytes;
  const p384 = ecdsaExample(ECDSA_LAYOUTS[2]).bytes;

  test.for<[string, Buffer, FormatCode, number, string]>([
    ['another magic', resealed(RSA_BYTES, { 0: 0xe9 }), 'BAD_MAGIC', 0, '0xe7 was expected'],
    ['version 1', resealed(RSA_BYTES, { 1: 1 }), 'BAD_VALUE', 1, 'its version is 1'],
    ['version 4', resealed(RSA_BYTES, { 1: 4 }), 'BAD_VALUE', 1, 'its version is 4'],
    ['RSA with SHA-384', resealed(RSA_BYTES, { 2: 1 }), 'BAD_VALUE', 2, 'RSA takes 0'],
    ['an unknown hash', resealed(p256, { 2: 2 }), 'BAD_VALUE', 2, 'its hash byte is 0x02'],
    ['a byte 3 that is set', resealed(p256, { 3: 1 }), 'BAD_VALUE', 3, 'reserved byte is 0x01'],
    ['curve 0', resealed(p256, { 36: 0 }), 'BAD_VALUE', 36, 'its curve is 0'],
    ['P-384 with SHA-256', resealed(p256, { 36: 3 }), 'BAD_VALUE', 36, '1 (P-192) or 2 (P-256)'],
    ['P-256 with SHA-384', resealed(p384, { 52: 2 }), 'BAD_VALUE', 52, '3 (P-384) was expected'],
    ['data behind a P-192 point', resealed(p192, { 100: 5 }), 'BAD_VALUE', 100, 'reserved byte'],
    ['data behind a P-192 signature', resealed(p192, { 149: 5 }), 'BAD_VALUE', 149, 'reserved'],
    ['data behind a P-256 signature', resealed(p256, { 165: 5 }), 'BAD_VALUE', 165, 'reserved'],
    ['data behind a P-384 signature', resealed(p384, { 245: 5 }), 'BAD_VALUE', 245, 'reserved'],
    ['data just before the CRC', resealed(p384, { 1195: 5 }), 'BAD_VALUE', 1195, 'reserved'],
    ['data behind the CRC', resealed(RSA_BYTES, { 1200: 1 }), 'BAD_VALUE', 1200, 'reserved'],
    ['data in the last byte', resealed(RSA_BYTES, { 1215: 1 }), 'BAD_VALUE', 1215, 'reserved'],
    ['a short block', RSA_BYTES.subarray(0, 1215), 'TRUNCATED', 0, 'is truncated'],
    ['no bytes', Buffer.alloc(0), 'TRUNCATED', 0, 'is truncated'],
    ['a long block', Buffer.concat([RSA_BYTES, p256]), 'TRAILING_DATA', 1216, '1216 bytes follow'],
  ])('%s', ([, bytes, code, offset, words]) => {
    const error = formatErrorOf(() => parseSignatureBlock(bytes, 0x8000));
    expect(error.code).toBe(code);
    expect(error.where?.offset).toBe(0x8000 + offset);
    expect(error.message).toContain(words);
  });

  test('a damaged block, naming the CRC that it has and the one it should have', () => {
    const damaged = Buffer.from(RSA_BYTES);
    damaged.writeUInt8(damaged.readUInt8(500) ^ 1, 500);
    const { code, message, where } = formatErrorOf(() => parseSignatureBlock(damaged, 0x8000));
    const stored = `0x${RSA_BYTES.readUInt32LE(1196).toString(16).padStart(8, '0')}`;
    const computed = `0x${crc32(damaged.subarray(0, 1196)).toString(16).padStart(8, '0')}`;
    expect(code).toBe('BAD_CHECKSUM');
    expect(where).toEqual({ offset: 0x8000 + 1196 });
    expect(message).toContain(`its CRC-32 is ${stored}, ${computed} was expected`);
  });
});

describe('encoding refuses', () => {
  const ecdsa = ecdsaExample(ECDSA_LAYOUTS[1]).block;
  const short = Buffer.alloc(31);

  test.each([
    ['a short image digest', { ...ecdsa, imageDigest: short }, 'image digest has 31 bytes; 32'],
    ['SHA-256 for P-384', { ...ecdsa, scheme: 'ecdsa384' as const }, 'digest has 32 bytes; 48'],
    ['a short x', { ...ecdsa, publicKey: { ...ecdsa.publicKey, x: short } }, 'x has 31 bytes; 32'],
    ['a short y', { ...ecdsa, publicKey: { ...ecdsa.publicKey, y: short } }, 'y has 31 bytes; 32'],
    ['a short r', { ...ecdsa, signature: { ...ecdsa.signature, r: short } }, 'r has 31 bytes; 32'],
    ['a short s', { ...ecdsa, signature: { ...ecdsa.signature, s: short } }, 's has 31 bytes; 32'],
    ['a short RSA signature', { ...RSA_BLOCK, signature: short }, 'signature has 31 bytes; 384'],
    ['a short modulus', { ...RSA_BLOCK, modulus: short }, 'modulus has 31 bytes; 384'],
    ['a short R̄', { ...RSA_BLOCK, rBar: short }, 'rBar has 31 bytes; 384'],
    ['an exponent of 33 bits', { ...RSA_BLOCK, exponent: 2 ** 32 }, 'exponent is 4294967296'],
    ["a negative M'", { ...RSA_BLOCK, mPrime: -1 }, 'mPrime is -1'],
  ])('%s', (_, block, words) => {
    const error = formatErrorOf(() => encodeSignatureBlock(block));
    expect(error.code).toBe('BAD_VALUE');
    expect(error.message).toContain(words);
  });
});
