import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteReader } from '../../builder/format/byte-reader.ts';
import { encodeImageHeader, parseImageHeader } from '../../builder/format/esp-image-header.ts';
import {
  encodeEspImage,
  parseEspImage,
  requireIntact,
  resealEspImage,
  securePadEspImage,
  type ImageContents,
} from '../../builder/format/esp-image.ts';
import { classifyTrailer } from '../../builder/format/image-trailer.ts';
import { throwsFormatError } from '../support/format-error.ts';

const u8 = fc.nat({ max: 0xff });
const u16 = fc.nat({ max: 0xffff });
const u32 = fc.nat({ max: 0xffffffff });
const nibble = fc.nat({ max: 0xf });
const bytesOf = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes));

const header = fc.record({
  spiMode: u8,
  flashSizeCode: nibble,
  flashFrequencyCode: nibble,
  entryAddress: u32,
  wpPin: u8,
  spiPinDrive: bytesOf(3),
  chipId: u16,
  minChipRevision: u8,
  minChipRevisionFull: u16,
  maxChipRevisionFull: u16,
  reserved: bytesOf(4),
  hashAppended: fc.boolean(),
});

const segment = fc.record({
  loadAddress: u32,
  data: fc.nat({ max: 40 }).chain((words) => bytesOf(words * 4)),
});

const contents: fc.Arbitrary<ImageContents> = fc.record({
  header,
  segments: fc.array(segment, { minLength: 1, maxLength: 16 }),
});

/** Bytes that start like an image, so that what lies behind the header is reached too. */
const imageLike = fc
  .tuple(header, fc.integer({ min: 1, max: 16 }), fc.uint8Array({ maxLength: 300 }), fc.boolean())
  .map(([fields, segmentCount, rest, isSmall]) => {
    const bytes = Buffer.concat([encodeImageHeader({ ...fields, segmentCount }), rest]);
    // Random lengths are nearly always far too large: make the first segment's possible.
    if (isSmall && bytes.length >= 32) bytes.writeUInt32LE((bytes[28] ?? 0) & 0xfc, 28);
    return bytes;
  });

const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  imageLike,
);

describe('ESP images', () => {
  test('survive a round trip', () => {
    fc.assert(
      fc.property(contents, (image) => {
        const bytes = encodeEspImage(image);
        const parsed = parseEspImage(bytes);
        requireIntact(parsed, 'the image');
        expect(parsed.header).toEqual({ ...image.header, segmentCount: image.segments.length });
        expect(parsed.length).toBe(bytes.length);
        const segments = parsed.segments.map(({ loadAddress, dataOffset, length }) => ({
          loadAddress,
          data: Buffer.from(bytes.subarray(dataOffset, dataOffset + length)),
        }));
        expect(segments).toEqual(image.segments);
        expect(encodeEspImage({ header: image.header, segments }).equals(bytes)).toBe(true);
        expect(resealEspImage(bytes).equals(bytes)).toBe(true);
      }),
    );
  });

  test('survive a round trip of their header alone', () => {
    fc.assert(
      fc.property(header, fc.integer({ min: 1, max: 16 }), (fields, segmentCount) => {
        const bytes = encodeImageHeader({ ...fields, segmentCount });
        expect(parseImageHeader(new ByteReader(bytes, 'image'))).toEqual({
          ...fields,
          segmentCount,
        });
      }),
    );
  });

  test('are truncated at every length below their own', () => {
    fc.assert(
      fc.property(contents, fc.double({ min: 0, max: 0.999, noNaN: true }), (image, part) => {
        const bytes = encodeEspImage(image);
        const cut = bytes.subarray(0, Math.floor(bytes.length * part));
        expect(throwsFormatError(() => parseEspImage(cut))).toBe(true);
      }),
    );
  });

  test('end on a page when they are padded, with the same checksum and an equal second time', () => {
    fc.assert(
      fc.property(contents, fc.constantFrom(0x4000, 0x8000, 0x10000), (image, page) => {
        fc.pre(image.header.hashAppended && image.segments.length < 16);
        const bytes = encodeEspImage(image);
        const padded = securePadEspImage(bytes, page);
        expect(padded.length % page).toBe(0);
        const { checksum } = parseEspImage(padded);
        expect(checksum.stored).toBe(parseEspImage(bytes).checksum.stored);
        requireIntact(parseEspImage(padded), 'the padded image');
        expect(securePadEspImage(padded, page).equals(padded)).toBe(true);
      }),
    );
  });

  test('are a value or a FormatError, whatever the bytes', () => {
    fc.assert(
      fc.property(anyBytes, fc.nat({ max: 0x10000 }), (bytes, base) => {
        throwsFormatError(() => {
          requireIntact(parseEspImage(bytes, base), 'the image', base);
        });
        throwsFormatError(() => resealEspImage(bytes));
        throwsFormatError(() => securePadEspImage(bytes, 0x4000));
      }),
      { numRuns: 500 },
    );
  });

  test('have a trailer of some class, whatever the bytes', () => {
    fc.assert(
      fc.property(anyBytes, fc.nat({ max: 500 }), (bytes, length) => {
        const { kind } = classifyTrailer(bytes, length);
        expect(kind === 'none').toBe(bytes.length <= length);
      }),
    );
  });
});
