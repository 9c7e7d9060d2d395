import { detectFirmware, isAppAt, type FirmwareInput } from '../compile/firmware-input.ts';
import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { SECTOR_SIZE } from '../format/image-trailer.ts';
import { describeApp } from './app.ts';
import { describeBootloader } from './bootloader.ts';
import { findTable } from './find-table.ts';
import { describeFlashImage } from './flash-image.ts';
import { describeImage, isIntact, type ImageReport } from './image.ts';
import type { AppInspection, BootloaderInspection, FlashImageInspection } from './inspection.ts';

type FlashInput = Extract<FirmwareInput, { readonly kind: 'flash-image' }>;
type File = { readonly name: string; readonly size: number };

/**
 * Explains firmware: an app, a bootloader or a full-flash image. `name` is the file as messages show it. Throws
 * FormatError for what is none of them.
 */
export function inspectFirmware(
  bytes: Buffer,
  name: string,
): AppInspection | BootloaderInspection | FlashImageInspection {
  const file = { name, size: bytes.length };
  const input = detect(bytes, name);
  if (input.kind === 'app') return { kind: 'app-image', ...file, ...describeApp(bytes) };
  if (input.kind === 'image') return inspectImage(bytes, file);
  return inspectFlashImage(bytes, file, input);
}

/** As `detectFirmware`, but an image of a chip that we have no facts of is still an image. */
function detect(bytes: Buffer, name: string): FirmwareInput | { readonly kind: 'image' } {
  try {
    return detectFirmware(bytes, name);
  } catch (error) {
    const isKnownForm = error instanceof FormatError && error.code === 'UNKNOWN_CHIP';
    if (isKnownForm && isIntact(describeImage(bytes).report)) return { kind: 'image' };
    throw named(error, name);
  }
}

/** The same error with the file in it, where its message speaks of an image only. */
function named(error: unknown, name: string): unknown {
  if (!(error instanceof FormatError) || error.message.startsWith(name)) return error;
  const { code, message, hint, where, cause } = error;
  return new FormatError(code, `${name}: ${message}`, {
    where: { ...where, file: name },
    ...(hint === undefined ? {} : { hint }),
    cause: cause ?? error,
  });
}

function inspectFlashImage(
  bytes: Buffer,
  file: File,
  { chip, start, convention }: FlashInput,
): AppInspection | BootloaderInspection | FlashImageInspection {
  const { report } = describeImage(bytes.subarray(chip.bootloaderOffset - start));
  // Even a bootloader that cannot be read takes the sector that it starts in.
  const length = report.kind === 'whole' ? report.length : SECTOR_SIZE;
  const tableOffset = findTable(bytes, { start, from: chip.bootloaderOffset + length });
  if (tableOffset !== undefined) {
    const flash = describeFlashImage({ bytes, start, chip, tableOffset });
    return { kind: 'flash-image', ...file, ...flash };
  }
  if (convention === 'bootloader-first') return inspectImage(bytes, file);
  throw new FormatError(
    'TRUNCATED',
    `${file.name} has a bootloader of ${chip.title} at ${hex(chip.bootloaderOffset)}, but no partition table behind it`,
    { where: { file: file.name, offset: bytes.length }, hint: 'Download or copy the file again.' },
  );
}

/** An image by itself. Apps from before ESP-IDF had descriptions are told by what they map from flash. */
function inspectImage(bytes: Buffer, file: File): AppInspection | BootloaderInspection {
  const bootloader = describeBootloader(bytes);
  if (isAppAt(bytes, 0) || mapsFlash(bootloader.image)) {
    return { kind: 'app-image', ...file, ...describeApp(bytes) };
  }
  return { kind: 'bootloader-image', ...file, ...bootloader };
}

function mapsFlash(image: ImageReport): boolean {
  return image.kind === 'whole' && image.segments.some(({ mapped }) => mapped);
}
