import { describe, expect, test } from 'vitest';
import { ByteReader } from '../../../builder/format/byte-reader.ts';
import {
  encodeImageHeader,
  IMAGE_HEADER_SIZE,
  parseImageHeader,
} from '../../../builder/format/esp-image-header.ts';
import { formatErrorOf } from '../../support/format-error.ts';
import { A_HEADER } from '../../support/images.ts';

const BYTES = Buffer.from(
  'e907022f34120840ee010203050003' + '2d01' + '8f01' + '04050607' + '01',
  'hex',
);

const parse = (bytes: Uint8Array, base = 0) =>
  parseImageHeader(new ByteReader(bytes, 'image', base));

/** The header with one byte changed. */
function withByte(offset: number, value: number): Buffer {
  const bytes = Buffer.from(BYTES);
  bytes[offset] = value;
  return bytes;
}

describe('an image header', () => {
  test('has every field where esp_app_format.h has it', () => {
    expect(BYTES).toHaveLength(IMAGE_HEADER_SIZE);
    expect(parse(BYTES)).toEqual({ ...A_HEADER, segmentCount: 7 });
  });

  test('is written as it is read', () => {
    expect(encodeImageHeader({ ...A_HEADER, segmentCount: 7 }).toString('hex')).toBe(
      BYTES.toString('hex'),
    );
  });

  test('does not follow later changes of the bytes that it was read from', () => {
    const bytes = Buffer.from(BYTES);
    const header = parse(bytes);
    bytes.fill(0);
    expect(header).toEqual({ ...A_HEADER, segmentCount: 7 });
  });

  test('is refused without its magic', () => {
    const error = formatErrorOf(() => parse(withByte(0, 0xea), 0x1000));
    expect(error.code).toBe('BAD_MAGIC');
    expect(error.message).toBe('no ESP image at 0x1000: the first byte is 0xea, 0xe9 was expected');
    expect(error.where).toEqual({ offset: 0x1000 });
  });

  test.each([0, 17, 255])('is refused with %d segments', (count) => {
    const error = formatErrorOf(() => parse(withByte(1, count), 0x1000));
    expect(error.code).toBe('BAD_VALUE');
    expect(error.message).toContain(`claims ${count} segments`);
    expect(error.where).toEqual({ offset: 0x1001 });
  });

  test.each([1, 16])('is accepted with %d segments', (count) => {
    expect(parse(withByte(1, count)).segmentCount).toBe(count);
  });

  test.each([2, 0xff])('is refused with %d where 0 or 1 says whether SHA-256 follows', (flag) => {
    const error = formatErrorOf(() => parse(withByte(23, flag), 0x1000));
    expect(error.code).toBe('BAD_VALUE');
    expect(error.where).toEqual({ offset: 0x1017 });
  });

  test('is refused at every length below 24 bytes', () => {
    for (let length = 0; length < IMAGE_HEADER_SIZE; length++) {
      expect(formatErrorOf(() => parse(BYTES.subarray(0, length))).code).toBe('TRUNCATED');
    }
  });
});
