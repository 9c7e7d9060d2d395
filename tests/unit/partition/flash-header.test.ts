import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c2 } from '../../../builder/chip/esp32c2.ts';
import { esp32c6 } from '../../../builder/chip/esp32c6.ts';
import { FLASH_SIZES } from '../../../builder/chip/flash-settings.ts';
import type { Bootloader } from '../../../builder/compile/compiled.ts';
import { LayoutError } from '../../../builder/errors/families.ts';
import { parseEspImage, requireIntact, resealEspImage } from '../../../builder/format/esp-image.ts';
import {
  flashSettingsOf,
  requireFlashSize,
  withFlashSize,
} from '../../../builder/partition/flash-header.ts';
import { makeBootloader } from '../../support/firmware.ts';
import { thrownBy } from '../../support/thrown.ts';

const BYTES = makeBootloader({ chip: esp32 });
const bootloader = (signed = false): Bootloader => ({ offset: 0x1000, bytes: BYTES, signed });

/** A bootloader with header bytes 2 (mode) and 3 (size and frequency) changed. */
function header(mode: number, sizeAndFrequency: number): Buffer {
  const bytes = Buffer.from(BYTES);
  bytes[2] = mode;
  bytes[3] = sizeAndFrequency;
  return resealEspImage(bytes);
}

describe('flash settings of an image header', () => {
  test('are read in the words of esptool', () => {
    expect(flashSettingsOf(header(2, 0x20), esp32)).toEqual({
      mode: 'dio',
      frequency: '40m',
      size: { name: '4MB', code: 2, bytes: 0x400000 },
    });
    expect(flashSettingsOf(header(0, 0x4f), esp32)).toMatchObject({
      mode: 'qio',
      frequency: '80m',
      size: { name: '16MB' },
    });
  });

  test('follow the chip in what a frequency means', () => {
    expect(flashSettingsOf(header(2, 0x2f), esp32c2).frequency).toBe('60m');
  });

  test('have one name where a chip has two for a code', () => {
    expect(flashSettingsOf(header(2, 0x20), esp32c6).frequency).not.toContain('/');
  });

  test.each([
    ['mode', 6, 0x20, 'flash mode 6'],
    ['size', 2, 0x80, 'flash size and frequency 0x80'],
    ['frequency', 2, 0x25, 'flash size and frequency 0x25'],
  ])('are refused with a %s that has no meaning', async (_, mode, byte, words) => {
    const error = await thrownBy(LayoutError, () => flashSettingsOf(header(mode, byte), esp32));
    expect(error.code).toBe('FLASH_SIZE');
    expect(error.message).toContain(words);
  });
});

describe('withFlashSize', () => {
  test('gives back the same bootloader where the size is right already', () => {
    const same = bootloader(true);
    expect(withFlashSize(same, requireFlashSize('4MB'))).toBe(same);
  });

  test('writes another size, keeps the frequency and makes the digest right', () => {
    const original: Bootloader = { offset: 0x1000, bytes: header(2, 0x2f), signed: false };
    const before = Buffer.from(original.bytes);
    const { bytes, offset, signed } = withFlashSize(original, requireFlashSize('16MB'));
    expect(bytes[3]).toBe(0x4f);
    expect([offset, signed]).toEqual([0x1000, false]);
    requireIntact(parseEspImage(bytes), 'the bootloader');
    expect(bytes).toHaveLength(before.length);
    expect(bytes.subarray(4, -32).equals(before.subarray(4, -32))).toBe(true);
    expect(original.bytes.equals(before)).toBe(true);
  });

  test('refuses to void a signature', async () => {
    const error = await thrownBy(LayoutError, () =>
      withFlashSize(bootloader(true), requireFlashSize('8MB')),
    );
    expect(error.code).toBe('FLASH_HEADER_SIGNED');
    expect(error.message).toContain("the bootloader's header says 4MB, the profile 8MB");
    expect(error.hint).toContain('keep');
  });
});

describe('requireFlashSize', () => {
  test.each(Object.keys(FLASH_SIZES))('knows %s', (name) => {
    expect(requireFlashSize(name)).toEqual({ name, ...FLASH_SIZES[name] });
  });

  test.each(['4 MB', '4mb', 'keep', '', '3MB'])('refuses %j', async (name) => {
    const error = await thrownBy(LayoutError, () => requireFlashSize(name));
    expect(error.code).toBe('FLASH_SIZE');
    expect(error.message).toContain(`'${name}' is not a flash size`);
  });
});
