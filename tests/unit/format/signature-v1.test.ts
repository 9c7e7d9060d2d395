import { describe, expect, test } from 'vitest';
import { FormatError } from '../../../builder/errors/families.ts';
import { classifyTrailer } from '../../../builder/format/image-trailer.ts';
import {
  encodeV1Signature,
  looksLikeV1Signature,
  parseV1Signature,
} from '../../../builder/format/signature-v1.ts';
import { anImageOfLength } from '../../support/images.ts';
import { thrownBy } from '../../support/thrown.ts';

const R = Buffer.from(Array.from({ length: 32 }, (_, index) => index + 1));
const S = Buffer.from(Array.from({ length: 32 }, (_, index) => 200 - index));
const BLOCK = Buffer.concat([Buffer.alloc(4), R, S]);

describe('a Secure Boot V1 signature', () => {
  test('is a version of 0, r and s, big-endian', () => {
    expect(encodeV1Signature({ r: R, s: S }).equals(BLOCK)).toBe(true);
    expect(parseV1Signature(BLOCK)).toEqual({ r: R, s: S });
  });

  test('is read where more follows', () => {
    expect(parseV1Signature(Buffer.concat([BLOCK, Buffer.from('more')]))).toEqual({ r: R, s: S });
  });

  test('is refused when it is cut off or has another version', async () => {
    const short = await thrownBy(FormatError, () => parseV1Signature(BLOCK.subarray(0, 67)));
    expect(short.code).toBe('TRUNCATED');
    const other = Buffer.from(BLOCK);
    other.writeUInt32LE(0x32d0_0002, 0);
    const error = await thrownBy(FormatError, () => parseV1Signature(other, 0x9050));
    expect(error.message).toContain('no Secure Boot V1 signature at 0x9050');
    expect(error.where).toEqual({ offset: 0x9050 });
  });

  test('is not written with numbers of another length', async () => {
    const error = await thrownBy(FormatError, () => encodeV1Signature({ r: R.subarray(1), s: S }));
    expect(error.message).toContain('31 and 32 bytes');
  });

  test('does not look like erased flash, zeros or half a signature', () => {
    expect(looksLikeV1Signature(BLOCK)).toBe(true);
    const zeros = Buffer.alloc(4);
    for (const bytes of [
      Buffer.alloc(68, 0xff),
      Buffer.alloc(68),
      BLOCK.subarray(0, 67),
      Buffer.concat([zeros, R, Buffer.alloc(32)]),
      Buffer.concat([zeros, R, Buffer.alloc(32, 0xff)]),
      Buffer.concat([Buffer.from([1, 0, 0, 0]), R, S]),
    ])
      expect(looksLikeV1Signature(bytes)).toBe(false);
  });
});

describe('a Secure Boot V1 signature behind an image', () => {
  const image = anImageOfLength(0x10000 - 80);
  const kindOf = (...behind: readonly Buffer[]): string =>
    classifyTrailer(Buffer.concat([image, BLOCK, ...behind]), image.length).kind;

  test('is found at the end of the image, whatever fills the page behind it', () => {
    for (const fill of [0xff, 0x00, 0x5a])
      expect(kindOf(Buffer.alloc(12, fill))).toBe('signature-v1');
    expect(kindOf()).toBe('signature-v1');
    expect(kindOf(Buffer.alloc(12, 0x5a), Buffer.alloc(0x1000, 0xff))).toBe('signature-v1');
  });

  test('is not one when more data follows than the 12 bytes that no one uses', () => {
    expect(kindOf(Buffer.alloc(13, 0x5a))).toBe('unknown');
    const small = anImageOfLength(0x1000);
    const bytes = Buffer.concat([small, BLOCK, Buffer.alloc(12, 0x5a)]);
    expect(classifyTrailer(bytes, small.length).kind).toBe('unknown');
  });
});
