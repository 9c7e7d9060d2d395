import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c2 } from '../../../builder/chip/esp32c2.ts';
import { esp32c5 } from '../../../builder/chip/esp32c5.ts';
import { esp32c6 } from '../../../builder/chip/esp32c6.ts';
import { esp32h2 } from '../../../builder/chip/esp32h2.ts';
import {
  FLASH_MODES,
  FLASH_SIZES,
  flashFrequencyName,
  flashModeName,
  flashSizeByCode,
  flashSizeByName,
} from '../../../builder/chip/flash-settings.ts';

describe('flash sizes', () => {
  test('are the eight of esp_image_flash_size_t, doubling from 1 MiB', () => {
    expect(Object.keys(FLASH_SIZES)).toEqual(
      [1, 2, 4, 8, 16, 32, 64, 128].map((megabytes) => `${megabytes}MB`),
    );
    for (const [name, { code, bytes }] of Object.entries(FLASH_SIZES)) {
      expect(bytes).toBe(Number.parseInt(name) * 0x100000);
      expect(bytes).toBe(0x100000 * 2 ** code);
    }
  });

  test.each(Object.keys(FLASH_SIZES))('give the same for %s by name and by code', (name) => {
    const size = flashSizeByName(name);
    expect(size).toEqual({ name, ...FLASH_SIZES[name] });
    expect(flashSizeByCode(size?.code ?? -1)).toEqual(size);
  });

  test.each(['', '3MB', '4', '4mb', '4M', '256MB', 'detect', 'keep', 'constructor', '__proto__'])(
    'have nothing named %j',
    (name) => {
      expect(flashSizeByName(name)).toBeUndefined();
    },
  );

  test.each([8, 15, -1, 0.5])('have nothing for code %d', (code) => {
    expect(flashSizeByCode(code)).toBeUndefined();
  });
});

describe('flash modes', () => {
  test('number qio to slow_read from 0 to 5', () => {
    expect(Object.entries(FLASH_MODES)).toEqual([
      ['qio', 0],
      ['qout', 1],
      ['dio', 2],
      ['dout', 3],
      ['fast_read', 4],
      ['slow_read', 5],
    ]);
  });

  test.each(Object.entries(FLASH_MODES))('name %s for its code', (name, code) => {
    expect(flashModeName(code)).toBe(name);
  });

  test.each([6, 0xff, -1])('have no name for code %d', (code) => {
    expect(flashModeName(code)).toBeUndefined();
  });
});

describe('flashFrequencyName', () => {
  test.each([
    { chip: esp32, code: 0xf, name: '80m' },
    { chip: esp32, code: 0, name: '40m' },
    { chip: esp32, code: 1, name: '26m' },
    { chip: esp32, code: 2, name: '20m' },
    { chip: esp32, code: 3, name: undefined },
    { chip: esp32c2, code: 0xf, name: '60m' },
    { chip: esp32c5, code: 1, name: undefined },
    { chip: esp32c6, code: 0, name: '80m/40m' },
    { chip: esp32c6, code: 0xf, name: undefined },
    { chip: esp32h2, code: 0, name: '24m' },
  ])('reads code $code of $chip.title as $name', ({ chip, code, name }) => {
    expect(flashFrequencyName(chip, code)).toBe(name);
  });
});
