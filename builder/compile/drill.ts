import type { Chip } from '../chip/chip.ts';
import { flashSizeByName } from '../chip/flash-settings.ts';
import { parseElf } from '../format/elf.ts';
import { encodeElfImage } from '../format/elf-image.ts';
import type { FilePlan } from '../plan/plan.ts';
import type { FirmwareParts } from './compiled.ts';

/** ESP-IDF's ESP_IMAGE_SPI_MODE_DIO, which every flash chip understands and MicroPython uses. */
const DIO = 2;
/** 4 MB, when the profile leaves the size to a bootloader that a drill does not have. */
const DEFAULT_FLASH_SIZE = 2;

/**
 * Makes the app image of the built-in rollback drill: firmware that is meant to fail, so that a fleet can prove that it
 * comes back. Throws FormatError when the ELF file is not one for this chip.
 */
export function readDrill(elf: Buffer, { source, flash }: FilePlan, chip: Chip): FirmwareParts {
  const flashSizeCode = flashSizeByName(flash.size)?.code ?? DEFAULT_FLASH_SIZE;
  return {
    app: encodeElfImage(parseElf(elf), chip, { header: { spiMode: DIO, flashSizeCode } }),
    source: { kind: 'drill', file: source.file.replace(/^.*[/\\]/, ''), sha256: source.sha256 },
    notes: [
      `the rollback drill for ${chip.title}: it says who it is on the serial line, waits, and resets without confirming itself`,
      'a drill has no bootloader: the release has no full-flash image and is for devices that run already',
    ],
    warnings: [
      {
        code: 'DRILL',
        message:
          'this release is a rollback drill: it is meant to fail on the device, and never for everyday use',
      },
    ],
  };
}
