import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  encodeEspImage,
  parseEspImage,
  requireIntact,
  resealEspImage,
  securePadEspImage,
} from '../../../builder/format/esp-image.ts';
import { formatErrorOf } from '../../support/format-error.ts';
import { A_HEADER, anImage, segmentsOf, sha256, someBytes } from '../../support/images.ts';

const IMAGE = anImage([64, 32, 4]);

/** The image with one byte flipped, digest left as it was. */
function flipped(offset: number, bytes = IMAGE): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(offset) ^ 0x10, offset);
  return copy;
}

describe('an image', () => {
  test('comes back from its bytes', () => {
    const image = parseEspImage(IMAGE);
    expect(image.header).toEqual({ ...A_HEADER, segmentCount: 3 });
    expect(image.segments).toEqual([
      { index: 0, loadAddress: 0x3c000020, dataOffset: 32, length: 64 },
      { index: 1, loadAddress: 0x3c010020, dataOffset: 104, length: 32 },
      { index: 2, loadAddress: 0x3c020020, dataOffset: 144, length: 4 },
    ]);
    expect(image.dataEnd).toBe(148);
    expect(image.length).toBe(IMAGE.length);
    for (const [index, { dataOffset, length }] of image.segments.entries()) {
      const data = IMAGE.subarray(dataOffset, dataOffset + length);
      expect(data.equals(someBytes(length, index + 1))).toBe(true);
    }
  });

  test('has its checksum on the last of 16 bytes: 0xEF and every byte of data, XORed', () => {
    const { checksum } = parseEspImage(IMAGE);
    let expected = 0xef;
    for (const byte of Buffer.concat([someBytes(64, 1), someBytes(32, 2), someBytes(4, 3)]))
      expected ^= byte;
    expect(checksum).toEqual({ offset: 159, stored: expected, computed: expected });
    expect(IMAGE[159]).toBe(expected);
  });

  test('ends with the SHA-256 of all before it', () => {
    const { digest } = parseEspImage(IMAGE);
    expect(digest?.offset).toBe(160);
    expect(IMAGE.subarray(160).equals(sha256(IMAGE.subarray(0, 160)))).toBe(true);
    expect(digest?.stored.equals(digest.computed)).toBe(true);
  });

  test('ends with its checksum where the header promises no SHA-256', () => {
    const bytes = anImage([64], { hashAppended: false });
    expect(bytes).toHaveLength(96 + 16);
    expect(parseEspImage(bytes)).not.toHaveProperty('digest');
    expect(parseEspImage(bytes).length).toBe(bytes.length);
  });

  test.each([
    [4, 36, 48],
    [8, 40, 48],
    [12, 44, 48],
    [16, 48, 64],
  ])('with %d bytes of data up to %d has its checksum in front of %d', (data, end, after) => {
    const { dataEnd, checksum } = parseEspImage(anImage([data]));
    expect([dataEnd, checksum.offset]).toEqual([end, after - 1]);
  });

  test('is walked from its first byte, whatever follows it', () => {
    const longer = Buffer.concat([IMAGE, Buffer.alloc(5000, 0xaa)]);
    expect(parseEspImage(longer)).toEqual(parseEspImage(IMAGE));
  });

  test('is refused at every length below its own, at the offset where it ends', () => {
    for (let length = 0; length < IMAGE.length; length++) {
      const error = formatErrorOf(() => parseEspImage(IMAGE.subarray(0, length), 0x10000));
      expect(error.code).toBe('TRUNCATED');
      expect(error.where?.offset).toBeGreaterThanOrEqual(0x10000);
      expect(error.where?.offset).toBeLessThanOrEqual(0x10000 + length);
    }
  });

  test('is refused with a segment that is no multiple of 4 long', () => {
    const bytes = Buffer.from(IMAGE);
    bytes.writeUInt32LE(31, 100);
    const error = formatErrorOf(() => parseEspImage(bytes, 0x10000));
    expect(error.code).toBe('BAD_VALUE');
    expect(error.message).toBe('segment 1 has length 0x1f, which is not a multiple of 4');
    expect(error.where).toEqual({ offset: 0x10000 + 100 });
  });

  test.each([0x1000000, 0xfffffffc])('is refused with a segment of %d bytes', (length) => {
    const bytes = Buffer.from(IMAGE);
    bytes.writeUInt32LE(length, 100);
    const error = formatErrorOf(() => parseEspImage(bytes));
    expect(error.code).toBe('BAD_VALUE');
    expect(error.message).toContain('the limit is 16 MiB');
  });

  test('is refused as truncated with a segment just below 16 MiB that is not there', () => {
    const bytes = Buffer.from(IMAGE);
    bytes.writeUInt32LE(0xfffffc, 100);
    const error = formatErrorOf(() => parseEspImage(bytes));
    expect(error.code).toBe('TRUNCATED');
    expect(error.message).toContain('segment 1 (0xfffffc bytes for address 0x3c010020)');
  });

  test('may have segments of no length, as elf2image makes them', () => {
    const { segments, dataEnd } = parseEspImage(anImage([16, 0]));
    expect(segments[1]?.length).toBe(0);
    expect(dataEnd).toBe(56);
  });
});

describe('requireIntact', () => {
  test('passes an image as it was made', () => {
    requireIntact(parseEspImage(IMAGE), 'the app');
  });

  test('refuses a flipped byte of data by the checksum', () => {
    const error = formatErrorOf(() => {
      requireIntact(parseEspImage(flipped(40)), 'the app', 0x10000);
    });
    expect(error.code).toBe('BAD_CHECKSUM');
    expect(error.message).toMatch(/^the app is damaged: its checksum is 0x/);
    expect(error.where).toEqual({ offset: 0x10000 + 159 });
  });

  test.each([
    ['the header', 4],
    ['a load address', 24],
    ['the zeros before the checksum', 150],
    ['the digest', 170],
  ])('refuses a flipped byte of %s by the SHA-256', (_, offset) => {
    const error = formatErrorOf(() => {
      requireIntact(parseEspImage(flipped(offset)), 'the app', 0x10000);
    });
    expect(error.code).toBe('BAD_DIGEST');
    expect(error.where).toEqual({ offset: 0x10000 + 160 });
  });

  test('refuses every single flipped byte of an image', () => {
    for (let offset = 0; offset < IMAGE.length; offset++) {
      formatErrorOf(() => {
        requireIntact(parseEspImage(flipped(offset)), 'the app');
      });
    }
  });
});

describe('encodeEspImage', () => {
  test.each([0, 17])('refuses %d segments', (count) => {
    const segments = segmentsOf(...Array<number>(count).fill(4));
    const error = formatErrorOf(() => encodeEspImage({ header: A_HEADER, segments }));
    expect(error.code).toBe('TOO_MANY');
  });

  test.each([3, 0x1000000])('refuses a segment of %d bytes', (length) => {
    const segments = [{ loadAddress: 0, data: new Uint8Array(length) }];
    const error = formatErrorOf(() => encodeEspImage({ header: A_HEADER, segments }));
    expect(error.code).toBe('BAD_VALUE');
  });
});

describe('resealEspImage', () => {
  test('makes checksum and SHA-256 right again and leaves the input alone', () => {
    const edited = flipped(40);
    const before = Buffer.from(edited);
    const resealed = resealEspImage(edited);
    requireIntact(parseEspImage(resealed), 'the app');
    expect(edited.equals(before)).toBe(true);
    expect(resealed.subarray(0, 159).equals(edited.subarray(0, 159))).toBe(true);
  });

  test('leaves out what follows the image', () => {
    const resealed = resealEspImage(Buffer.concat([IMAGE, Buffer.alloc(100, 0xff)]));
    expect(resealed.equals(IMAGE)).toBe(true);
  });
});

describe.each([0x4000, 0x8000, 0x10000])('secure padding to pages of %d bytes', (page) => {
  const before = parseEspImage(IMAGE);
  const padded = securePadEspImage(IMAGE, page);
  const after = parseEspImage(padded);

  test('ends the image on a page', () => {
    expect(padded).toHaveLength(page);
    expect(after.length).toBe(page);
    requireIntact(after, 'the padded app');
  });

  test('adds one segment of zeros at address 0 and keeps the others as they were', () => {
    expect(after.segments).toHaveLength(4);
    expect(after.segments.slice(0, 3)).toEqual(before.segments);
    expect(padded.subarray(24, 148).equals(IMAGE.subarray(24, 148))).toBe(true);
    expect(after.segments[3]?.loadAddress).toBe(0);
    expect(
      padded.subarray(after.segments[3]?.dataOffset, after.dataEnd).every((b) => b === 0),
    ).toBe(true);
    expect(after.header).toEqual({ ...before.header, segmentCount: 4 });
  });

  test('leaves the checksum byte as it was', () => {
    expect(after.checksum.stored).toBe(before.checksum.stored);
  });

  test('adds as much as elf2image --secure-pad-v2 does', () => {
    const position = before.dataEnd + 8;
    const expected = (((page - (position % page) - 16 - 32) % page) + page) % page;
    expect(after.segments[3]?.length).toBe(expected);
  });

  test('changes nothing the second time', () => {
    expect(securePadEspImage(padded, page).equals(padded)).toBe(true);
  });

  test('ends on a page from every size of image around one', () => {
    for (let data = page - 200; data <= page + 8; data += 4) {
      const bytes = securePadEspImage(anImage([data]), page);
      expect(bytes.length % page).toBe(0);
      expect(bytes.length).toBeLessThan(data + 2 * page);
      requireIntact(parseEspImage(bytes), 'the padded app');
    }
  });
});

describe('secure padding', () => {
  test('drops what follows the image', () => {
    const longer = Buffer.concat([IMAGE, Buffer.alloc(100, 0xff)]);
    expect(securePadEspImage(longer, 0x10000).equals(securePadEspImage(IMAGE, 0x10000))).toBe(true);
  });

  test('is refused for an image with 16 segments', () => {
    const full = anImage(Array<number>(16).fill(4));
    const error = formatErrorOf(() => securePadEspImage(full, 0x10000));
    expect(error.code).toBe('TOO_MANY');
    expect(error.where).toEqual({ offset: 1 });
  });

  test('is possible for an image with 15 segments', () => {
    const padded = securePadEspImage(anImage(Array<number>(15).fill(4)), 0x10000);
    expect(parseEspImage(padded).segments).toHaveLength(16);
  });

  test('is refused for an image without SHA-256', () => {
    const error = formatErrorOf(() =>
      securePadEspImage(anImage([64], { hashAppended: false }), 0x10000),
    );
    expect(error.code).toBe('BAD_VALUE');
    expect(error.where).toEqual({ offset: 23 });
  });
});

const RELEASE = new URL(
  '../../../../shared/firmware/ESP32_GENERIC-20240602-v1.23.0.bin',
  import.meta.url,
);
const hasRelease = existsSync(RELEASE);

test.skipIf(!hasRelease)(
  `the app of MicroPython v1.23.0 becomes 0x1a0000 bytes in 8 segments${hasRelease ? '' : ' (skipped: the released firmware is not here)'}`,
  () => {
    const app = readFileSync(RELEASE).subarray(0xf000);
    const before = parseEspImage(app);
    requireIntact(before, 'the app');
    expect(before.segments).toHaveLength(7);
    const padded = securePadEspImage(app, 0x10000);
    const after = parseEspImage(padded);
    expect(padded).toHaveLength(0x1a0000);
    expect(after.header.segmentCount).toBe(8);
    expect(after.checksum.stored).toBe(before.checksum.stored);
    requireIntact(after, 'the padded app');
  },
);
