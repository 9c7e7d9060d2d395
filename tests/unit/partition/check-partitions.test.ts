import { describe, expect, test } from 'vitest';
import type { Partition } from '../../../builder/format/partition-table.ts';
import { checkPartitions, type CheckOptions } from '../../../builder/partition/check-partitions.ts';
import { STOCK_TABLE } from '../../support/firmware.ts';
import { aPartition, OTA_TABLE } from '../../support/plans.ts';

const OPTIONS: CheckOptions = { tableOffset: 0x8000, flashSize: 0x400000 };

const check = (partitions: readonly Partition[], options: Partial<CheckOptions> = {}) =>
  checkPartitions(partitions, { ...OPTIONS, ...options });

/** `error 0,1 message` for each issue. */
const issuesOf = (partitions: readonly Partition[], options: Partial<CheckOptions> = {}) =>
  check(partitions, options).map(
    ({ severity, rows, message }) => `${severity} ${rows.join(',')} ${message}`,
  );

/** The OTA table with changed rows, by their names. */
const changed = (rows: Readonly<Record<string, Partial<Partition>>>): readonly Partition[] =>
  OTA_TABLE.map((row) => ({ ...row, ...rows[row.name] }));

const without = (...names: readonly string[]): readonly Partition[] =>
  OTA_TABLE.filter(({ name }) => !names.includes(name));

const data = (row: Partial<Partition>): readonly Partition[] => [
  ...without('vfs'),
  aPartition({ name: 'extra', subtype: 0x82, offset: 0x390000, size: 0x10000, ...row }),
];

describe('a sound table has no issues:', () => {
  test.each([
    ['two OTA slots', OTA_TABLE],
    ["MicroPython's with a factory app", STOCK_TABLE],
    ['rows in any order', [...OTA_TABLE].reverse()],
  ])('%s', (_, partitions) => {
    expect(check(partitions)).toEqual([]);
  });

  test('rows that describe the primary bootloader and the table itself', () => {
    const own = [
      aPartition({ name: 'boot', type: 2, subtype: 0, offset: 0x1000, size: 0x7000 }),
      aPartition({ name: 'table', type: 3, subtype: 0, offset: 0x8000, size: 0x1000 }),
    ];
    expect(check([...own, ...OTA_TABLE])).toEqual([]);
  });
});

describe('a row', () => {
  test('needs a name', () => {
    expect(issuesOf(data({ name: '' }))).toEqual(['error 5 the partition at 0x390000 has no name']);
  });

  test('of an app starts at a multiple of 64 KiB', () => {
    const table = changed({
      ota_0: { offset: 0x11000, size: 0x1b0000 },
      ota_1: { size: 0x1b0000 },
    });
    expect(issuesOf(table)).toEqual([
      "error 3 'ota_0' starts at 0x11000; partitions of this type start at a multiple of 0x10000",
    ]);
  });

  test('of data starts at a multiple of 4 KiB', () => {
    expect(issuesOf(data({ offset: 0x390800 }))).toEqual([
      "error 5 'extra' starts at 0x390800; partitions of this type start at a multiple of 0x1000",
    ]);
  });

  test('has a size', () => {
    expect(issuesOf(data({ size: 0 }))).toEqual(["error 5 'extra' has size 0"]);
  });

  test('of an app has a multiple of 4 KiB', () => {
    const table = changed({ ota_0: { size: 0x1bf800 }, ota_1: { size: 0x1bf800 } });
    expect(issuesOf(table)).toEqual([
      "error 3 'ota_0' has size 0x1bf800; the size of an app partition is a multiple of 0x1000",
      "error 4 'ota_1' has size 0x1bf800; the size of an app partition is a multiple of 0x1000",
    ]);
  });

  test('of data should have a multiple of 4 KiB', () => {
    expect(issuesOf(data({ size: 0x4001 }))).toEqual([
      "warning 5 'extra' has size 0x4001: flash is erased in units of 0x1000",
    ]);
  });

  test('of an app has at most 16 MiB', () => {
    const table = changed({
      ota_0: { size: 0x1001000 },
      ota_1: { offset: 0x1020000, size: 0x1001000 },
      vfs: { offset: 0x2030000 },
    });
    expect(issuesOf(table, { flashSize: 0x8000000 })).toContain(
      "error 3 'ota_0' has 0x1001000 bytes; an app partition has at most 16 MiB",
    );
  });

  test('of an app should end within the first 16 MiB', () => {
    const table = changed({
      ota_0: { offset: 0xf00000, size: 0x100000 },
      ota_1: { offset: 0x1000000, size: 0x100000 },
    });
    expect(issuesOf(table, { flashSize: 0x2000000 })).toEqual([
      "warning 4 'ota_1' ends at 0x1100000: beyond 16 MiB only chips with 32-bit flash mapping boot it",
    ]);
  });

  test.each([0x04, 0x3f])('should not have the type %d, which is reserved', (type) => {
    expect(check(data({ type })).map(({ severity }) => severity)).toEqual(['warning']);
  });

  test.each([0x40, 0xfe])('may have the type %d', (type) => {
    expect(check(data({ type }))).toEqual([]);
  });

  test('should not be named like another type', () => {
    expect(issuesOf(data({ name: 'app' }))).toEqual([
      "warning 5 'app' is named like another partition type",
    ]);
    expect(check(data({ name: 'data' }))).toEqual([]);
  });

  test('should not be named like another subtype', () => {
    expect(issuesOf(data({ name: 'fat' }))).toEqual([
      "warning 5 'fat' is named like another partition subtype",
    ]);
    expect(check(data({ name: 'fat', subtype: 0x81 }))).toEqual([]);
  });

  test.each([
    ['otadata', { otadata: { readonly: true } }],
    ['a core dump', { vfs: { name: 'dump', subtype: 3, readonly: true } }],
  ])('of %s cannot be readonly', (_, rows) => {
    expect(check(changed(rows))).toMatchObject([{ severity: 'error', code: 'PARTITION_INVALID' }]);
    expect(issuesOf(changed(rows))[0]).toContain('cannot be readonly');
  });

  test('of NVS has 0x3000 bytes, or the flag readonly', () => {
    expect(issuesOf(changed({ nvs: { size: 0x2000 } }))).toEqual([
      "error 0 'nvs' has 0x2000 bytes: NVS needs 0x3000, or the flag readonly",
    ]);
    expect(check(changed({ nvs: { size: 0x2000, readonly: true } }))).toEqual([]);
    expect(check(changed({ nvs: { size: 0x3000 } }))).toEqual([]);
  });
});

describe('rows together', () => {
  test('have different names', () => {
    expect(issuesOf(data({ name: 'phy_init' }))).toEqual([
      "error 2,5 two partitions are named 'phy_init'",
    ]);
  });

  test('lie behind the table', () => {
    expect(issuesOf(changed({ nvs: { offset: 0x8000 } }))).toEqual([
      "error 0 'nvs' starts at 0x8000; the partition table occupies flash up to 0x9000",
    ]);
    expect(issuesOf(OTA_TABLE, { tableOffset: 0x9000 })).toEqual([
      "error 0 'nvs' starts at 0x9000; the partition table occupies flash up to 0xa000",
    ]);
  });

  test('do not overlap; both are named', () => {
    expect(check(changed({ ota_1: { offset: 0x1c0000 } }))).toEqual([
      {
        severity: 'error',
        code: 'PARTITION_OVERLAP',
        message: "'ota_1' starts at 0x1c0000, inside 'ota_0' (0x10000 to 0x1d0000)",
        rows: [3, 4],
      },
    ]);
  });

  test('do not overlap with one that began long before', () => {
    const table = [
      aPartition({ name: 'a', subtype: 0x82, offset: 0x10000, size: 0x30000 }),
      aPartition({ name: 'b', subtype: 0x82, offset: 0x20000, size: 0x1000 }),
      aPartition({ name: 'c', subtype: 0x82, offset: 0x30000, size: 0x1000 }),
      aPartition({ name: 'd', type: 0, subtype: 0, offset: 0x40000, size: 0x1000 }),
    ];
    expect(check(table).map(({ rows }) => rows)).toEqual([
      [0, 1],
      [0, 2],
    ]);
  });

  test('end within flash', () => {
    expect(check(OTA_TABLE, { flashSize: 0x200000 })).toMatchObject([
      { severity: 'error', code: 'FLASH_SIZE', rows: [4] },
      {
        code: 'FLASH_SIZE',
        message: "'vfs' ends at 0x400000, but flash has 0x200000 bytes (2 MiB): 0x200000 too many",
        rows: [5],
      },
    ]);
  });

  test('may end anywhere where nobody knows how large flash is', () => {
    expect(check(changed({ vfs: { size: 0x7000000 } }), { flashSize: undefined })).toEqual([]);
  });
});

describe('otadata', () => {
  test('is there once at most', () => {
    expect(issuesOf(data({ subtype: 0, size: 0x2000 }))).toEqual([
      "error 1,5 'otadata' and 'extra' are both otadata; there is one at most",
    ]);
  });

  test.each([0x1000, 0x3000])('has exactly 0x2000 bytes, not %d', (size) => {
    const table = changed({
      otadata: { size },
      phy_init: { offset: 0x3f0000 },
      vfs: { size: 0x60000 },
    });
    expect(check(table)).toMatchObject([{ severity: 'error', rows: [1] }]);
    expect(issuesOf(table)[0]).toContain('exactly 0x2000 are needed');
  });

  test('of the trusted execution environment follows the same rules', () => {
    expect(issuesOf(data({ subtype: 0x90, size: 0x1000 }))).toEqual([
      "error 5 'extra' (TEE otadata) has 0x1000 bytes; exactly 0x2000 are needed",
    ]);
    const two = [
      ...data({ subtype: 0x90, size: 0x2000 }),
      aPartition({ name: 'more', subtype: 0x90, offset: 0x3a0000, size: 0x2000 }),
    ];
    expect(issuesOf(two)).toEqual([
      "error 5,6 'extra' and 'more' are both TEE otadata; there is one at most",
    ]);
  });
});

describe('OTA slots', () => {
  test('are not there twice', () => {
    expect(issuesOf(changed({ ota_1: { name: 'b', subtype: 0x10 } }))).toEqual([
      "error 3,4 'ota_0' and 'b' are both slot ota_0",
    ]);
  });

  test('are counted from 0 on without a gap', () => {
    expect(issuesOf(changed({ ota_1: { name: 'b', subtype: 0x12 } }))).toEqual([
      "error 4 there is a slot ota_2 ('b') but no ota_1: bootloader and app would count the slots differently",
    ]);
    expect(issuesOf(changed({ ota_0: { name: 'b', subtype: 0x12 } }))).toEqual([
      "error 4 there is a slot ota_1 ('ota_1') but no ota_0: bootloader and app would count the slots differently",
    ]);
  });

  test('come with otadata', () => {
    expect(issuesOf(without('otadata'))).toEqual([
      'error 2,3 there are OTA slots, but no otadata partition: no update would ever be started',
    ]);
  });

  test('come in pairs', () => {
    expect(issuesOf(without('ota_1'))).toEqual([
      'error 3 there is otadata, but only one OTA slot: an update needs two',
    ]);
  });

  test('come with otadata the other way round, too', () => {
    const table = [
      ...without('ota_0', 'ota_1'),
      aPartition({ name: 'factory', type: 0, subtype: 0, offset: 0x10000, size: 0x100000 }),
    ];
    expect(issuesOf(table)).toEqual([
      'error  there is otadata, but no OTA slot: an update needs two',
    ]);
  });

  test('should have one size', () => {
    expect(issuesOf(changed({ ota_1: { size: 0x1b0000 } }))).toEqual([
      "warning 3,4 the OTA slots differ in size ('ota_0' 0x1c0000, 'ota_1' 0x1b0000): an update must fit the smallest",
    ]);
  });

  test('or another app are there', () => {
    expect(issuesOf([aPartition()])).toEqual([
      'error  there is no app partition: nothing could boot',
    ]);
  });
});
