import { createHash } from 'node:crypto';
import type { ImageHeader } from '../../builder/format/esp-image-header.ts';
import { encodeEspImage, type ImageContents } from '../../builder/format/esp-image.ts';

export const A_HEADER: Omit<ImageHeader, 'segmentCount'> = {
  spiMode: 2,
  flashSizeCode: 2,
  flashFrequencyCode: 0xf,
  entryAddress: 0x40081234,
  wpPin: 0xee,
  spiPinDrive: Buffer.from([1, 2, 3]),
  chipId: 5,
  minChipRevision: 3,
  minChipRevisionFull: 301,
  maxChipRevisionFull: 399,
  reserved: Buffer.from([4, 5, 6, 7]),
  hashAppended: true,
};

/** Segment data of `length` bytes in which no two neighbours are alike. */
export function someBytes(length: number, seed = 1): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 31 + seed) & 0xff));
}

/** Segments of these lengths at consecutive addresses. */
export function segmentsOf(...lengths: readonly number[]): ImageContents['segments'] {
  return lengths.map((length, index) => ({
    loadAddress: 0x3c000020 + index * 0x10000,
    data: someBytes(length, index + 1),
  }));
}

/** An image with segments of these lengths. */
export function anImage(
  lengths: readonly number[],
  header: Partial<Omit<ImageHeader, 'segmentCount'>> = {},
): Buffer {
  return encodeEspImage({ header: { ...A_HEADER, ...header }, segments: segmentsOf(...lengths) });
}

/** An image of exactly `length` bytes, which must be a multiple of 16 and at least 80. */
export function anImageOfLength(length: number): Buffer {
  // 24 header, 8 segment header, 32 SHA-256; the checksum is the last of 16 bytes.
  return anImage([length - 24 - 8 - 32 - 16]);
}

export function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
