import {
  BOOTLOADER_DESC_SIZE,
  parseBootloaderDescription,
  type BootloaderDescription,
} from '../format/bootloader-desc.ts';
import { describeImage, type ImageReport } from './image.ts';

/** Behind the image header and the header of segment 0, as in an app. */
const DESCRIPTION_OFFSET = 32;

/** A second-stage bootloader. */
export type BootloaderReport = {
  readonly image: ImageReport;
  /** null for bootloaders before ESP-IDF v5.2. */
  readonly description: BootloaderDescription | null;
};

/** Explains the bootloader at the start of `bytes`, however damaged. Total. */
export function describeBootloader(bytes: Buffer): BootloaderReport {
  const area = bytes.subarray(DESCRIPTION_OFFSET, DESCRIPTION_OFFSET + BOOTLOADER_DESC_SIZE);
  return {
    image: describeImage(bytes).report,
    description: parseBootloaderDescription(area) ?? null,
  };
}
