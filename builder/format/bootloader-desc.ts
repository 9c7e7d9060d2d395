import { readBoundedText } from './bounded-text.ts';
import { ByteReader } from './byte-reader.ts';

// esp_bootloader_desc_t (ESP-IDF components/esp_bootloader_format/include/esp_bootloader_desc.h), IDF 5.2 and later, at
// the start of segment 0 of a bootloader:
//  0 u8     magic_byte, 0x50      4 u32     version      40 char*24 date_time
//  1 u8*2   reserved              8 char*32 idf_ver      64 u8*16   reserved2
//  3 u8     secure_version, IDF 5.5 and later; reserved before

/** sizeof(esp_bootloader_desc_t) */
export const BOOTLOADER_DESC_SIZE = 80;

/** ESP_BOOTLOADER_DESC_MAGIC_BYTE */
const MAGIC = 0x50;

export type BootloaderDescription = {
  /** Anti-rollback counter of the bootloader itself; 0 before IDF 5.5. */
  readonly secureVersion: number;
  /** CONFIG_BOOTLOADER_PROJECT_VER */
  readonly version: number;
  readonly idfVersion: string;
  /** `Jun  2 2024 06:51:35`; empty in reproducible builds. */
  readonly dateTime: string;
};

/**
 * Reads esp_bootloader_desc_t from the first 80 of `bytes`, or undefined where they do not look like one. One byte of
 * magic proves little, and bootloaders before IDF 5.2 have code there: idf_ver must be a text that is not empty and
 * date_time a text, both of printable ASCII that ends in its field. Total, throws nothing.
 * Source: ESP-IDF esp_bootloader_desc.h.
 */
export function parseBootloaderDescription(bytes: Uint8Array): BootloaderDescription | undefined {
  if (bytes.length < BOOTLOADER_DESC_SIZE || bytes[0] !== MAGIC) return undefined;
  const reader = new ByteReader(bytes, 'bootloader description');
  const idfVersion = readBoundedText(reader.slice(8, 32));
  const dateTime = readBoundedText(reader.slice(40, 24));
  if (idfVersion.kind !== 'text' || idfVersion.text === '' || dateTime.kind !== 'text') {
    return undefined;
  }
  return {
    secureVersion: reader.u8(3),
    version: reader.u32(4),
    idfVersion: idfVersion.text,
    dateTime: dateTime.text,
  };
}
