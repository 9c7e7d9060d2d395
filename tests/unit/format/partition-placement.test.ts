import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  parsePartitionCsv,
  placePartitions,
  type PlacedPartition,
} from '../../../builder/format/partition-csv.ts';
import { formatErrorOf } from '../../support/format-error.ts';

type Options = Parameters<typeof placePartitions>[1];
type Layout = readonly (readonly [name: string, offset: number, size: number])[];

const TABLE: Options = { tableOffset: 0x8000 };
const BOOTLOADERS: Options = {
  tableOffset: 0x10000,
  primaryBootloaderOffset: 0x1000,
  recoveryBootloaderOffset: 0x3e0000,
};
const MICROPYTHON: readonly (readonly [file: string, layout: Layout])[] = [
  [
    'micropython-2mib.csv',
    [
      ['nvs', 0x9000, 0x6000],
      ['phy_init', 0xf000, 0x1000],
      ['factory', 0x10000, 0x160000],
    ],
  ],
  [
    'micropython-4mib.csv',
    [
      ['nvs', 0x9000, 0x6000],
      ['phy_init', 0xf000, 0x1000],
      ['factory', 0x10000, 0x1f0000],
    ],
  ],
  [
    'micropython-4mib-romfs.csv',
    [
      ['nvs', 0x9000, 0x6000],
      ['phy_init', 0xf000, 0x1000],
      ['factory', 0x10000, 0x1d0000],
      ['romfs', 0x1e0000, 0x20000],
    ],
  ],
  [
    'micropython-4mib-ota.csv',
    [
      ['nvs', 0x9000, 0x4000],
      ['otadata', 0xd000, 0x2000],
      ['phy_init', 0xf000, 0x1000],
      ['ota_0', 0x10000, 0x180000],
      ['ota_1', 0x190000, 0x180000],
    ],
  ],
  [
    'micropython-8mib-ota.csv',
    [
      ['nvs', 0x9000, 0x4000],
      ['otadata', 0xd000, 0x2000],
      ['phy_init', 0xf000, 0x1000],
      ['ota_0', 0x10000, 0x270000],
      ['ota_1', 0x280000, 0x270000],
    ],
  ],
];

describe('placePartitions', () => {
  test.each(MICROPYTHON)("places MicroPython's own %s", (file, layout) => {
    expect(placeFile(file).map(spot)).toEqual(layout);
  });

  test('finds the same places when the offsets are left out', () => {
    const given = placeFile('micropython-4mib-ota.csv');
    const found = placeFile('automatic-offsets.csv');
    expect(withoutLines(found)).toEqual(withoutLines(given));
    expect(found.map(({ line }) => line)).toEqual([3, 6, 7, 8, 9]);
  });

  test('rounds up to 4 KiB, for apps to 64 KiB, only where it chooses', () => {
    expect(placeFile('language.csv').map(spot)).toEqual([
      ['decimal', 0x9000, 0x3000],
      ['suffix', 0xc000, 0x1000],
      ['binary', 0xd000, 0x1000],
      ['empty_sub', 0xe000, 0x1000],
      ['odd_size', 0xf000, 0x4001],
      ['custom', 0x14000, 0x1000],
      ['aligned', 0x20000, 0x100000],
      ['until', 0x120000, 0xe0000],
      ['zero', 0x200000, 0],
    ]);
    expect(place('a,data,nvs,0x9001,1').map(spot)).toEqual([['a', 0x9001, 1]]);
  });

  test('starts after the sector of a table that lies elsewhere', () => {
    expect(place('a,data,nvs,,4K', { tableOffset: 0x10000 })[0]?.offset).toBe(0x11000);
  });

  test('keeps types, flags and what gen_esp32part.py lets pass too', () => {
    const csv = 'x,app,ota_0,,64K,encrypted:readonly\nx,app,ota_0,,64K\ny,0x3f,9,,0';
    expect(place(csv)).toEqual([
      { ...row('x', 0, 0x10, 1), offset: 0x10000, size: 0x10000, encrypted: true, readonly: true },
      { ...row('x', 0, 0x10, 2), offset: 0x20000, size: 0x10000 },
      { ...row('y', 0x3f, 9, 3), offset: 0x30000, size: 0 },
    ]);
  });

  test('places bootloaders and tables by the options, the primary ones outside the order', () => {
    const csv = [
      'boot, bootloader, primary, N/A, N/A',
      'table, partition_table, primary, N/A, N/A',
      'nvs, data, nvs, , 16K',
      'table2, partition_table, ota, , N/A',
      'boot2, bootloader, ota, 0x20000, N/A',
      'app, app, factory, , -0x3e0000',
      'boot3, bootloader, recovery, N/A, N/A',
    ].join('\n');
    expect(place(csv, BOOTLOADERS).map(spot)).toEqual([
      ['boot', 0x1000, 0xf000],
      ['table', 0x10000, 0x1000],
      ['nvs', 0x11000, 0x4000],
      ['table2', 0x15000, 0x1000],
      ['boot2', 0x20000, 0xf000],
      ['app', 0x30000, 0x3b0000],
      ['boot3', 0x3e0000, 0xf000],
    ]);
  });

  test('takes offset 0 for a bootloader as given', () => {
    const options = { tableOffset: 0x8000, primaryBootloaderOffset: 0 };
    expect(place('b,bootloader,primary', options).map(spot)).toEqual([['b', 0, 0x8000]]);
  });
});

describe('placePartitions refuses', () => {
  test('an offset below the end of the row before, and names both', () => {
    const error = formatErrorOf(() => placeFile('err-overlap.csv'));
    expect(error).toMatchObject({ code: 'CSV_OVERLAP', where: { line: 7 } });
    expect(error.message).toBe(
      "line 7 'ota_1' starts at 0x190000, but line 6 'ota_0' ends at 0x1d0000; use 0x1d0000 or higher, " +
        'or leave the offset empty',
    );
  });

  test('an offset inside a row further up, and names that one', () => {
    const csv = 'a,data,nvs,0x9000,0x4000\nb,data,fat,0x20000,4K\nc,data,phy,0xc000,4K';
    expect(formatErrorOf(() => place(csv)).message).toContain("but line 1 'a' ends at 0xd000");
  });

  test('advice that the type could not follow: apps are sent to the next 64 KiB', () => {
    const csv = 'a,data,nvs,0x9000,0x9000\nb,app,factory,0x10000,1M';
    expect(formatErrorOf(() => place(csv)).message).toContain(
      'ends at 0x12000; use 0x20000 or higher',
    );
  });

  test('rows that do not overlap but are not in ascending order', () => {
    const error = formatErrorOf(() => placeFile('err-descending.csv'));
    expect(error).toMatchObject({ code: 'CSV_OVERLAP', where: { line: 3 } });
    expect(error.message).toBe(
      "line 3 'phy' starts at 0x10000, below line 2 'factory' at 0x20000: rows must be in ascending order of " +
        'their offsets; move line 3 up, or use 0x120000 or higher, or leave the offset empty',
    );
  });

  test('rows out of order that only touch others, as out of order', () => {
    const rows = ['a,data,nvs,0xa000,4K', 'b,data,fat,0x20000,4K'].join('\n');
    for (const offset of ['0x9000', '0xb000', '0x1f000']) {
      const error = formatErrorOf(() => place(`${rows}\nc,data,phy,${offset},4K`));
      expect(error.message).toContain(
        "below line 2 'b' at 0x20000: rows must be in ascending order",
      );
    }
  });

  test('an offset inside or below the partition table, in any row', () => {
    const error = formatErrorOf(() => placeFile('err-overlaps-table.csv'));
    expect(error).toMatchObject({ code: 'CSV_OVERLAP', where: { line: 1 } });
    expect(error.message).toBe(
      "line 1 'nvs' starts at 0x8000, but the partition table takes 0x8000 to 0x9000 and partitions come " +
        'after it; use 0x9000 or higher, or leave the offset empty',
    );
    for (const offset of ['0', '0x1000', '0x8000', '0x8fff']) {
      const later = formatErrorOf(() => place(`a,data,nvs,0x20000,4K\nb,data,phy,${offset},4K`));
      expect(later.message).toContain('partition table takes 0x8000 to 0x9000');
    }
  });

  test('a recovery bootloader in the way, without advice on a column that it does not read', () => {
    const csv = 'a,app,factory,,0x3f0000\nr,bootloader,recovery';
    const error = formatErrorOf(() => place(csv, BOOTLOADERS));
    expect(error).toMatchObject({ code: 'CSV_OVERLAP', where: { line: 2 } });
    expect(error.message).not.toContain('leave the offset empty');
  });

  test('an end address below the start, given or found', () => {
    const error = formatErrorOf(() => placeFile('err-ends-before-start.csv'));
    expect(error).toMatchObject({ code: 'CSV_SYNTAX', where: { line: 2 } });
    expect(error.message).toContain("line 2 'factory' starts at 0x10000");
    expect(error.message).toContain('ends at 0xf000');
    expect(formatErrorOf(() => place('a,app,factory,,-0xffff')).code).toBe('CSV_SYNTAX');
    expect(place('a,app,factory,,-0x10000')[0]?.size).toBe(0);
  });

  test('an offset that would have to be past 32 bits', () => {
    expect(place('a,data,nvs,0xffffffff,1').map(spot)).toEqual([['a', 0xffff_ffff, 1]]);
    const error = formatErrorOf(() => place('a,data,nvs,0xfffff000,4K\nb,data,phy,,4K'));
    expect(error).toMatchObject({ code: 'CSV_SYNTAX', where: { line: 2 } });
    expect(error.message).toContain('0x100000000');
  });

  test.each([
    ['a,data,nvs,,4K\nb,bootloader,primary', 'primary bootloader offset must be given'],
    ['a,data,nvs,,4K\nb,bootloader,ota', 'primary bootloader offset must be given'],
    ['a,data,nvs,,4K\nb,bootloader,recovery', 'recovery bootloader offset must be given'],
  ])('%j without the bootloader offsets', (csv, problem) => {
    const error = formatErrorOf(() => place(csv));
    expect(error).toMatchObject({ code: 'CSV_SYNTAX', where: { line: 2 } });
    expect(error.message).toContain(problem);
  });

  test('a bootloader that is not below the table', () => {
    const options = { tableOffset: 0x8000, primaryBootloaderOffset: 0x8000 };
    const error = formatErrorOf(() => place('b,bootloader,primary', options));
    expect(error.message).toContain('0x8000 is not below the partition table at 0x8000');
  });
});

function place(csv: string, options: Options = TABLE): readonly PlacedPartition[] {
  return placePartitions(parsePartitionCsv(Buffer.from(csv)), options);
}

function placeFile(file: string): readonly PlacedPartition[] {
  const bytes = readFileSync(new URL(`../../fixtures/partitions/${file}`, import.meta.url));
  return placePartitions(parsePartitionCsv(bytes), TABLE);
}

function spot({ name, offset, size }: PlacedPartition): [string, number, number] {
  return [name, offset, size];
}

function withoutLines(placed: readonly PlacedPartition[]): readonly PlacedPartition[] {
  return placed.map((partition) => ({ ...partition, line: 0 }));
}

function row(name: string, type: number, subtype: number, line: number): object {
  return { name, type, subtype, line, encrypted: false, readonly: false };
}
