import { hex } from '../errors/hex.ts';
import type { Chip } from './chip.ts';
import { esp32 } from './esp32.ts';
import { esp32c2 } from './esp32c2.ts';
import { esp32c3 } from './esp32c3.ts';
import { esp32c5 } from './esp32c5.ts';
import { esp32c6 } from './esp32c6.ts';
import { esp32c61 } from './esp32c61.ts';
import { esp32h2 } from './esp32h2.ts';
import { esp32p4 } from './esp32p4.ts';
import { esp32s2 } from './esp32s2.ts';
import { esp32s3 } from './esp32s3.ts';

/** Every supported chip, by ascending chip id. */
export const CHIPS: readonly Chip[] = [
  esp32,
  esp32s2,
  esp32c3,
  esp32s3,
  esp32c2,
  esp32c6,
  esp32h2,
  esp32p4,
  esp32c61,
  esp32c5,
];

/** Ids of chips that never left beta (esptool, `UNSUPPORTED_CHIPS` of esptool/loader.py). */
const RETIRED_CHIPS: ReadonlyMap<number, string> = new Map([
  [4, 'ESP32-S3 beta 2'],
  [6, 'ESP32-S3 beta 3'],
  [7, 'ESP32-C6 beta'],
  [10, 'ESP32-H2 beta 1'],
  [14, 'ESP32-H2 beta 2'],
  [17, 'ESP32-C5 beta 3'],
]);

/** Ids that Espressif has given out (ESP-IDF esp_app_format.h, esp_chip_id_t; esptool IMAGE_CHIP_ID) beyond CHIPS. */
const UNSUPPORTED_CHIPS: ReadonlyMap<number, string> = new Map([
  [25, 'ESP32-H21'],
  [28, 'ESP32-H4'],
  [31, 'ESP32-E22'],
  [32, 'ESP32-S31'],
]);

/** ESP_CHIP_ID_INVALID of esp_app_format.h. */
const INVALID_CHIP_ID = 0xffff;

/** The chip of that target name (`esp32c3`) or title (`ESP32-C3`), in any case; undefined when there is none. */
export function findChipByName(name: string): Chip | undefined {
  const wanted = name.toLowerCase();
  return CHIPS.find((chip) => chip.name === wanted || chip.title.toLowerCase() === wanted);
}

/** The chip with that `chip_id` (ESP-IDF esp_app_format.h, esp_chip_id_t); undefined when there is none. */
export function findChipById(chipId: number): Chip | undefined {
  return CHIPS.find((chip) => chip.chipId === chipId);
}

/**
 * Words for the `chip_id` (u16) of an image header: the title of a supported chip, else what the id stands for and
 * that it is not supported. Never throws.
 */
export function describeChipId(chipId: number): string {
  const chip = findChipById(chipId);
  if (chip !== undefined) return chip.title;
  const retired = RETIRED_CHIPS.get(chipId);
  if (retired !== undefined) return `${retired} (retired chip id ${chipId})`;
  const unsupported = UNSUPPORTED_CHIPS.get(chipId);
  if (unsupported !== undefined) return `${unsupported} (chip id ${chipId}, not supported)`;
  return `${chipId === INVALID_CHIP_ID ? 'invalid' : 'unknown'} chip id ${hex(chipId)}`;
}
