import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  encodePartitionTable,
  MAX_PARTITIONS,
  PARTITION_TABLE_SIZE,
  parsePartitionTable,
  type Partition,
} from '../../../builder/format/partition-table.ts';
import { formatErrorOf } from '../../support/format-error.ts';

// The table of ESP32_GENERIC-20240602-v1.23.0.bin, MicroPython's official release.
const RELEASED = Buffer.from(
  [
    'aa50 01 02 00900000 00600000 6e767300000000000000000000000000 00000000',
    'aa50 01 01 00f00000 00100000 7068795f696e69740000000000000000 00000000',
    'aa50 00 00 00000100 00001f00 666163746f7279000000000000000000 00000000',
    'aa50 01 81 00002000 00002000 76667300000000000000000000000000 00000000',
    'ebeb ffffffffffffffffffffffffffff fcbb2b925747711e3b24bc188f657bac',
    'ff'.repeat(32),
  ]
    .join('')
    .replaceAll(' ', ''),
  'hex',
);
const RELEASED_PARTITIONS = [
  aPartition({ name: 'nvs', type: 1, subtype: 2, offset: 0x9000, size: 0x6000 }),
  aPartition({ name: 'phy_init', type: 1, subtype: 1, offset: 0xf000, size: 0x1000 }),
  aPartition({ name: 'factory', type: 0, subtype: 0, offset: 0x10000, size: 0x1f0000 }),
  aPartition({ name: 'vfs', type: 1, subtype: 0x81, offset: 0x200000, size: 0x200000 }),
];
const MD5_ROW = 4 * 32;
const END_MARKER = 5 * 32;

describe('parsePartitionTable', () => {
  test('reads the table of a real MicroPython release', () => {
    expect(parsePartitionTable(RELEASED)).toEqual({
      partitions: RELEASED_PARTITIONS,
      md5: 'valid',
      lengthBytes: 192,
    });
  });

  test('reads a table without MD5 row', () => {
    const table = encodePartitionTable(RELEASED_PARTITIONS, { md5: false });
    expect(parsePartitionTable(table)).toEqual({
      partitions: RELEASED_PARTITIONS,
      md5: 'absent',
      lengthBytes: 160,
    });
  });

  test('reads a name of 16 bytes without NUL, an empty name and both flags', () => {
    const partitions = [
      aPartition({ name: '0123456789abcdef', encrypted: true }),
      aPartition({ name: '', readonly: true }),
      aPartition({ name: 'größe', encrypted: true, readonly: true, offset: 0xffff_ffff }),
      aPartition({ type: 0xff, subtype: 0xff, size: 0xffff_ffff }),
    ];
    expect(parsePartitionTable(encodePartitionTable(partitions)).partitions).toEqual(partitions);
  });

  test('does not judge the layout: overlaps, order and doubled names are read as they are', () => {
    const partitions = [aPartition({ offset: 0x20000 }), aPartition({ offset: 0x1001, size: 0 })];
    expect(parsePartitionTable(encodePartitionTable(partitions)).partitions).toEqual(partitions);
  });

  test('ignores what follows 0xC00, where a Secure Boot V1 signature lies', () => {
    const sector = Buffer.concat([encodePartitionTable(RELEASED_PARTITIONS), Buffer.alloc(68)]);
    expect(parsePartitionTable(sector).partitions).toEqual(RELEASED_PARTITIONS);
  });

  test('reads from the middle of a larger buffer', () => {
    const flash = Buffer.concat([Buffer.alloc(7), RELEASED]);
    expect(parsePartitionTable(new Uint8Array(flash).subarray(7)).lengthBytes).toBe(192);
  });

  test('refuses fewer bytes than a row', () => {
    const error = formatErrorOf(() => parsePartitionTable(RELEASED.subarray(0, 31)));
    expect(error).toMatchObject({ code: 'TRUNCATED', where: { offset: 31 } });
  });

  test('refuses rows that end without an end marker, whole or cut', () => {
    for (const length of [96, END_MARKER, END_MARKER + 31]) {
      const error = formatErrorOf(() => parsePartitionTable(RELEASED.subarray(0, length)));
      expect(error).toMatchObject({ code: 'TRUNCATED', where: { offset: length } });
      expect(error.message).toContain('without an end marker');
    }
  });

  test('refuses a table whose last row is a partition instead of the end marker', () => {
    const row = RELEASED.subarray(0, 32);
    const full = Buffer.concat(Array.from({ length: 97 }, () => row));
    const error = formatErrorOf(() => parsePartitionTable(full));
    expect(error).toMatchObject({ code: 'TOO_MANY', where: { offset: 0xbe0 } });
    expect(error.message).toContain('no end marker');
  });

  test('refuses a row that starts with neither magic', () => {
    const error = formatErrorOf(() => parsePartitionTable(changed(32, 0xab)));
    expect(error).toMatchObject({ code: 'BAD_MAGIC', where: { offset: 32 } });
    expect(error.message).toBe(
      'partition table row at 0x20 starts with ab50; expected aa50 (a partition), ebeb (the MD5 row) ' +
        'or 32 bytes of 0xff (the end)',
    );
  });

  test('refuses an end marker that is not 0xff to its end', () => {
    const error = formatErrorOf(() => parsePartitionTable(changed(END_MARKER + 31, 0xfe)));
    expect(error).toMatchObject({ code: 'BAD_MAGIC', where: { offset: END_MARKER } });
  });

  test('refuses rows that do not match their MD5 and names both digests', () => {
    const error = formatErrorOf(() => parsePartitionTable(changed(8, 0x01)));
    expect(error).toMatchObject({ code: 'BAD_DIGEST', where: { offset: MD5_ROW + 16 } });
    const rows = changed(8, 0x01).subarray(0, MD5_ROW);
    expect(error.message).toContain('fcbb2b925747711e3b24bc188f657bac');
    expect(error.message).toContain(createHash('md5').update(rows).digest('hex'));
  });

  test.each([2, 9, 15])(
    'refuses an MD5 row whose byte %i is not 0xff, as gen_esp32part.py does not',
    (at) => {
      const error = formatErrorOf(() => parsePartitionTable(changed(MD5_ROW + at, 0)));
      expect(error).toMatchObject({ code: 'BAD_VALUE', where: { offset: MD5_ROW } });
    },
  );

  test('refuses a second MD5 row', () => {
    const md5Row = RELEASED.subarray(MD5_ROW, END_MARKER);
    const table = Buffer.concat([
      RELEASED.subarray(0, END_MARKER),
      md5Row,
      RELEASED.subarray(END_MARKER),
    ]);
    const error = formatErrorOf(() => parsePartitionTable(table));
    expect(error).toMatchObject({ code: 'BAD_VALUE', where: { offset: END_MARKER } });
    expect(error.message).toContain('second MD5 row');
  });

  test('refuses a partition after the MD5 row and says what the bootloader would make of it', () => {
    const table = Buffer.concat([
      RELEASED.subarray(0, END_MARKER),
      RELEASED.subarray(0, 32),
      RELEASED.subarray(END_MARKER),
    ]);
    const error = formatErrorOf(() => parsePartitionTable(table));
    expect(error).toMatchObject({ code: 'BAD_VALUE', where: { offset: END_MARKER } });
    expect(error.message).toContain('drop the last real one');
  });

  test('refuses an empty table: erased flash, or an MD5 row alone', () => {
    const erased = formatErrorOf(() => parsePartitionTable(Buffer.alloc(0xc00, 0xff)));
    expect(erased).toMatchObject({ code: 'BAD_VALUE', where: { offset: 0 } });
    expect(erased.message).toContain('erased flash?');
    const nothing = createHash('md5').digest();
    const md5Alone = Buffer.concat([
      Buffer.from('ebeb' + 'ff'.repeat(14), 'hex'),
      nothing,
      Buffer.alloc(32, 0xff),
    ]);
    const error = formatErrorOf(() => parsePartitionTable(md5Alone));
    expect(error).toMatchObject({ code: 'BAD_VALUE', where: { offset: 0 } });
    expect(error.message).toContain('is empty');
  });

  test('refuses a name that is not UTF-8, and suspects the cut at 16 bytes only where there was one', () => {
    const bad = formatErrorOf(() => parsePartitionTable(changed(12, 0xff)));
    expect(bad).toMatchObject({ code: 'BAD_VALUE', where: { offset: 12 } });
    expect(bad.message).not.toContain('cut');
    const later = formatErrorOf(() => parsePartitionTable(changed(32 + 12, 0xff)));
    expect(later.where).toEqual({ offset: 32 + 12 });
    const cut = Buffer.concat([Buffer.from('0123456789abcde'), Buffer.from([0xc3])]);
    const table = Buffer.concat([RELEASED]);
    cut.copy(table, 12);
    expect(formatErrorOf(() => parsePartitionTable(table)).message).toContain('cut at 16 bytes?');
  });

  test('refuses bytes after the NUL of a name', () => {
    const error = formatErrorOf(() => parsePartitionTable(changed(12 + 9, 0x41)));
    expect(error).toMatchObject({ code: 'BAD_VALUE', where: { offset: 12 + 3 } });
    expect(error.message).toContain('after its NUL');
  });

  test.each([
    [28, 0x04, '0x00000004'],
    [28, 0x07, '0x00000004'],
    [31, 0x80, '0x80000000'],
  ])('refuses unknown flag bits (byte %i is %i)', (at, value, named) => {
    const error = formatErrorOf(() => parsePartitionTable(changed(at, value)));
    expect(error).toMatchObject({ code: 'BAD_VALUE', where: { offset: 28 } });
    expect(error.message).toContain(named);
  });

  test('refuses anything but 0xff between the end marker and 0xC00', () => {
    const table = encodePartitionTable(RELEASED_PARTITIONS);
    table[0xbff] = 0x00;
    const error = formatErrorOf(() => parsePartitionTable(table));
    expect(error).toMatchObject({ code: 'TRAILING_DATA', where: { offset: 0xbff } });
    const second = Buffer.concat([RELEASED, RELEASED]);
    expect(formatErrorOf(() => parsePartitionTable(second)).where).toEqual({ offset: 192 });
  });
});

describe('encodePartitionTable', () => {
  test('writes the bytes of the real release, padded to 0xC00', () => {
    const table = encodePartitionTable(RELEASED_PARTITIONS);
    const padding = Buffer.alloc(PARTITION_TABLE_SIZE - RELEASED.length, 0xff);
    expect(table.equals(Buffer.concat([RELEASED, padding]))).toBe(true);
  });

  test('leaves the MD5 row out on request', () => {
    const table = encodePartitionTable(RELEASED_PARTITIONS, { md5: false });
    expect(table.subarray(0, MD5_ROW).equals(RELEASED.subarray(0, MD5_ROW))).toBe(true);
    expect(table.subarray(MD5_ROW).every((byte) => byte === 0xff)).toBe(true);
    expect(table).toHaveLength(PARTITION_TABLE_SIZE);
  });

  test('holds 94 partitions with an MD5 row and 95 without, and not one more', () => {
    const partitions = (count: number): Partition[] =>
      Array.from({ length: count }, (_, index) => aPartition({ name: `p${index}` }));
    expect(MAX_PARTITIONS).toBe(94);
    expect(parsePartitionTable(encodePartitionTable(partitions(94))).lengthBytes).toBe(0xc00);
    const without = encodePartitionTable(partitions(95), { md5: false });
    expect(parsePartitionTable(without).partitions).toHaveLength(95);
    const over = formatErrorOf(() => encodePartitionTable(partitions(95)));
    expect(over).toMatchObject({ code: 'TOO_MANY', details: { count: 95, limit: 94 } });
    expect(formatErrorOf(() => encodePartitionTable(partitions(96), { md5: false }))).toMatchObject(
      {
        code: 'TOO_MANY',
        details: { count: 96, limit: 95 },
      },
    );
  });

  test('refuses a table without partitions, which nothing could boot from', () => {
    expect(formatErrorOf(() => encodePartitionTable([]))).toMatchObject({ code: 'BAD_VALUE' });
  });

  test.each([
    ['0123456789abcdefg', 'takes 17 bytes in UTF-8, 16 at most fit'],
    ['ééééééééé', 'takes 18 bytes in UTF-8, 16 at most fit'],
    ['a\0b', 'holds a NUL character'],
    ['\ud83d', 'holds half of a surrogate pair'],
  ])('refuses the name %j', (name, problem) => {
    const error = formatErrorOf(() => encodePartitionTable([aPartition({ name })]));
    expect(error).toMatchObject({ code: 'BAD_VALUE' });
    expect(error.message).toContain(problem);
  });

  test.each([
    ['type', 0x100],
    ['type', -1],
    ['subtype', 0x100],
    ['offset', 0x1_0000_0000],
    ['offset', 0.5],
    ['size', Number.NaN],
    ['size', -1],
  ] as const)('refuses a %s of %d', (field, value) => {
    const error = formatErrorOf(() => encodePartitionTable([aPartition({ [field]: value })]));
    expect(error).toMatchObject({ code: 'BAD_VALUE' });
    expect(error.message).toContain(`partition "a": ${field} is ${value}`);
  });
});

function aPartition(fields: Partial<Partition>): Partition {
  const blank = { name: 'a', type: 1, subtype: 2, offset: 0x9000, size: 0x1000 };
  return { ...blank, encrypted: false, readonly: false, ...fields };
}

function changed(at: number, value: number): Buffer {
  const table = Buffer.concat([RELEASED]);
  table[at] = value;
  return table;
}
