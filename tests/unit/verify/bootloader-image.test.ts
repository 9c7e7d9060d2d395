import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c3 } from '../../../builder/chip/esp32c3.ts';
import { CHIPS } from '../../../builder/chip/registry.ts';
import { checkBootloaderImage } from '../../../builder/verify/bootloader-image.ts';
import { makeApp, makeBootloader } from '../../support/firmware.ts';

const file = 'bootloader.bin';
const MIB = 0x100000;

describe('A bootloader', () => {
  test.each(CHIPS.map((chip) => ({ chip, title: chip.title })))(
    'for $title has no findings when it is whole and in its place',
    ({ chip }) => {
      const options = { file, chip, tableOffset: 0x8000, partitionsEnd: 4 * MIB };
      expect(checkBootloaderImage(makeBootloader({ chip }), options).findings).toEqual([]);
    },
  );

  test('for another chip is refused', () => {
    const { findings } = checkBootloaderImage(makeBootloader({ chip: esp32 }), {
      file,
      chip: esp32c3,
    });
    expect(findings).toMatchObject([
      { code: 'IMAGE_CHIP', message: 'is for ESP32, not for ESP32-C3', file, offset: 12 },
    ]);
  });

  test('that is an app is refused', () => {
    expect(checkBootloaderImage(makeApp({ chip: esp32 }), { file }).findings).toMatchObject([
      {
        severity: 'error',
        code: 'IMAGE_DESCRIPTION',
        message: 'is an app, not a bootloader',
        file,
        offset: 32,
      },
    ]);
  });

  test('that reaches into the partition table is refused, counted from where the chip has it', () => {
    const bytes = makeBootloader({ chip: esp32 }, 0x7000);
    expect(checkBootloaderImage(bytes, { file, tableOffset: 0x8000 }).findings).toMatchObject([
      {
        severity: 'error',
        code: 'IMAGE_FIT',
        message: 'ends at 0x8050 of flash, beyond the start of the partition table at 0x8000',
        file,
      },
    ]);
    const other = makeBootloader({ chip: esp32c3 }, 0x7000);
    expect(checkBootloaderImage(other, { file, tableOffset: 0x8000 }).findings).toEqual([]);
  });

  test('that was built for less flash than the partitions need would refuse the table', () => {
    const bytes = makeBootloader({ chip: esp32, flashSizeCode: 1 });
    expect(checkBootloaderImage(bytes, { file, partitionsEnd: 4 * MIB }).findings).toMatchObject([
      {
        severity: 'error',
        code: 'IMAGE_FLASH_HEADER',
        message:
          'says 2MB of flash, but the last partition ends at 0x400000: it would refuse the table',
        file,
        offset: 3,
      },
    ]);
    expect(checkBootloaderImage(bytes, { file, partitionsEnd: 2 * MIB }).findings).toEqual([]);
  });

  test('that is no image at all is malformed, and nothing more is said of it', () => {
    const { findings, image } = checkBootloaderImage(Buffer.alloc(64), { file });
    expect(findings).toMatchObject([{ code: 'IMAGE_MALFORMED', file, offset: 0 }]);
    expect(image).toBeUndefined();
  });
});
