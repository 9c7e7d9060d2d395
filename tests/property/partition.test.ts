import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../builder/errors/families.ts';
import {
  formatPartitionCsv,
  parsePartitionCsv,
  placePartitions,
} from '../../builder/format/partition-csv.ts';
import {
  encodePartitionTable,
  parsePartitionTable,
  type Partition,
} from '../../builder/format/partition-table.ts';

const u8 = fc.integer({ min: 0, max: 0xff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const flag = fc.boolean();

const anyName = fc
  .string({ unit: 'binary', maxLength: 16 })
  .filter((name) => Buffer.byteLength(name) <= 16 && !name.includes('\0'));
const anyPartition: fc.Arbitrary<Partition> = fc.record({
  name: anyName,
  type: u8,
  subtype: u8,
  offset: u32,
  size: u32,
  encrypted: flag,
  readonly: flag,
});
const anyTable = fc.array(anyPartition, { minLength: 1, maxLength: 94, size: 'medium' });

/** In ascending order after a table at 0x8000, with names that CSV can hold. */
const laidOut: fc.Arbitrary<readonly Partition[]> = fc
  .array(
    fc.record({
      name: fc.stringMatching(/^[a-z0-9_ ]{0,16}$/).map((name) => name.trim()),
      type: fc.oneof(fc.constantFrom(0, 1), fc.integer({ min: 4, max: 0xff })),
      subtype: u8,
      gap: fc.nat(0x4000),
      size: fc.oneof(
        fc.nat(0x4_0000),
        fc.nat(0x100).map((kib) => kib * 1024),
      ),
      encrypted: flag,
      readonly: flag,
    }),
    { minLength: 1, maxLength: 20 },
  )
  .map((rows) => {
    let cursor = 0x9000;
    return rows.map(({ gap, ...row }) => {
      const offset = cursor + gap;
      cursor = offset + row.size;
      return { ...row, offset };
    });
  });

const cell = fc.oneof(
  fc.constantFrom(
    '',
    'a',
    'app',
    'data',
    'bootloader',
    'partition_table',
    'ota_0',
    'primary',
    'nvs',
  ),
  fc.constantFrom(
    '0x9000',
    '64K',
    '-1M',
    '010',
    '0x1ff',
    'encrypted:readonly',
    '$A',
    '${B}',
    '#',
    '-0',
  ),
  fc.string({ maxLength: 12, unit: 'binary' }),
  fc.integer().map(String),
);
const csvText = fc
  .array(
    fc.array(cell, { maxLength: 8 }).map((cells) => cells.join(',')),
    { maxLength: 12 },
  )
  .map((lines) => lines.join('\n'));

describe('binary tables', () => {
  test('what is encoded reads back the same, with and without MD5', () => {
    fc.assert(
      fc.property(anyTable, flag, (partitions, md5) => {
        const parsed = parsePartitionTable(encodePartitionTable(partitions, { md5 }));
        expect(parsed).toEqual({
          partitions,
          md5: md5 ? 'valid' : 'absent',
          lengthBytes: (partitions.length + (md5 ? 2 : 1)) * 32,
        });
      }),
    );
  });

  test('what is read encodes to the same bytes', () => {
    fc.assert(
      fc.property(anyTable, flag, (partitions, md5) => {
        const table = encodePartitionTable(partitions, { md5 });
        expect(
          encodePartitionTable(parsePartitionTable(table).partitions, { md5 }).equals(table),
        ).toBe(true);
      }),
    );
  });

  test('any bytes give a table or a FormatError with an offset inside', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 0x1000, size: 'max' }), (bytes) => {
        checkTotal(() => parsePartitionTable(bytes), bytes.length);
      }),
    );
  });

  test('a changed byte of a table with MD5 never goes unnoticed', () => {
    const change = fc.record({ at: fc.nat(0xbff), xor: fc.integer({ min: 1, max: 0xff }) });
    fc.assert(
      fc.property(anyTable, change, (partitions, { at, xor }) => {
        const table = encodePartitionTable(partitions);
        table[at] = (table[at] ?? 0) ^ xor;
        expect(() => parsePartitionTable(table)).toThrow(FormatError);
      }),
      { numRuns: 300 },
    );
  });

  test('changes and cuts of a table without MD5 give a table or a FormatError', () => {
    const changes = fc.array(fc.tuple(fc.nat(0xbff), u8), { maxLength: 4 });
    fc.assert(
      fc.property(anyTable, changes, fc.nat(0xc00), (partitions, bytes, length) => {
        const table = encodePartitionTable(partitions, { md5: false });
        for (const [at, value] of bytes) table[at] = value;
        checkTotal(() => parsePartitionTable(table), table.length);
        checkTotal(() => parsePartitionTable(table.subarray(0, length)), length);
      }),
    );
  });
});

describe('CSV', () => {
  test('what is formatted reads and places back the same', () => {
    fc.assert(
      fc.property(laidOut, (partitions) => {
        const rows = parsePartitionCsv(Buffer.from(formatPartitionCsv(partitions)));
        const placed = placePartitions(rows, { tableOffset: 0x8000 });
        expect(placed).toEqual(
          partitions.map((partition, index) => ({ ...partition, line: index + 3 })),
        );
      }),
    );
  });

  test('a name either reads back the same or is refused when it is written', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        const partition = {
          name,
          type: 1,
          subtype: 2,
          offset: 0x9000,
          size: 0x1000,
          encrypted: false,
          readonly: false,
        };
        let csv: string;
        try {
          csv = formatPartitionCsv([partition]);
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
          return;
        }
        expect(parsePartitionCsv(Buffer.from(csv)).map((row) => row.name)).toEqual([name]);
      }),
      { numRuns: 500 },
    );
  });

  test('rows that can be placed do not overlap, and encode or are too many', () => {
    fc.assert(
      fc.property(csvText, (text) => {
        let placed: readonly Partition[];
        try {
          placed = placePartitions(
            parsePartitionCsv(Buffer.from(text), { environment: { A: '4K' } }),
            {
              tableOffset: 0x8000,
              primaryBootloaderOffset: 0x1000,
            },
          );
        } catch (error) {
          checkLine(error, text.split(/\r\n|\r|\n/).length);
          return;
        }
        const inOrder = placed.filter(({ offset }) => offset >= 0x9000);
        for (const [index, { offset }] of inOrder.entries()) {
          const before = inOrder[index - 1];
          expect(offset).toBeGreaterThanOrEqual(
            before === undefined ? 0x9000 : before.offset + before.size,
          );
        }
        expect(encodePartitionTable(placed)).toHaveLength(0xc00);
      }),
      { numRuns: 1000 },
    );
  });

  test('any bytes, in any encoding, give rows or a FormatError with a line', () => {
    const mark = fc.constantFrom('', 'efbbbf', 'fffe', 'feff', 'fffe0000', '0000feff');
    fc.assert(
      fc.property(mark, fc.uint8Array({ maxLength: 200 }), (prefix, bytes) => {
        const file = Buffer.concat([Buffer.from(prefix, 'hex'), bytes]);
        try {
          parsePartitionCsv(file);
        } catch (error) {
          checkLine(error, file.length + 1);
        }
      }),
      { numRuns: 500 },
    );
  });
});

function checkTotal(parse: () => unknown, length: number): void {
  try {
    parse();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    expect(error.where?.offset).toBeGreaterThanOrEqual(0);
    expect(error.where?.offset).toBeLessThanOrEqual(length);
  }
}

function checkLine(error: unknown, lines: number): void {
  if (!(error instanceof FormatError)) throw error;
  expect(error.where?.line).toBeGreaterThanOrEqual(1);
  expect(error.where?.line).toBeLessThanOrEqual(lines);
}
