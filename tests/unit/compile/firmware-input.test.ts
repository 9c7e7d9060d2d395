import { describe, expect, test } from 'vitest';
import type { Chip } from '../../../builder/chip/chip.ts';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c3 } from '../../../builder/chip/esp32c3.ts';
import { CHIPS } from '../../../builder/chip/registry.ts';
import { chipOfImageAt, detectFirmware, isAppAt } from '../../../builder/compile/firmware-input.ts';
import { makeApp, makeBootloader, makeMerged, makeRelease } from '../../support/firmware.ts';
import { flashWith } from '../../support/flash.ts';
import { formatErrorOf } from '../../support/format-error.ts';

const eachChip = CHIPS.map((chip): [string, Chip] => [chip.title, chip]);

/** Firmware whose header names another chip. */
function withChipId(bytes: Buffer, chipId: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt16LE(chipId, 12);
  return copy;
}

describe.each(eachChip)('firmware for %s', (_, chip) => {
  test('is an app alone where it starts with one', () => {
    expect(detectFirmware(makeApp({ chip }), 'f.bin')).toEqual({ kind: 'app', chip });
  });

  test('is a flash image from the bootloader on where it starts with one', () => {
    expect(detectFirmware(makeRelease({ chip }), 'f.bin')).toEqual({
      kind: 'flash-image',
      chip,
      start: chip.bootloaderOffset,
      convention: 'bootloader-first',
    });
  });

  test('is a flash image from 0 on where it starts with flash', () => {
    const found = detectFirmware(makeMerged({ chip }), 'f.bin');
    expect(found).toMatchObject({ kind: 'flash-image', chip });
    // With the bootloader at 0 the two conventions are one.
    expect(found).toMatchObject(
      chip.bootloaderOffset === 0
        ? { start: 0, convention: 'bootloader-first' }
        : { start: 0, convention: 'merged' },
    );
  });
});

describe('what is not firmware is refused with a sentence:', () => {
  test('a web page', () => {
    const error = formatErrorOf(() => detectFirmware(Buffer.from('<!doctype html>'), 'f.bin'));
    expect(error.code).toBe('NOT_FIRMWARE');
    expect(error.message).toBe(
      'f.bin is an HTML page: the download page was saved instead of the file',
    );
    expect(error.where).toEqual({ file: 'f.bin', offset: 0 });
    expect(error.hint).toContain('MicroPython .bin');
  });

  test('an ESP8266 image', () => {
    const bytes = Buffer.from('e9010240040110400000104010000000', 'hex');
    const error = formatErrorOf(() => detectFirmware(bytes, 'f.bin'));
    expect(error.code).toBe('NOT_FIRMWARE');
    expect(error.message).toContain('ESP8266');
  });

  test.each([
    ['text', Buffer.from('hello, world')],
    ['a single byte', Buffer.from([0x12])],
    [
      'erased flash with a bootloader where no chip has one',
      flashWith({ 0x3000: makeBootloader({ chip: esp32 }) }),
    ],
    ['a bootloader of another offset', flashWith({ 0x1000: makeBootloader({ chip: esp32c3 }) })],
  ])('%s', (_, bytes) => {
    const error = formatErrorOf(() => detectFirmware(bytes, 'f.bin'));
    expect(error.code).toBe('NOT_FIRMWARE');
    expect(error.message).toContain('f.bin is not ESP32 firmware');
  });

  test.each([
    [4, 'ESP32-S3 beta 2'],
    [25, 'ESP32-H21'],
    [200, 'unknown chip id 0xc8'],
    [0xffff, 'invalid chip id'],
  ])('an image for chip id %d', (chipId, words) => {
    const bytes = withChipId(makeApp({ chip: esp32 }), chipId);
    const error = formatErrorOf(() => detectFirmware(bytes, 'f.bin'));
    expect(error.code).toBe('UNKNOWN_CHIP');
    expect(error.message).toContain(words);
    expect(error.where).toEqual({ file: 'f.bin', offset: 12 });
  });

  test('an image that ends within its header', () => {
    const bytes = makeApp({ chip: esp32 }).subarray(0, 20);
    expect(formatErrorOf(() => detectFirmware(bytes, 'f.bin')).code).toBe('TRUNCATED');
  });
});

describe('chipOfImageAt', () => {
  test('finds the chip of an image within a file', () => {
    expect(chipOfImageAt(makeMerged({ chip: esp32 }), 0x1000, 'f.bin')).toBe(esp32);
  });

  test('names the offset in the file of a chip that it does not know', () => {
    const bytes = flashWith({ 0x1000: withChipId(makeBootloader({ chip: esp32 }), 99) });
    const error = formatErrorOf(() => chipOfImageAt(bytes, 0x1000, 'f.bin'));
    expect(error.where).toEqual({ file: 'f.bin', offset: 0x100c });
  });
});

describe('isAppAt', () => {
  test('is true for an app and false for a bootloader', () => {
    expect(isAppAt(makeApp({ chip: esp32 }), 0)).toBe(true);
    expect(isAppAt(makeBootloader({ chip: esp32 }), 0)).toBe(false);
  });

  test('looks where it is told, and nowhere beyond the end', () => {
    const bytes = flashWith({ 0x100: makeApp({ chip: esp32 }) });
    expect(isAppAt(bytes, 0x100)).toBe(true);
    expect(isAppAt(bytes, 0)).toBe(false);
    expect(isAppAt(bytes.subarray(0, 0x123), 0x100)).toBe(false);
    expect(isAppAt(bytes, bytes.length)).toBe(false);
  });
});
