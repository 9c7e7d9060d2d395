import type { Chip } from '../chip/chip.ts';
import {
  flashFrequencyName,
  flashModeName,
  flashSizeByCode,
  flashSizeByName,
  type FlashSize,
} from '../chip/flash-settings.ts';
import { LayoutError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { FLASH_SIZE_FREQUENCY_OFFSET } from '../format/esp-image-header.ts';
import { parseEspImage, sealEspImage } from '../format/esp-image.ts';
import type { Bootloader } from '../compile/compiled.ts';
import type { FlashSettings } from './laid-out.ts';

/** Reads flash mode, frequency and size from an image header. Throws LayoutError for codes without a meaning. */
export function flashSettingsOf(image: Uint8Array, chip: Chip): FlashSettings {
  const { header } = parseEspImage(image);
  const mode = flashModeName(header.spiMode);
  const frequency = flashFrequencyName(chip, header.flashFrequencyCode);
  const size = flashSizeByCode(header.flashSizeCode);
  if (mode === undefined || frequency === undefined || size === undefined) {
    const code =
      mode === undefined
        ? `flash mode ${header.spiMode}`
        : `flash size and frequency ${hex(image[FLASH_SIZE_FREQUENCY_OFFSET] ?? 0, 2)}`;
    throw new LayoutError(
      'FLASH_SIZE',
      `the image header has ${code}, which ${chip.title} does not know`,
    );
  }
  // Two names for one code (ESP32-C6): the first is what esptool writes.
  return { mode, frequency: frequency.split('/')[0] ?? frequency, size };
}

/**
 * A bootloader whose header has `size`: the second-stage bootloader refuses partitions beyond it. Returns the same
 * bootloader when it has that size already. Throws LayoutError when a signature forbids the change.
 */
export function withFlashSize(bootloader: Bootloader, size: FlashSize): Bootloader {
  const { header } = parseEspImage(bootloader.bytes);
  if (header.flashSizeCode === size.code) return bootloader;
  if (bootloader.signed) {
    throw new LayoutError(
      'FLASH_HEADER_SIGNED',
      `the bootloader's header says ${flashSizeByCode(header.flashSizeCode)?.name ?? 'an unknown size'}, the profile ${size.name}, and the bootloader is signed: changing it would void the signature`,
      { hint: `Set flash.size to keep, or take a bootloader that was built for ${size.name}.` },
    );
  }
  const bytes = Buffer.from(bootloader.bytes);
  bytes.writeUInt8((size.code << 4) | header.flashFrequencyCode, FLASH_SIZE_FREQUENCY_OFFSET);
  sealEspImage(bytes);
  return { ...bootloader, bytes };
}

/** The flash size of that name. Throws LayoutError for a name that is none. */
export function requireFlashSize(name: string): FlashSize {
  const size = flashSizeByName(name);
  if (size !== undefined) return size;
  throw new LayoutError(
    'FLASH_SIZE',
    `'${name}' is not a flash size; expected 1MB, 2MB, 4MB, 8MB, 16MB, 32MB, 64MB, 128MB or keep`,
  );
}
