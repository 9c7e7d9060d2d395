import type { Chip } from './chip.ts';

/** A flash size as the image header and esptool write it. */
export type FlashSize = {
  /** esptool's word, `4MB`. */
  readonly name: string;
  /** High nibble of header byte 3. */
  readonly code: number;
  readonly bytes: number;
};

/** Flash sizes by name (ESP-IDF esp_app_format.h, esp_image_flash_size_t): the code doubles the size from 1 MiB on. */
export const FLASH_SIZES: Readonly<Record<string, Omit<FlashSize, 'name'>>> = {
  '1MB': { code: 0, bytes: 0x100000 },
  '2MB': { code: 1, bytes: 0x200000 },
  '4MB': { code: 2, bytes: 0x400000 },
  '8MB': { code: 3, bytes: 0x800000 },
  '16MB': { code: 4, bytes: 0x1000000 },
  '32MB': { code: 5, bytes: 0x2000000 },
  '64MB': { code: 6, bytes: 0x4000000 },
  '128MB': { code: 7, bytes: 0x8000000 },
};

/** Header byte 2 by flash mode (ESP-IDF esp_app_format.h, esp_image_spi_mode_t). */
export const FLASH_MODES: Readonly<Record<string, number>> = {
  qio: 0,
  qout: 1,
  dio: 2,
  dout: 3,
  fast_read: 4,
  slow_read: 5,
};

/** The size for a code (high nibble of header byte 3, shifted down); undefined when the code is not assigned. */
export function flashSizeByCode(code: number): FlashSize | undefined {
  return listFlashSizes().find((size) => size.code === code);
}

/** The size of exactly that name (`4MB`); undefined when there is none. */
export function flashSizeByName(name: string): FlashSize | undefined {
  return listFlashSizes().find((size) => size.name === name);
}

/** The flash mode (`dio`) for header byte 2; undefined when the code is not assigned. */
export function flashModeName(code: number): string | undefined {
  return Object.entries(FLASH_MODES).find(([, value]) => value === code)?.[0];
}

/**
 * The flash frequency (`40m`) for the low nibble of header byte 3 on `chip`; undefined when the code is not assigned.
 * Names that share a code are joined: `80m/40m` for 0 on the ESP32-C6 (esptool, FLASH_FREQUENCY of each target).
 */
export function flashFrequencyName(chip: Chip, code: number): string | undefined {
  const names = Object.entries(chip.flashFrequencies)
    .filter(([, value]) => value === code)
    .map(([name]) => name);
  return names.length === 0 ? undefined : names.join('/');
}

function listFlashSizes(): readonly FlashSize[] {
  return Object.entries(FLASH_SIZES).map(([name, size]) => ({ name, ...size }));
}
