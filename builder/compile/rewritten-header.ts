import { createHash } from 'node:crypto';
import { FLASH_SIZE_FREQUENCY_OFFSET } from '../format/esp-image-header.ts';
import type { EspImage } from '../format/esp-image.ts';

const SPI_MODE_OFFSET = 2;
/** Modes and size-and-frequency bytes that a header can have had. */
const MODES = 6;
const SETTINGS = 256;

/**
 * True when an image's SHA-256 is wrong only because a flasher changed flash mode, size or frequency in its header and
 * left the digest alone, as older esptool versions did: some value of those two bytes makes the digest right. Chips
 * without Secure Boot start such a bootloader, as nothing checks a bootloader's digest.
 * Source: ESP-IDF esp_image_format.c (digests are verified for apps, for bootloaders only with Secure Boot V2).
 */
export function isRewrittenHeader(bytes: Buffer, { checksum, digest }: EspImage): boolean {
  if (digest === undefined || checksum.stored !== checksum.computed) return false;
  const rest = bytes.subarray(FLASH_SIZE_FREQUENCY_OFFSET + 1, digest.offset);
  const head = Buffer.from(bytes.subarray(0, FLASH_SIZE_FREQUENCY_OFFSET + 1));
  for (let mode = 0; mode < MODES; mode++) {
    for (let settings = 0; settings < SETTINGS; settings++) {
      head[SPI_MODE_OFFSET] = mode;
      head[FLASH_SIZE_FREQUENCY_OFFSET] = settings;
      if (createHash('sha256').update(head).update(rest).digest().equals(digest.stored))
        return true;
    }
  }
  return false;
}
