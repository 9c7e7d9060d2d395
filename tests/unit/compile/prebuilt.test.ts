import { describe, expect, test } from 'vitest';
import type { Chip } from '../../../builder/chip/chip.ts';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c3 } from '../../../builder/chip/esp32c3.ts';
import { readPrebuilt } from '../../../builder/compile/prebuilt.ts';
import { FormatError, LayoutError, ProfileError } from '../../../builder/errors/families.ts';
import { encodeSignatureSector } from '../../../builder/format/signature-sector.ts';
import type { FilePlan } from '../../../builder/plan/plan.ts';
import {
  makeApp,
  makeBootloader,
  makeMerged,
  makeRelease,
  STOCK_TABLE,
  type FirmwareOptions,
} from '../../support/firmware.ts';
import { dumpWith, flashWith } from '../../support/flash.ts';
import { aPlan } from '../../support/plans.ts';
import { someBytes } from '../../support/images.ts';
import { aSignedBlock } from '../../support/signature-blocks.ts';
import { thrownBy } from '../../support/thrown.ts';

const chip = esp32;
const APP = makeApp({ chip });
const SECTOR = encodeSignatureSector([aSignedBlock('ecdsa256')]);

const read = (bytes: Buffer, changes: Partial<FilePlan> = {}, of: Chip = chip) =>
  readPrebuilt(bytes, aPlan(changes, of), of);

const warningsOf = ({ warnings }: ReturnType<typeof read>) => warnings.map(({ code }) => code);

/** An app with a signature sector where the chip looks for it. */
function signedApp(): Buffer {
  return flashWith({ 0: APP, [Math.ceil(APP.length / 0x1000) * 0x1000]: SECTOR });
}

describe('a release image', () => {
  const found = read(makeRelease({ chip }));

  test('gives its app and its bootloader', () => {
    expect(found.app.equals(APP)).toBe(true);
    expect(found.bootloader?.bytes.equals(makeBootloader({ chip }))).toBe(true);
    expect(found.bootloader).toMatchObject({ offset: 0x1000, signed: false });
  });

  test('tells where it came from', () => {
    expect(found.source).toEqual({
      kind: 'prebuilt',
      file: 'firmware.bin',
      sha256: aPlan().source.sha256,
      container: 'bootloader-first',
      partition: 'factory',
      idfVersion: 'v5.0.4',
      micropython: {
        version: 'v1.23.0',
        date: '2024-06-02',
        board: 'Generic test module',
        mcu: 'ESP32',
      },
      bootloaderRollback: 'enabled',
    });
  });

  test('is described in words', () => {
    expect(found.notes).toEqual([
      "firmware.bin is a firmware image that starts at the bootloader (0x1000) for ESP32: MicroPython v1.23.0 for 'Generic test module' with ESP32; its app is in 'factory'",
    ]);
    expect(found.warnings).toEqual([]);
  });

  test('does not tell the directory that it lay in', () => {
    const source = { ...aPlan().source, file: 'deep/down/firmware.bin' };
    expect(read(makeRelease({ chip }), { source }).source.file).toBe('firmware.bin');
  });

  test('that is merged is said to be', () => {
    const merged = read(makeMerged({ chip }));
    expect(merged.source.container).toBe('merged');
    expect(merged.notes[0]).toContain('a merged image that starts at flash offset 0x0');
  });

  test('without a banner is said to have none', () => {
    const release = makeRelease({ chip, version: 'none' });
    expect(read(release).notes[0]).toContain('without a MicroPython banner');
  });
});

describe('rollback', () => {
  const warned = (options: Omit<FirmwareOptions, 'chip'>) =>
    read(makeRelease({ chip, ...options }));

  test('is warned of where the bootloader is older than v1.21', () => {
    const found = warned({ version: 'v1.20.0' });
    expect(found.source.bootloaderRollback).toBe('disabled');
    expect(warningsOf(found)).toEqual(['NO_ROLLBACK']);
    expect(found.warnings[0]?.message).toContain('MicroPython v1.20.0');
  });

  test('is warned of where nobody can tell', () => {
    const found = warned({ version: 'none' });
    expect(found.source.bootloaderRollback).toBe('unknown');
    expect(warningsOf(found)).toEqual(['ROLLBACK_UNKNOWN']);
  });
});

describe('an app alone', () => {
  const found = read(APP);

  test('has no bootloader, which is warned of', () => {
    expect(found.app.equals(APP)).toBe(true);
    expect(found).not.toHaveProperty('bootloader');
    expect(found.source).not.toHaveProperty('bootloaderRollback');
    expect(found.source).not.toHaveProperty('partition');
    expect(found.source.container).toBe('app');
    expect(warningsOf(found)).toEqual(['NO_BOOTLOADER']);
  });

  test('loses the padding behind it', () => {
    const padded = read(Buffer.concat([APP, Buffer.alloc(5000, 0xff)]));
    expect(padded.app.equals(APP)).toBe(true);
    expect(padded.notes).toHaveLength(1);
  });

  test.each([
    ['V2', signedApp()],
    ['V1', Buffer.concat([APP, Buffer.alloc(4), someBytes(64)])],
  ])('loses its %s signature, and that is said', (_, bytes) => {
    const stripped = read(bytes);
    expect(stripped.app.equals(APP)).toBe(true);
    expect(stripped.notes).toContain('its signature is removed: stamping would void it');
  });

  test('is refused with other data behind it', async () => {
    const bytes = Buffer.concat([APP, Buffer.from('junk')]);
    const error = await thrownBy(FormatError, () => read(bytes));
    expect(error.code).toBe('TRAILING_DATA');
    expect(error.where).toEqual({ file: 'firmware.bin', offset: APP.length });
  });

  test('is refused with its signature in the wrong place', async () => {
    const expected = Math.ceil(APP.length / 0x1000) * 0x1000;
    const bytes = flashWith({ 0: APP, [expected + 0x1000]: SECTOR });
    const error = await thrownBy(FormatError, () => read(bytes));
    expect(error.code).toBe('TRAILING_DATA');
    expect(error.message).toContain(
      `signature sector at 0x${(expected + 0x1000).toString(16)}, but chips look for it at 0x${expected.toString(16)}`,
    );
  });

  test('is refused when it is damaged', async () => {
    const bytes = Buffer.from(APP);
    bytes[0x400] = (bytes[0x400] ?? 0) ^ 1;
    expect((await thrownBy(FormatError, () => read(bytes))).message).toMatch(
      /^firmware\.bin is damaged/,
    );
  });
});

describe('a flash image', () => {
  test('of another chip than the board has is refused', async () => {
    for (const bytes of [makeApp({ chip: esp32c3 }), makeRelease({ chip: esp32c3 })]) {
      const error = await thrownBy(ProfileError, () => read(bytes));
      expect(error.code).toBe('BOARD_MISMATCH');
      expect(error.message).toBe(
        'firmware.bin is firmware for ESP32-C3, but board ESP32_GENERIC has an ESP32',
      );
    }
  });

  test('that was built for a table elsewhere is refused', async () => {
    const bytes = makeRelease({ chip, tableOffset: 0x9000 });
    const error = await thrownBy(LayoutError, () => read(bytes));
    expect(error.code).toBe('TABLE_OFFSET');
    expect(error.message).toBe(
      'firmware.bin was built for a partition table at 0x9000; the profile of ESP32_GENERIC puts it at 0x8000',
    );
    expect(read(bytes, { partitionTableOffset: 0x9000 }).app.equals(APP)).toBe(true);
  });

  test('with a bootloader where the app belongs is refused', async () => {
    const bytes = dumpWith(chip, STOCK_TABLE, {
      0x10000: makeRelease({ chip }).subarray(0, 0x7000),
    });
    const error = await thrownBy(FormatError, () => read(bytes));
    expect(error.code).toBe('WRONG_KIND');
    expect(error.message).toContain(
      "partition 'factory' holds an image without an app description",
    );
  });

  test('leaves data out, which is warned of', () => {
    const found = read(dumpWith(chip, STOCK_TABLE, { 0x9000: Buffer.of(1), 0x10000: APP }));
    expect(warningsOf(found)).toEqual(['DATA_LEFT_OUT']);
    expect(found.warnings[0]?.message).toBe(
      "the data in partition 'nvs' of firmware.bin is not carried over",
    );
  });

  test('loses the signature of its app, and that is said', () => {
    const found = read(dumpWith(chip, STOCK_TABLE, { 0x10000: signedApp() }));
    expect(found.app.equals(APP)).toBe(true);
    expect(found.notes).toContain(
      'its app is signed; that signature is removed: stamping would void it',
    );
  });
});
