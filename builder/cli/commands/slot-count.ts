import { InvalidArgumentError } from '@commander-js/extra-typings';

/** The most OTA slots that a table can have (ota_0 to ota_15). */
export const MOST_SLOTS = 16;

/** The value of a `--slots` option. Throws commander's error for anything but 2 to 16. */
export function parseSlotCount(text: string): number {
  const number = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= 2 && number <= MOST_SLOTS)) throw new InvalidArgumentError('expected 2 to 16.');
  return number;
}
