import { describe, expect, test } from 'vitest';
import { classifyTrailer, SECTOR_SIZE } from '../../../builder/format/image-trailer.ts';
import { encodeSignatureSector } from '../../../builder/format/signature-sector.ts';
import { anImageOfLength, someBytes } from '../../support/images.ts';
import { aPrivateKey, aSignedBlock } from '../../support/signature-blocks.ts';

/** Ends 0x10 bytes short of a sector's end, so that there is room for V1 and none for much else. */
const IMAGE = anImageOfLength(0x5010);
const EXPECTED = 0x6000;
const FILL = Buffer.alloc(EXPECTED - IMAGE.length, 0xff);
const SECTOR = encodeSignatureSector([
  aSignedBlock('ecdsa256'),
  aSignedBlock('ecdsa256', undefined, aPrivateKey('ecdsa256', 'second')),
  aSignedBlock('ecdsa256', undefined, aPrivateKey('ecdsa256', 'third')),
]);
const PAGE = Buffer.alloc(SECTOR_SIZE, 0xff);
/** A Secure Boot V1 block: version 0, then r and s. */
const V1 = Buffer.concat([Buffer.alloc(4), someBytes(64)]);

const classify = (...behind: readonly Uint8Array[]) =>
  classifyTrailer(Buffer.concat([IMAGE, ...behind]), IMAGE.length);

/** The sector with these blocks (0 to 2) wiped as a worn sector would be. */
function damaged(...blocks: readonly number[]): Buffer {
  const sector = Buffer.from(SECTOR);
  for (const block of blocks) sector.fill(0x5a, block * 1216, (block + 1) * 1216);
  return sector;
}

describe('what follows an image is', () => {
  test('none, where the file ends with it', () => {
    expect(classify()).toEqual({ kind: 'none' });
  });

  test('none, where the file ends before it', () => {
    expect(classifyTrailer(IMAGE.subarray(0, 100), IMAGE.length)).toEqual({ kind: 'none' });
  });

  test.each([1, 0xff0, 0x3ff0])('erased, with %d bytes of 0xff', (length) => {
    expect(classify(Buffer.alloc(length, 0xff))).toEqual({ kind: 'erased', length });
  });

  test('a V2 signature at the next multiple of 4096', () => {
    expect(classify(FILL, SECTOR)).toEqual({
      kind: 'signature-v2',
      offset: EXPECTED,
      end: 0x7000,
      erasedAfter: 0,
    });
  });

  test('a V2 signature directly behind an image that ends on a sector', () => {
    const image = anImageOfLength(0x5000);
    expect(classifyTrailer(Buffer.concat([image, SECTOR]), image.length)).toMatchObject({
      kind: 'signature-v2',
      offset: 0x5000,
    });
  });

  test.each([1, 0x1000, 0x9000])('a V2 signature, with %d bytes of 0xff behind it', (more) => {
    expect(classify(FILL, SECTOR, Buffer.alloc(more, 0xff))).toEqual({
      kind: 'signature-v2',
      offset: EXPECTED,
      end: 0x7000,
      erasedAfter: more,
    });
  });

  test.each([
    ['block 0', [1, 2]],
    ['block 1', [0, 2]],
    ['block 2', [0, 1]],
  ])('a V2 signature, where only %s of the sector is recognisable', (_, blocks) => {
    expect(classify(FILL, damaged(...blocks))).toMatchObject({
      kind: 'signature-v2',
      offset: EXPECTED,
    });
  });

  test('unknown, where no block of the sector is recognisable', () => {
    expect(classify(FILL, damaged(0, 1, 2))).toEqual({ kind: 'unknown', offset: EXPECTED });
  });

  test('a V2 signature, where block 0 is erased and another is there', () => {
    const sector = Buffer.from(SECTOR);
    sector.fill(0xff, 0, 1216);
    expect(classify(FILL, sector)).toMatchObject({ kind: 'signature-v2', offset: EXPECTED });
    expect(classify(FILL, PAGE, sector)).toMatchObject({
      kind: 'misplaced-signature-v2',
      offset: 0x7000,
    });
  });

  test('a misplaced V2 signature, one page too far', () => {
    expect(classify(FILL, PAGE, SECTOR)).toEqual({
      kind: 'misplaced-signature-v2',
      offset: 0x7000,
      expectedOffset: EXPECTED,
    });
  });

  test('a misplaced V2 signature, where a signed image was signed again', () => {
    expect(classify(FILL, SECTOR, SECTOR)).toEqual({
      kind: 'misplaced-signature-v2',
      offset: 0x7000,
      expectedOffset: EXPECTED,
    });
  });

  test('unknown, with a V2 signature directly behind an image that ends within a sector', () => {
    expect(classify(SECTOR)).toEqual({ kind: 'unknown', offset: IMAGE.length });
  });

  test('unknown, with a V2 sector that is cut off', () => {
    expect(classify(FILL, SECTOR.subarray(0, -1))).toEqual({ kind: 'unknown', offset: EXPECTED });
  });

  test('unknown, with anything behind a V2 signature', () => {
    expect(classify(FILL, SECTOR, Buffer.from([0xff, 0x00]))).toEqual({
      kind: 'unknown',
      offset: 0x7001,
    });
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['12 bytes of 0xff', Buffer.alloc(12, 0xff)],
    ['a page of 0xff', PAGE],
    ['12 zeros, as a secure-padded file has them', Buffer.alloc(12)],
  ])('a V1 signature with %s behind it', (_, behind) => {
    expect(classify(V1, behind)).toEqual({
      kind: 'signature-v1',
      offset: IMAGE.length,
      end: IMAGE.length + 68,
    });
  });

  test('a V1 signature, also behind an image that ends on a sector', () => {
    const image = anImageOfLength(0x5000);
    expect(classifyTrailer(Buffer.concat([image, V1]), image.length)).toEqual({
      kind: 'signature-v1',
      offset: 0x5000,
      end: 0x5000 + 68,
    });
  });

  test('unknown, with anything behind a V1 signature', () => {
    expect(classify(V1, Buffer.from('junk'))).toEqual({ kind: 'unknown', offset: IMAGE.length });
  });

  test('unknown, with a V1 signature that is cut off', () => {
    expect(classify(V1.subarray(0, 67))).toEqual({ kind: 'unknown', offset: IMAGE.length });
  });

  test('unknown, with zeros only', () => {
    expect(classify(Buffer.alloc(200))).toEqual({ kind: 'unknown', offset: IMAGE.length });
  });

  test.each([0, 1, 0xfee, 0xff0, 0x1234])('unknown, with junk %d bytes behind it', (distance) => {
    const behind = Buffer.alloc(distance + 5, 0xff);
    behind.write('junk', distance);
    expect(classify(behind)).toEqual({ kind: 'unknown', offset: IMAGE.length + distance });
  });

  test('unknown, with junk one byte before a V2 signature in its place', () => {
    const fill = Buffer.from(FILL);
    fill[fill.length - 1] = 0xfe;
    expect(classify(fill, SECTOR)).toEqual({ kind: 'unknown', offset: EXPECTED - 1 });
  });
});
