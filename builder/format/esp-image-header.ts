import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { ByteReader } from './byte-reader.ts';

// esp_image_header_t (ESP-IDF components/bootloader_support/include/esp_app_format.h), packed:
//    0 u8   magic, 0xE9            8 u8   wp_pin                 17 u16 max_chip_rev_full
//    1 u8   segment_count          9 u8*3 spi_pin_drv            19 u8*4 reserved
//    2 u8   spi_mode              12 u16  chip_id                23 u8  hash_appended
//    3 u8   size << 4 | speed     14 u8   min_chip_rev
//    4 u32  entry_addr            15 u16  min_chip_rev_full

/** ESP_IMAGE_HEADER_MAGIC */
export const ESP_IMAGE_MAGIC = 0xe9;
export const IMAGE_HEADER_SIZE = 24;
/** Offset of the byte that holds flash size (high nibble) and flash frequency (low nibble). */
export const FLASH_SIZE_FREQUENCY_OFFSET = 3;

/** Segments that ROM and second-stage bootloader accept (ESP_IMAGE_MAX_SEGMENTS). */
export const MAX_SEGMENTS = 16;

export type ImageHeader = {
  readonly segmentCount: number;
  readonly spiMode: number;
  /** 0 = 1 MB … 7 = 128 MB. */
  readonly flashSizeCode: number;
  /** Its meaning depends on the chip. */
  readonly flashFrequencyCode: number;
  readonly entryAddress: number;
  readonly wpPin: number;
  readonly spiPinDrive: Buffer;
  readonly chipId: number;
  /** Legacy field, superseded by `minChipRevisionFull`. */
  readonly minChipRevision: number;
  /** major * 100 + minor; 0 where the builder was older than the field. */
  readonly minChipRevisionFull: number;
  /** major * 100 + minor; 0 and 65535 mean "not set". */
  readonly maxChipRevisionFull: number;
  readonly reserved: Buffer;
  readonly hashAppended: boolean;
};

/** Reads the 24 bytes of esp_image_header_t. Throws FormatError for a wrong magic, segment count or hash flag. */
export function parseImageHeader(reader: ByteReader): ImageHeader {
  const magic = reader.u8(0);
  if (magic !== ESP_IMAGE_MAGIC) {
    throw new FormatError(
      'BAD_MAGIC',
      `no ESP image at ${hex(reader.base)}: the first byte is ${hex(magic, 2)}, 0xe9 was expected`,
      { where: { offset: reader.base } },
    );
  }
  const bytes = reader.slice(0, IMAGE_HEADER_SIZE);
  const segmentCount = reader.u8(1);
  if (segmentCount < 1 || segmentCount > MAX_SEGMENTS) {
    throw new FormatError(
      'BAD_VALUE',
      `the image header claims ${segmentCount} segments; the boot ROM takes 1 to ${MAX_SEGMENTS}`,
      { where: { offset: reader.base + 1 } },
    );
  }
  const hashFlag = reader.u8(23);
  if (hashFlag > 1) {
    throw new FormatError(
      'BAD_VALUE',
      `the image header's hash_appended byte is ${hex(hashFlag, 2)}; 0 or 1 was expected`,
      { where: { offset: reader.base + 23 } },
    );
  }
  const sizeAndFrequency = reader.u8(FLASH_SIZE_FREQUENCY_OFFSET);
  return {
    segmentCount,
    spiMode: reader.u8(2),
    flashSizeCode: sizeAndFrequency >> 4,
    flashFrequencyCode: sizeAndFrequency & 0x0f,
    entryAddress: reader.u32(4),
    wpPin: reader.u8(8),
    spiPinDrive: Buffer.from(bytes.subarray(9, 12)),
    chipId: reader.u16(12),
    minChipRevision: reader.u8(14),
    minChipRevisionFull: reader.u16(15),
    maxChipRevisionFull: reader.u16(17),
    reserved: Buffer.from(bytes.subarray(19, 23)),
    hashAppended: hashFlag === 1,
  };
}

/** Writes esp_image_header_t: 24 bytes, the inverse of `parseImageHeader`. */
export function encodeImageHeader(header: ImageHeader): Buffer {
  const bytes = Buffer.alloc(IMAGE_HEADER_SIZE);
  bytes.writeUInt8(ESP_IMAGE_MAGIC, 0);
  bytes.writeUInt8(header.segmentCount, 1);
  bytes.writeUInt8(header.spiMode, 2);
  bytes.writeUInt8(
    (header.flashSizeCode << 4) | header.flashFrequencyCode,
    FLASH_SIZE_FREQUENCY_OFFSET,
  );
  bytes.writeUInt32LE(header.entryAddress, 4);
  bytes.writeUInt8(header.wpPin, 8);
  header.spiPinDrive.copy(bytes, 9, 0, 3);
  bytes.writeUInt16LE(header.chipId, 12);
  bytes.writeUInt8(header.minChipRevision, 14);
  bytes.writeUInt16LE(header.minChipRevisionFull, 15);
  bytes.writeUInt16LE(header.maxChipRevisionFull, 17);
  header.reserved.copy(bytes, 19, 0, 4);
  bytes.writeUInt8(header.hashAppended ? 1 : 0, 23);
  return bytes;
}
