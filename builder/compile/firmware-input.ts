import type { Chip } from '../chip/chip.ts';
import { CHIPS, describeChipId, findChipById } from '../chip/registry.ts';
import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { APP_DESC_MAGIC, APP_DESC_OFFSET } from '../format/app-desc.ts';
import { ByteReader } from '../format/byte-reader.ts';
import {
  ESP_IMAGE_MAGIC,
  IMAGE_HEADER_SIZE,
  parseImageHeader,
} from '../format/esp-image-header.ts';
import { endsInSignatureSector } from '../format/signature-sector.ts';
import { describeForeignFile, isEsp8266Image } from './foreign-file.ts';

/**
 * What a firmware file is, told from its bytes:
 * - `app`: an app image alone (`.app-bin`), what a device takes over the air
 * - `flash-image`: bootloader, partition table and app as they lie in flash. `start` is the flash offset of the file's
 *   first byte: the bootloader's offset (MicroPython's convention) or 0 (`merged`, and every dump).
 */
export type FirmwareInput =
  | { readonly kind: 'app'; readonly chip: Chip }
  | {
      readonly kind: 'flash-image';
      readonly chip: Chip;
      readonly start: number;
      readonly convention: 'bootloader-first' | 'merged';
    };

/**
 * Tells what a firmware file is. Throws FormatError with a sentence for everything that is not firmware of a chip we
 * know: a web page, an archive, an ESP8266 image, another chip's image. `name` is the file as messages show it.
 */
export function detectFirmware(bytes: Buffer, name: string): FirmwareInput {
  const foreign = describeForeignFile(bytes);
  if (foreign !== undefined) throw notFirmware(name, `${name} is ${foreign}`);
  if (isEsp8266Image(bytes)) {
    throw notFirmware(
      name,
      `${name} is an image for the ESP8266, which has neither OTA slots nor Secure Boot`,
    );
  }
  if (bytes[0] === ESP_IMAGE_MAGIC) return detectImageAtStart(bytes, name);
  const merged = detectMerged(bytes);
  if (merged !== undefined) return merged;
  if (endsInSignatureSector(bytes)) throw signedData(name);
  throw notFirmware(
    name,
    `${name} is not ESP32 firmware: it starts with ${bytes.subarray(0, 4).toString('hex')}, neither an image (e9) nor ` +
      `erased flash with a bootloader at 0x1000 or 0x2000`,
  );
}

/** True when the image at `offset` starts with an app description, which every ESP-IDF app does. */
export function isAppAt(bytes: Buffer, offset: number): boolean {
  const at = offset + APP_DESC_OFFSET;
  return bytes.length >= at + 4 && bytes.readUInt32LE(at) === APP_DESC_MAGIC;
}

function detectImageAtStart(bytes: Buffer, name: string): FirmwareInput {
  const chip = chipOfImageAt(bytes, 0, name);
  if (isAppAt(bytes, 0)) return { kind: 'app', chip };
  return {
    kind: 'flash-image',
    chip,
    start: chip.bootloaderOffset,
    convention: 'bootloader-first',
  };
}

/** A merged image or a dump of a chip whose bootloader does not lie at 0: erased flash, then the bootloader. */
function detectMerged(bytes: Buffer): FirmwareInput | undefined {
  const offsets = [...new Set(CHIPS.map((chip) => chip.bootloaderOffset))].filter(
    (offset) => offset > 0,
  );
  for (const offset of offsets) {
    if (bytes.length < offset + IMAGE_HEADER_SIZE || bytes[offset] !== ESP_IMAGE_MAGIC) continue;
    const chip = findChipById(bytes.readUInt16LE(offset + 12));
    if (chip?.bootloaderOffset !== offset) continue;
    return { kind: 'flash-image', chip, start: 0, convention: 'merged' };
  }
  return undefined;
}

/** The chip that an image header names. Throws FormatError for chips that we do not know. */
export function chipOfImageAt(bytes: Buffer, offset: number, name: string): Chip {
  const { chipId } = parseImageHeader(new ByteReader(bytes.subarray(offset), name, offset));
  const chip = findChipById(chipId);
  if (chip !== undefined) return chip;
  throw new FormatError(
    'UNKNOWN_CHIP',
    `${name} is an image for ${describeChipId(chipId)} (header bytes 12 and 13 at ${hex(offset + 12)})`,
    { where: { file: name, offset: offset + 12 } },
  );
}

function notFirmware(name: string, message: string): FormatError {
  return new FormatError('NOT_FIRMWARE', message, {
    where: { file: name, offset: 0 },
    hint: 'Expected a MicroPython .bin as released, a merged image or an .app-bin.',
  });
}

function signedData(name: string): FormatError {
  return new FormatError(
    'NOT_FIRMWARE',
    `${name} is no firmware, but it ends in a Secure Boot V2 signature, as a signed data partition does`,
    {
      where: { file: name, offset: 0 },
      hint: 'ota-build verify --data checks it as one.',
    },
  );
}
