import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c3 } from '../../../builder/chip/esp32c3.ts';
import { CHIPS } from '../../../builder/chip/registry.ts';
import type { Chip } from '../../../builder/chip/chip.ts';
import { splitFlashImage } from '../../../builder/compile/flash-image.ts';
import { resealEspImage } from '../../../builder/format/esp-image.ts';
import { encodeOtadata } from '../../../builder/format/otadata.ts';
import { encodePartitionTable } from '../../../builder/format/partition-table.ts';
import { encodeSignatureSector } from '../../../builder/format/signature-sector.ts';
import {
  makeApp,
  makeBootloader,
  makeMerged,
  makeRelease,
  STOCK_TABLE,
} from '../../support/firmware.ts';
import { dumpWith, flashWith } from '../../support/flash.ts';
import { formatErrorOf } from '../../support/format-error.ts';
import { aPartition, OTA_TABLE } from '../../support/plans.ts';
import { aSignedBlock } from '../../support/signature-blocks.ts';

const chip = esp32;
const APP = makeApp({ chip });
const OTHER_APP = makeApp({ chip, version: 'v1.24.0' });
const BOOTLOADER = makeBootloader({ chip });
const SECTOR = encodeSignatureSector([aSignedBlock('ecdsa256')]);

/** Splits flash from offset 0 on. */
const split = (bytes: Buffer, of: Chip = chip) =>
  splitFlashImage({ bytes, start: 0, chip: of, name: 'f.bin' });

/** An image with a signature sector where the chip looks for it. */
function signed(image: Buffer): Buffer {
  const end = Math.ceil(image.length / 0x1000) * 0x1000;
  return flashWith({ 0: image, [end]: SECTOR });
}

describe.each(CHIPS.map((each): [string, Chip] => [each.title, each]))('flash of %s', (_, each) => {
  test('has the same parts, whether the file starts at 0 or at the bootloader', () => {
    const merged = split(makeMerged({ chip: each }), each);
    const release = splitFlashImage({
      bytes: makeRelease({ chip: each }),
      start: each.bootloaderOffset,
      chip: each,
      name: 'f.bin',
    });
    expect(merged.app.bytes.equals(makeApp({ chip: each }))).toBe(true);
    expect(merged.bootloader.bytes.equals(makeBootloader({ chip: each }))).toBe(true);
    expect(merged.bootloader.offset).toBe(each.bootloaderOffset);
    expect(merged.tableOffset).toBe(0x8000);
    expect(merged.partitions).toEqual(STOCK_TABLE);
    expect(merged.app.partition.name).toBe('factory');
    expect(release).toEqual(merged);
  });
});

describe('the app that would boot is', () => {
  const flash = (parts: Readonly<Record<number, Uint8Array>>) =>
    split(dumpWith(chip, OTA_TABLE, { 0x10000: APP, 0x1d0000: OTHER_APP, ...parts }));
  const otadata = (...sequences: readonly number[]) => {
    const [first, second] = sequences.map((sequence) => ({ sequence, state: 'VALID' as const }));
    return { 0xd000: encodeOtadata([first, second]) };
  };

  test('ota_0 with erased otadata', () => {
    const { app } = flash({});
    expect(app.partition.name).toBe('ota_0');
    expect(app.bytes.equals(APP)).toBe(true);
  });

  test.each([
    [[1], 'ota_0'],
    [[2], 'ota_1'],
    [[3, 2], 'ota_0'],
    [[3, 4], 'ota_1'],
  ])('the one that otadata with the sequences %j chooses: %s', (sequences, name) => {
    const { app } = flash(otadata(...sequences));
    expect(app.partition.name).toBe(name);
    expect(app.bytes.equals(name === 'ota_0' ? APP : OTHER_APP)).toBe(true);
  });

  test('chosen by the number of the slot, not by the order of the rows', () => {
    const table = OTA_TABLE.map((row) => {
      if (row.name === 'ota_0') return { ...row, name: 'b', subtype: 0x11 };
      return row.name === 'ota_1' ? { ...row, name: 'a', subtype: 0x10 } : row;
    });
    const { app } = split(
      dumpWith(chip, table, { 0x10000: APP, 0x1d0000: OTHER_APP, ...otadata(1) }),
    );
    expect(app.partition.name).toBe('a');
  });

  test('factory, before slots that hold an app too', () => {
    const table = [
      ...OTA_TABLE.slice(0, 3),
      aPartition({ name: 'ota_0', type: 0, subtype: 0x10, offset: 0x10000, size: 0x10000 }),
      aPartition({ name: 'factory', type: 0, subtype: 0, offset: 0x20000, size: 0x10000 }),
    ];
    const { app } = split(dumpWith(chip, table, { 0x10000: APP, 0x20000: OTHER_APP }));
    expect(app.partition.name).toBe('factory');
    expect(app.bytes.equals(OTHER_APP)).toBe(true);
  });

  test('the first slot that holds one, where factory is empty', () => {
    const table = [
      aPartition({ name: 'factory', type: 0, subtype: 0, offset: 0x10000, size: 0x10000 }),
      aPartition({ name: 'test', type: 0, subtype: 0x20, offset: 0x20000, size: 0x10000 }),
    ];
    expect(split(dumpWith(chip, table, { 0x20000: APP })).app.partition.name).toBe('test');
  });

  test('without what follows it in its slot', () => {
    const { app } = flash({ [0x10000 + APP.length]: Buffer.alloc(0x500, 0xff) });
    expect(app.bytes).toHaveLength(APP.length);
    expect(app.signed).toBe(false);
  });

  test('taken without its signature, and said to be signed', () => {
    const { app } = flash({ 0x10000: signed(APP) });
    expect(app.bytes.equals(APP)).toBe(true);
    expect(app.signed).toBe(true);
  });
});

describe('the bootloader', () => {
  test('is taken with its signature', () => {
    const bytes = split(dumpWith(chip, STOCK_TABLE, { 0x1000: signed(BOOTLOADER), 0x10000: APP }));
    expect(bytes.bootloader.signed).toBe(true);
    expect(bytes.bootloader.bytes.equals(signed(BOOTLOADER))).toBe(true);
  });

  test('is unsigned when the table lies directly behind it', () => {
    // 0x6ff0 bytes from 0x1000 on: the sector behind it is the table's.
    const large = makeBootloader({ chip }, 0x6fa0);
    expect(large.length).toBeGreaterThan(0x6f00);
    const { bootloader } = split(dumpWith(chip, STOCK_TABLE, { 0x1000: large, 0x10000: APP }));
    expect(bootloader.signed).toBe(false);
    expect(bootloader.bytes.equals(large)).toBe(true);
  });
});

describe('the partition table', () => {
  test.each([0x9000, 0x10000, 0x40000])('is found at %d', (tableOffset) => {
    const table = [
      aPartition({ name: 'factory', type: 0, subtype: 0, offset: 0x50000, size: 0x10000 }),
    ];
    const bytes = flashWith({
      0x1000: BOOTLOADER,
      [tableOffset]: encodePartitionTable(table),
      0x50000: APP,
    });
    expect(split(bytes).tableOffset).toBe(tableOffset);
  });

  test('is found behind a bootloader that reaches beyond 0x8000', () => {
    const bytes = flashWith({
      0x1000: makeBootloader({ chip }, 0x8000),
      0xa000: encodePartitionTable(STOCK_TABLE),
      0x10000: APP,
    });
    expect(split(bytes).tableOffset).toBe(0xa000);
  });

  test('that is damaged is refused with what is wrong and where in the file', () => {
    const bytes = makeRelease({ chip });
    bytes[0x7004] = 0x77;
    const error = formatErrorOf(() =>
      splitFlashImage({ bytes, start: 0x1000, chip, name: 'f.bin' }),
    );
    expect(error.code).toBe('BAD_DIGEST');
    expect(error.message).toMatch(/^f\.bin: the partition table at 0x7000 cannot be used: MD5/);
    expect(error.where?.file).toBe('f.bin');
    expect(error.where?.offset).toBeGreaterThan(0x7000);
    expect(error.where?.offset).toBeLessThan(0x7c00);
  });

  test('that is missing from a bootloader alone is said to be', () => {
    const error = formatErrorOf(() => split(flashWith({ 0x1000: BOOTLOADER })));
    expect(error.code).toBe('WRONG_KIND');
    expect(error.message).toContain('it is a bootloader alone, or cut off');
  });

  test('cannot be missed where an app without a description stands for the bootloader', () => {
    const app = Buffer.from(APP);
    app.writeUInt32LE(0, 0x20);
    const error = formatErrorOf(() => split(flashWith({ 0x1000: resealEspImage(app) })));
    expect(error.code).toBe('NO_DESCRIPTION');
    expect(error.message).toContain('f.bin has an app of ESP32 without an app description');
    expect(error.where?.offset).toBe(0x1020);
  });

  test('that is missing from a whole image is said to be', () => {
    const bytes = makeMerged({ chip });
    bytes.fill(0xff, 0x8000, 0x9000);
    const error = formatErrorOf(() => split(bytes));
    expect(error.message).toMatch(/no partition table between 0x[0-9a-f]+ and 0x40000/);
  });

  test('without an app partition is refused', () => {
    const error = formatErrorOf(() => split(dumpWith(chip, [aPartition()], {})));
    expect(error.message).toBe('f.bin: its partition table has no app partition');
  });

  test('with an app partition in front of the file is refused, not read from its end', () => {
    const table = [aPartition({ name: 'factory', type: 0, subtype: 0, offset: 0, size: 0x10000 })];
    const flash = dumpWith(chip, table, { 0x9000: makeApp({ chip, appSize: 0xf00 }) });
    const bytes = flash.subarray(0x1000, 0xa000);
    const error = formatErrorOf(() =>
      splitFlashImage({ bytes, start: 0x1000, chip, name: 'f.bin' }),
    );
    expect(error.message).toBe(
      "f.bin: its app partition 'factory' lies at 0x0 of flash, in front of the bootloader",
    );
  });
});

describe('flash is refused', () => {
  test.each([0x6000, 0x7fff])('with data at %d between bootloader and table', (offset) => {
    const error = formatErrorOf(() =>
      split(dumpWith(chip, STOCK_TABLE, { 0x10000: APP, [offset]: Buffer.of(0) })),
    );
    expect(error.code).toBe('TRAILING_DATA');
    expect(error.message).toContain('between the bootloader and the partition table');
    expect(error.where).toEqual({ file: 'f.bin', offset });
  });

  test('with data behind the app in its slot', () => {
    const offset = 0x10000 + APP.length + 100;
    const error = formatErrorOf(() =>
      split(dumpWith(chip, STOCK_TABLE, { 0x10000: APP, [offset]: Buffer.of(0) })),
    );
    expect(error.code).toBe('TRAILING_DATA');
    expect(error.message).toContain("behind the app in 'factory'");
    expect(error.where).toEqual({ file: 'f.bin', offset });
  });

  test('where it ends before its app', () => {
    const error = formatErrorOf(() => split(makeMerged({ chip }).subarray(0, 0x10000)));
    expect(error.code).toBe('TRUNCATED');
    expect(error.message).toBe(
      "f.bin ends at 0x10000, before its app partition 'factory' at 0x10000",
    );
  });

  test('where it ends within its app', () => {
    for (const missing of [1, 32, 33, 0x1000, APP.length - 1]) {
      const bytes = makeMerged({ chip });
      const error = formatErrorOf(() => split(bytes.subarray(0, bytes.length - missing)));
      expect(error.code).toBe('TRUNCATED');
      expect(error.where?.offset).toBeGreaterThanOrEqual(0x10000);
    }
  });

  test('where it ends anywhere else', () => {
    const bytes = makeMerged({ chip: esp32c3 });
    for (let length = 0; length < bytes.length; length += 997) {
      formatErrorOf(() => split(bytes.subarray(0, length), esp32c3));
    }
  });

  test('with an app that is damaged', () => {
    const bytes = makeMerged({ chip });
    bytes[0x10400] = (bytes[0x10400] ?? 0) ^ 1;
    const error = formatErrorOf(() => split(bytes));
    expect(error.code).toBe('BAD_CHECKSUM');
    expect(error.message).toMatch(/^the app in 'factory' of f\.bin is damaged/);
    expect(error.where?.offset).toBeGreaterThan(0x10000);
  });

  test('with a bootloader that is damaged', () => {
    const bytes = makeMerged({ chip });
    bytes[0x1400] = 0x12;
    const error = formatErrorOf(() => split(bytes));
    expect(error.message).toMatch(/^the bootloader of f\.bin is damaged/);
  });

  test('with an app that does not fit its partition', () => {
    const table = [
      aPartition({ name: 'factory', type: 0, subtype: 0, offset: 0x10000, size: 0x1000 }),
    ];
    const error = formatErrorOf(() => split(dumpWith(chip, table, { 0x10000: APP })));
    expect(error.code).toBe('TRUNCATED');
  });

  test('with nothing in the slot that otadata chooses', () => {
    const otadata = encodeOtadata([{ sequence: 2, state: 'VALID' }, undefined]);
    const error = formatErrorOf(() =>
      split(dumpWith(chip, OTA_TABLE, { 0xd000: otadata, 0x10000: APP })),
    );
    expect(error.message).toContain('ota_1');
  });
});

describe('data partitions', () => {
  test('that hold something are listed', () => {
    const { filledData } = split(
      dumpWith(chip, OTA_TABLE, {
        0x9010: Buffer.of(1),
        0x10000: APP,
        0x390000: Buffer.from('filesystem'),
      }),
    );
    expect(filledData.map(({ name }) => name)).toEqual(['nvs', 'vfs']);
  });

  test('do not count otadata, whose choice the app is', () => {
    const otadata = encodeOtadata([{ sequence: 1, state: 'VALID' }, undefined]);
    const { filledData } = split(dumpWith(chip, OTA_TABLE, { 0xd000: otadata, 0x10000: APP }));
    expect(filledData).toEqual([]);
  });

  test('that lie in front of the file hold nothing', () => {
    const table = [aPartition({ name: 'low', offset: 0, size: 0x800 }), ...STOCK_TABLE];
    const bytes = dumpWith(chip, table, { 0x10000: APP }).subarray(0x1000);
    const { filledData } = splitFlashImage({ bytes, start: 0x1000, chip, name: 'f.bin' });
    expect(filledData).toEqual([]);
  });
});

describe('a bootloader whose flash settings a flasher changed without a new SHA-256', () => {
  const rewritten = (offset: number, value: number): Buffer => {
    const bytes = makeMerged({ chip });
    bytes.writeUInt8(value, 0x1000 + offset);
    return bytes;
  };

  test.each([
    ['size and frequency', 3, 0x4f],
    ['mode', 2, 0],
  ])('is taken, with its SHA-256 made right: %s', (_, offset, value) => {
    const { bootloader } = split(rewritten(offset, value));
    expect(bootloader.headerRewritten).toBe(true);
    const expected = Buffer.from(BOOTLOADER);
    expected.writeUInt8(value, offset);
    expect(bootloader.bytes.equals(resealEspImage(expected))).toBe(true);
  });

  test('is no excuse for any other damage', () => {
    const error = formatErrorOf(() => split(rewritten(8, 0x12)));
    expect(error.code).toBe('BAD_DIGEST');
    expect(error.message).toMatch(/the bootloader of f\.bin is damaged/);
  });

  test('is refused when it is signed: the signature is void', () => {
    const bytes = dumpWith(chip, STOCK_TABLE, { 0x1000: signed(BOOTLOADER), 0x10000: APP });
    bytes.writeUInt8(0x4f, 0x1003);
    expect(formatErrorOf(() => split(bytes)).code).toBe('BAD_DIGEST');
  });
});
