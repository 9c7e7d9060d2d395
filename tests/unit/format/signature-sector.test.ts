import { describe, expect, test, vi } from 'vitest';
import type { FormatCode } from '../../../builder/errors/families.ts';
import { encodeSignatureBlock, keyDigest } from '../../../builder/format/signature-block.ts';
import {
  encodeSignatureSector,
  looksLikeSignatureSector,
  MAX_SIGNATURE_BLOCKS,
  parseSignatureSector,
  SIGNATURE_SECTOR_SIZE,
} from '../../../builder/format/signature-sector.ts';
import { formatErrorOf } from '../../support/format-error.ts';
import { aPrivateKey, aSignedBlock } from '../../support/signature-blocks.ts';

const FIRST = aSignedBlock('ecdsa256');
const SECOND = aSignedBlock('ecdsa256', undefined, aPrivateKey('ecdsa256', 'second'));
const THIRD = aSignedBlock('ecdsa384');

/** A sector with these bytes in its slots, 0xFF where there are none. */
function sectorOf(slots: readonly (Buffer | undefined)[]): Buffer {
  const sector = Buffer.alloc(4096, 0xff);
  for (const [index, bytes] of slots.entries()) bytes?.copy(sector, index * 1216);
  return sector;
}

/** A block that starts like one and whose CRC does not hold. */
function damaged(): Buffer {
  const bytes = encodeSignatureBlock(FIRST);
  bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40);
  return bytes;
}

describe('a signature sector', () => {
  test('is 4096 bytes with blocks at 0, 1216 and 2432', () => {
    expect(SIGNATURE_SECTOR_SIZE).toBe(4096);
    expect(MAX_SIGNATURE_BLOCKS).toBe(3);
    const sector = encodeSignatureSector([FIRST, SECOND, THIRD]);
    const expected = sectorOf([FIRST, SECOND, THIRD].map(encodeSignatureBlock));
    expect(sector.equals(expected)).toBe(true);
    expect(sector.subarray(3648).every((byte) => byte === 0xff)).toBe(true);
  });

  test.each([
    ['one block', [FIRST]],
    ['two blocks', [FIRST, SECOND]],
    ['three blocks', [FIRST, SECOND, THIRD]],
  ])('survives a round trip with %s', (_, blocks) => {
    const { slots } = parseSignatureSector(encodeSignatureSector(blocks));
    const expected = [0, 1, 2].map((index) => {
      const block = blocks[index];
      if (block === undefined) return { kind: 'empty' };
      return { kind: 'block', block, keyDigest: keyDigest(block) };
    });
    expect(slots).toEqual(expected);
  });

  test.each([
    ['slot 1 only', [undefined, encodeSignatureBlock(FIRST)], ['empty', 'block', 'empty']],
    [
      'slot 2 only',
      [undefined, undefined, encodeSignatureBlock(FIRST)],
      ['empty', 'empty', 'block'],
    ],
    [
      'slots 0 and 2',
      [encodeSignatureBlock(FIRST), undefined, encodeSignatureBlock(SECOND)],
      ['block', 'empty', 'block'],
    ],
    [
      'slot 1 behind a damaged slot 0',
      [damaged(), encodeSignatureBlock(SECOND)],
      ['invalid', 'block', 'empty'],
    ],
    [
      'slot 0 with zeros behind it',
      [encodeSignatureBlock(FIRST), Buffer.alloc(1216)],
      ['block', 'invalid', 'empty'],
    ],
  ])('may hold blocks in %s', (_, bytes, kinds) => {
    const { slots } = parseSignatureSector(sectorOf(bytes));
    expect(slots.map(({ kind }) => kind)).toEqual(kinds);
  });

  test('says of a damaged slot what is wrong with it and where in the file', () => {
    const sector = sectorOf([encodeSignatureBlock(FIRST), damaged()]);
    const slot = parseSignatureSector(sector, 0x10000).slots[1];
    if (slot.kind !== 'invalid') throw new Error(slot.kind);
    expect(slot.error.code).toBe('BAD_CHECKSUM');
    expect(slot.error.where?.offset).toBe(0x10000 + 1216 + 1196);
  });

  test.for<[string, Buffer, FormatCode, number, string]>([
    ['erased flash', sectorOf([]), 'BAD_MAGIC', 0, 'all three slots are erased'],
    ['zeros', Buffer.alloc(4096), 'BAD_MAGIC', 0, 'has no valid block'],
    ['only damaged blocks', sectorOf([undefined, damaged()]), 'BAD_CHECKSUM', 2412, 'CRC-32'],
    ['a short sector', Buffer.alloc(4095, 0xff), 'TRUNCATED', 0, 'truncated'],
    ['two sectors', Buffer.alloc(8192, 0xff), 'TRAILING_DATA', 4096, '0x2000 bytes'],
  ])('refuses %s', ([, bytes, code, offset, words]) => {
    const error = formatErrorOf(() => parseSignatureSector(bytes, 0x2000));
    expect(error.code).toBe(code);
    expect(error.where?.offset).toBe(0x2000 + offset);
    expect(error.message).toContain(words);
  });

  test('does not pass off a bug of ours as a damaged slot', () => {
    const sector = encodeSignatureSector([FIRST]);
    const spy = vi.spyOn(Buffer.prototype, 'readUInt32LE').mockImplementation(() => {
      throw new TypeError('a bug');
    });
    try {
      expect(() => parseSignatureSector(sector)).toThrow(TypeError);
    } finally {
      spy.mockRestore();
    }
  });

  test.each([3648, 3700, 4095])('refuses data in the tail, at %d', (at) => {
    const sector = encodeSignatureSector([FIRST]);
    sector.writeUInt8(0, at);
    const error = formatErrorOf(() => parseSignatureSector(sector, 0x2000));
    expect(error.code).toBe('TRAILING_DATA');
    expect(error.where?.offset).toBe(0x2000 + at);
  });

  test('cannot be made of no block, nor of four', () => {
    expect(formatErrorOf(() => encodeSignatureSector([])).code).toBe('BAD_VALUE');
    const error = formatErrorOf(() => encodeSignatureSector([FIRST, FIRST, FIRST, FIRST]));
    expect(error.code).toBe('TOO_MANY');
    expect(error.message).toContain('4 signature blocks do not fit');
  });
});

describe('what looks like a signature sector', () => {
  test.each([
    ['a sector', encodeSignatureSector([FIRST]), true],
    ['one that is damaged', sectorOf([damaged()]), true],
    ['a block in the last slot only', sectorOf([undefined, undefined, damaged()]), true],
    ['the first two bytes of a block', Buffer.from([0xe7, 2]), true],
    ['a version that there is not', Buffer.from([0xe7, 1]), false],
    ['a cut-off magic', Buffer.from([0xe7]), false],
    ['nothing', Buffer.alloc(0), false],
    ['erased flash', Buffer.alloc(4096, 0xff), false],
    ['an app image', Buffer.alloc(4096, 0xe9), false],
  ])('%s: %s', (_, bytes, expected) => {
    expect(looksLikeSignatureSector(bytes)).toBe(expected);
  });
});
