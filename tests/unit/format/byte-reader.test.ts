import { describe, expect, test } from 'vitest';
import { alignUp, ByteReader, isFilledWith } from '../../../builder/format/byte-reader.ts';
import { formatErrorOf } from '../../support/format-error.ts';

const BYTES = Buffer.from('0102030405060708', 'hex');

describe('a byte reader', () => {
  test('reads little-endian numbers', () => {
    const reader = new ByteReader(BYTES, 'thing');
    expect(reader.length).toBe(8);
    expect([reader.u8(7), reader.u16(1), reader.u32(4)]).toEqual([8, 0x0302, 0x08070605]);
  });

  test('reads the view that it was given, not the memory around it', () => {
    const reader = new ByteReader(BYTES.subarray(2, 4), 'thing');
    expect(reader.u16(0)).toBe(0x0403);
    expect(formatErrorOf(() => reader.u8(2)).code).toBe('TRUNCATED');
  });

  test('hands out slices without copying', () => {
    const bytes = Buffer.from(BYTES);
    const slice = new ByteReader(bytes, 'thing').slice(2, 2);
    bytes[2] = 0x55;
    expect([...slice]).toEqual([0x55, 0x04]);
  });

  test.each([
    ['u8', (reader: ByteReader) => reader.u8(8), 8],
    ['u16', (reader: ByteReader) => reader.u16(7), 7],
    ['u32', (reader: ByteReader) => reader.u32(5), 5],
    ['slice', (reader: ByteReader) => reader.slice(0, 9), 0],
    ['slice far behind the end', (reader: ByteReader) => reader.slice(0xffffffff, 1), 8],
    ['slice of a negative length', (reader: ByteReader) => reader.slice(4, -1), 4],
  ])('refuses %s beyond the end, with the offset in the file', (_, read, offset) => {
    const error = formatErrorOf(() => read(new ByteReader(BYTES, 'thing', 0x1000)));
    expect(error.code).toBe('TRUNCATED');
    expect(error.message).toContain('thing is truncated');
    expect(error.where).toEqual({ offset: 0x1000 + offset });
  });

  test('names where the data ends', () => {
    const error = formatErrorOf(() => new ByteReader(BYTES, 'thing', 0x100).u32(6));
    expect(error.message).toBe(
      'thing is truncated: 4 bytes were expected at 0x106, it ends at 0x108',
    );
  });

  test('gives an empty slice at the very end', () => {
    expect(new ByteReader(BYTES, 'thing').slice(8, 0)).toHaveLength(0);
  });
});

test.each([
  [[], 0xff, true],
  [[0xff, 0xff], 0xff, true],
  [[0xff, 0xfe], 0xff, false],
  [[0], 0xff, false],
])('%j filled with %d is %j', (bytes, value, expected) => {
  expect(isFilledWith(Uint8Array.from(bytes), value)).toBe(expected);
});

test.each([
  [0, 16, 0],
  [1, 16, 16],
  [16, 16, 16],
  [0xfff01, 0x1000, 0x100000],
  [0xfffff001, 0x1000, 0x100000000],
])('%d aligned up to %d is %d', (value, alignment, expected) => {
  expect(alignUp(value, alignment)).toBe(expected);
});
