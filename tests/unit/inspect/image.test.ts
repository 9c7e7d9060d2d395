import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { encodeEspImage } from '../../../builder/format/esp-image.ts';
import {
  bytesTaken,
  describeImage,
  isIntact,
  type ImageReport,
} from '../../../builder/inspect/image.ts';
import { makeApp } from '../../support/firmware.ts';
import { A_HEADER, anImage, segmentsOf, sha256 } from '../../support/images.ts';

type Whole = Extract<ImageReport, { readonly kind: 'whole' }>;

function wholeOf(bytes: Buffer): Whole {
  const { report } = describeImage(bytes);
  if (report.kind !== 'whole') throw new Error(`the image is ${report.kind}: ${report.problem}`);
  return report;
}

describe('describeImage', () => {
  test('explains the header in words', () => {
    expect(wholeOf(anImage([16])).header).toEqual({
      chip: 'esp32c3',
      chipTitle: 'ESP32-C3',
      chipId: 5,
      flashMode: 'dio',
      flashFrequency: '80m',
      flashSize: '4MB',
      entryAddress: 0x40081234,
      minChipRevision: 'v3.1',
      maxChipRevision: 'v3.99',
      legacyMinChipRevision: 'v0.3',
      wpPin: null,
      spiPinDrive: '010203',
      sha256Appended: true,
    });
  });

  test('says of codes that nobody has defined which they are', () => {
    const odd = { spiMode: 9, flashSizeCode: 15, flashFrequencyCode: 7, wpPin: 3 };
    expect(wholeOf(anImage([16], odd)).header).toMatchObject({
      flashMode: 'code 9',
      flashSize: 'code 15',
      flashFrequency: 'code 7',
      wpPin: 3,
    });
  });

  test.each([0, 0xffff])('takes %d for no upper limit of revisions', (maxChipRevisionFull) => {
    const { header } = wholeOf(anImage([16], { maxChipRevisionFull, minChipRevision: 0 }));
    expect(header).toMatchObject({ maxChipRevision: null, legacyMinChipRevision: null });
  });

  test('reads the older revision field as the chip means it', () => {
    const { header } = wholeOf(anImage([16], { chipId: 0, minChipRevision: 3 }));
    expect(header.legacyMinChipRevision).toBe('v3.0');
  });

  test('lists segments with their memory, mapped or loaded or padding', () => {
    const bytes = encodeEspImage({
      header: { ...A_HEADER, chipId: 0 },
      segments: [
        { loadAddress: 0x3f400020, data: Buffer.alloc(8) },
        { loadAddress: 0x40080400, data: Buffer.alloc(4) },
        { loadAddress: 0, data: Buffer.alloc(16) },
        { loadAddress: 0x70000000, data: Buffer.alloc(0) },
      ],
    });
    expect(wholeOf(bytes).segments).toEqual([
      {
        index: 0,
        loadAddress: 0x3f400020,
        length: 8,
        offset: 32,
        memory: ['DROM'],
        mapped: true,
        padding: false,
      },
      {
        index: 1,
        loadAddress: 0x40080400,
        length: 4,
        offset: 48,
        memory: ['IRAM'],
        mapped: false,
        padding: false,
      },
      {
        index: 2,
        loadAddress: 0,
        length: 16,
        offset: 60,
        memory: [],
        mapped: false,
        padding: true,
      },
      {
        index: 3,
        loadAddress: 0x70000000,
        length: 0,
        offset: 84,
        memory: [],
        mapped: false,
        padding: false,
      },
    ]);
  });

  test('finds checksum and SHA-256 valid in an image that is as it was made', () => {
    const bytes = anImage([16]);
    const { checksum, sha256: digest, length, trailer } = wholeOf(bytes);
    const at = bytes.length - 32;
    expect(length).toBe(bytes.length);
    expect(checksum).toMatchObject({ offset: at - 1, stored: bytes[at - 1], valid: true });
    const expected = sha256(bytes.subarray(0, at)).toString('hex');
    expect(digest).toEqual({ offset: at, stored: expected, computed: expected, valid: true });
    expect(trailer).toEqual({ kind: 'none' });
  });

  test('reports damage as what it is, and does not judge it', () => {
    const bytes = anImage([16]);
    bytes.writeUInt8(bytes.readUInt8(32) ^ 0x10, 32);
    const report = wholeOf(bytes);
    expect(report.checksum.valid).toBe(false);
    expect(report.checksum.computed).toBe(report.checksum.stored ^ 0x10);
    expect(report.sha256?.valid).toBe(false);
    expect(isIntact(report)).toBe(false);
  });

  test('knows images without SHA-256', () => {
    const report = wholeOf(anImage([16], { hashAppended: false }));
    expect(report.sha256).toBeNull();
    expect(isIntact(report)).toBe(true);
  });

  test('says what follows an image', () => {
    const bytes = anImage([16]);
    const padded = Buffer.concat([bytes, Buffer.alloc(10, 0xff)]);
    expect(wholeOf(padded).trailer).toEqual({ kind: 'erased', length: 10 });
    const followed = Buffer.concat([padded, Buffer.from('more')]);
    expect(wholeOf(followed).trailer).toEqual({ kind: 'unknown', offset: bytes.length + 10 });
    expect(bytesTaken(wholeOf(followed))).toBe(bytes.length);
  });

  test('explains the header of an image that is cut off, and where it ends', () => {
    const { report } = describeImage(anImage([16, 400]).subarray(0, 200));
    expect(report).toMatchObject({ kind: 'broken', header: { chip: 'esp32c3' }, offset: 200 });
    expect(report).toHaveProperty('problem', expect.stringMatching(/truncated: segment 1/));
    expect(bytesTaken(report)).toBeUndefined();
    expect(isIntact(report)).toBe(false);
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['zeros', Buffer.alloc(100)],
    ['a header of no segments', Buffer.from([0xe9, ...Buffer.alloc(23)])],
  ])('says that %s cannot be read', (_, bytes) => {
    const { report } = describeImage(bytes);
    expect(report.kind).toBe('unreadable');
  });

  test('knows no memory, and no frequency, of a chip that it has no facts of', () => {
    const bytes = encodeEspImage({
      header: { ...A_HEADER, chipId: 28, maxChipRevisionFull: 0 },
      segments: segmentsOf(16),
    });
    const { header, segments, signature } = wholeOf(bytes);
    expect(header).toMatchObject({
      chip: null,
      chipTitle: 'ESP32-H4 (chip id 28, not supported)',
      flashFrequency: 'code 15',
      legacyMinChipRevision: null,
    });
    expect(segments).toMatchObject([{ memory: [], mapped: false }]);
    expect(signature).toBeNull();
  });

  test('is plain data', () => {
    const { report } = describeImage(makeApp({ chip: esp32 }));
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });
});
