import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { versionInFirmware } from '../../../builder/compile/version-in-firmware.ts';
import { stampApp } from '../../../builder/stamp/stamp-app.ts';
import { makeApp, makeMerged, makeRelease, STOCK_TABLE } from '../../support/firmware.ts';
import { dumpWith } from '../../support/flash.ts';
import { formatErrorOf } from '../../support/format-error.ts';

const chip = esp32;
const APP = makeApp({ chip });
const STAMPED = stampApp(APP, {
  version: '7.8.9',
  projectName: 'project',
  secureVersion: 0,
  builtAt: new Date(0),
});

describe('the version in firmware is', () => {
  test.each([
    ['an app', APP],
    ['a release image', makeRelease({ chip })],
    ['a merged image', makeMerged({ chip })],
  ])("MicroPython's, without its v, where the description of %s has none", (_, firmware) => {
    expect(versionInFirmware(firmware, 'f.bin')).toBe('1.23.0');
  });

  test.each([
    ['an app', STAMPED],
    ['flash', dumpWith(chip, STOCK_TABLE, { 0x10000: STAMPED })],
  ])('the one in the description of %s', (_, firmware) => {
    expect(versionInFirmware(firmware, 'f.bin')).toBe('7.8.9');
  });

  test('missing where there is neither', () => {
    expect(versionInFirmware(makeApp({ chip, version: 'none' }), 'f.bin')).toBeUndefined();
  });

  test('not read out of a file that is no firmware or damaged, and the message names the file', () => {
    const damaged = Buffer.from(APP);
    damaged.fill(0x01, 48, 80);
    for (const bytes of [Buffer.from('<html>v1.2.3'), APP.subarray(0, 5000), damaged]) {
      const error = formatErrorOf(() => versionInFirmware(bytes, 'f.bin'));
      expect(error.message).toContain('f.bin');
      expect(error.where?.file).toBe('f.bin');
    }
  });
});
