import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  formatPartitionCsv,
  parsePartitionCsv,
  placePartitions,
  type CsvRow,
} from '../../../builder/format/partition-csv.ts';
import type { Partition } from '../../../builder/format/partition-table.ts';
import { parseExtraSubtype } from '../../../builder/format/partition-types.ts';
import { formatErrorOf } from '../../support/format-error.ts';

const FOLDER = new URL('../../fixtures/partitions/', import.meta.url);

describe('parsePartitionCsv reads', () => {
  test('every way to write a number, a type, a subtype and flags', () => {
    const rows = parsePartitionCsv(fixture('language.csv'));
    expect(rows.map(brief)).toEqual([
      ['decimal', 1, 2, 36864, { kind: 'bytes', bytes: 0x3000 }, ''],
      ['suffix', 1, 1, 0xc000, { kind: 'bytes', bytes: 4096 }, ''],
      ['binary', 1, 4, 0xd000, { kind: 'bytes', bytes: 4096 }, 'E'],
      ['empty_sub', 1, 6, undefined, { kind: 'bytes', bytes: 4096 }, 'ER'],
      ['odd_size', 1, 0x81, undefined, { kind: 'bytes', bytes: 0x4001 }, 'R'],
      ['custom', 0x40, 0xfe, undefined, { kind: 'bytes', bytes: 4096 }, ''],
      ['aligned', 0, 0, undefined, { kind: 'bytes', bytes: 0x100000 }, ''],
      ['until', 1, 0x83, undefined, { kind: 'endsAt', address: 0x200000 }, ''],
      ['zero', 1, 7, undefined, { kind: 'bytes', bytes: 0 }, ''],
    ]);
  });

  test('line numbers of the file, comments and blank lines counted', () => {
    const rows = parsePartitionCsv(fixture('automatic-offsets.csv'));
    expect(rows.map(({ line }) => line)).toEqual([3, 6, 7, 8, 9]);
  });

  test.each(['\n', '\r\n', '\r'])('lines that end with %j', (end) => {
    const rows = parse(['# comment', 'a,data,nvs,,4K', '', 'b,data,fat,,8K'].join(end));
    expect(rows.map(({ line, name }) => [line, name])).toEqual([
      [2, 'a'],
      [4, 'b'],
    ]);
  });

  test('rows that leave trailing columns out', () => {
    expect(parse('a,data,nvs,,4K').map(brief)).toEqual([
      ['a', 1, 2, undefined, { kind: 'bytes', bytes: 4096 }, ''],
    ]);
  });

  test('a seventh column and a # inside a cell as what they are: nothing and text', () => {
    expect(parse('a#1,data,nvs,,4K,,encrypted # no').map(brief)).toEqual([
      ['a#1', 1, 2, undefined, { kind: 'bytes', bytes: 4096 }, ''],
    ]);
  });

  test('names of 16 bytes, in any script, and empty ones', () => {
    const names = ['0123456789abcdef', 'größengrößen', '\u{1f4be}\u{1f4be}', ''];
    const rows = parse(names.map((name) => `${name},data,nvs,,4K`).join('\n'));
    expect(rows.map(({ name }) => name)).toEqual(names);
  });

  test('an extra subtype before a number, so that a keyword may end in k or m', () => {
    const extraSubtypes = [
      parseExtraSubtype('data, rom, 0x8f'),
      parseExtraSubtype('app, b1, 0x40'),
    ];
    const csv = 'r,data,ROM,,4K\nb,app,b1,,64K';
    const rows = parsePartitionCsv(Buffer.from(csv), { extraSubtypes });
    expect(rows.map(({ subtype }) => subtype)).toEqual([0x8f, 0x40]);
    expect(formatErrorOf(() => parse('r,data,rom,,4K')).message).toContain('littlefs');
    const other = formatErrorOf(() =>
      parsePartitionCsv(Buffer.from('b,data,b1,,4K'), { extraSubtypes }),
    );
    expect(other.message).toContain("holds 'b1'");
  });

  test('offset and size of bootloader and table rows as not theirs to say', () => {
    const rows = parse(
      [
        'b,bootloader,primary,N/A,N/A',
        'r,bootloader,recovery,N/A,N/A',
        'o,bootloader,ota,0x300000,N/A',
        't,partition_table,primary,N/A,N/A',
        'u,partition_table,ota,,N/A',
        'v,bootloader,,,',
      ].join('\n'),
    );
    expect(rows.map(({ subtype, offset, size }) => [subtype, offset, size.kind])).toEqual([
      [0, undefined, 'computed'],
      [2, undefined, 'computed'],
      [1, 0x300000, 'computed'],
      [0, undefined, 'computed'],
      [1, undefined, 'computed'],
      [6, undefined, 'computed'],
    ]);
    expect(formatErrorOf(() => parse('o,bootloader,ota,N/A,')).message).toContain("holds 'N/A'");
  });

  test.each([
    ['0', 0],
    ['-0', 0],
    ['00', 0],
    ['0_0', 0],
    ['1_000', 1000],
    ['0x_f', 15],
    ['0XFF', 255],
    ['0o17', 15],
    ['0B101', 5],
    ['+7', 7],
    ['64 K', 65536],
    ['0x10k', 16384],
    ['4294967295', 0xffff_ffff],
  ])('the size %j as Python would: %i', (text, bytes) => {
    expect(parse(`a,data,nvs,,${text}`)[0]?.size).toEqual({ kind: 'bytes', bytes });
  });

  test.each([
    ...['010', '08', '1__0', '_1', '1_', '0x', '0x1g', '0b2', '0o8', '1e3', '1.0', '0x1.8', 'K'],
    ...['1KK', '1KB', '1 000', '--1', '- 1', 'Infinity', 'NaN', '٣', '0xfffffffffffffffffff'],
    ...['4294967296', '-4294967296', '4096M', '1G', '０'],
  ])('no number in %j', (text) => {
    const error = formatErrorOf(() => parse(`a,data,nvs,,${text}`));
    expect(error).toMatchObject({ code: 'CSV_SYNTAX', where: { line: 1, column: 13 } });
    expect(error.message).toContain('the size column holds');
  });

  test('subtypes of a type without keywords as numbers, and asks for nothing else', () => {
    expect(parse('a,0x40,0x10,,4K')[0]?.subtype).toBe(0x10);
    expect(formatErrorOf(() => parse('a,0x40,ota_0,,4K')).message).toBe(
      "the subtype column holds 'ota_0'; expected a number from 0 to 0xff",
    );
  });

  test('numbers up to the width of their field', () => {
    const rows = parse('a,0xff,0xff,0xffffffff,0\nb,4,0,0,0xffffffff');
    expect(rows.map(brief)).toEqual([
      ['a', 0xff, 0xff, 0xffff_ffff, { kind: 'bytes', bytes: 0 }, ''],
      ['b', 4, 0, 0, { kind: 'bytes', bytes: 0xffff_ffff }, ''],
    ]);
    const over = ['a,0x100,0,,1', 'a,4,256,,1', 'a,-1,0,,1', 'a,4,-1,,1', 'a,4,0,0x100000000,1'];
    for (const csv of over) expect(formatErrorOf(() => parse(csv)).code).toBe('CSV_SYNTAX');
  });

  test('long cells, and quotes their start only', () => {
    const { message } = formatErrorOf(() => parse(`a,data,${'x'.repeat(41)},,4K`));
    expect(message).toContain(`holds '${'x'.repeat(40)}...'; expected ota, phy`);
    const exact = formatErrorOf(() => parse(`a,data,${'x'.repeat(40)},,4K`));
    expect(exact.message).toContain(`holds '${'x'.repeat(40)}'; expected`);
  });
});

describe('environment variables', () => {
  const environment = {
    SIZE: '64K',
    NAME: 'fs',
    ROW: 'a,data,nvs',
    HASH: '# off',
    BAD: 'a\nb',
    GONE: undefined,
  };
  const expand = (csv: string): readonly CsvRow[] =>
    parsePartitionCsv(Buffer.from(csv), { environment });

  test('are replaced in both notations, anywhere, also across columns', () => {
    expect(expand('$NAME,data,fat,$SIZE,${SIZE}').map(brief)).toEqual([
      ['fs', 1, 0x81, 65536, { kind: 'bytes', bytes: 65536 }, ''],
    ]);
    expect(expand('my_${NAME}_0,data,fat,,-$SIZE')[0]).toMatchObject({
      name: 'my_fs_0',
      size: { kind: 'endsAt', address: 65536 },
    });
    expect(expand('${ROW},,4K').map(({ name }) => name)).toEqual(['a']);
  });

  test('are not expanded twice, and can make a line a comment', () => {
    const rows = parsePartitionCsv(Buffer.from('$A,data,nvs,,4K\n$H,data,nvs,,4K'), {
      environment: { A: 'a$', H: '#$A' },
    });
    expect(rows.map(({ name }) => name)).toEqual(['a$']);
  });

  test('are left alone in comments', () => {
    expect(expand('# costs $MONEY\n  #${\na,data,nvs,,4K')).toHaveLength(1);
  });

  test('a $ that no name follows stays', () => {
    expect(expand('a$,data,nvs,,4K')[0]?.name).toBe('a$');
  });

  test.each([
    ['a,data,nvs,,$OTHER', "environment variable 'OTHER' is not set"],
    ['$SIZES,data,nvs,,4K', "environment variable 'SIZES' is not set"],
    ['a,data,nvs,,4K,,$5', "environment variable '5' is not set"],
    ['a,data,nvs,,${SIZE }', "environment variable 'SIZE ' is not set"],
    ['a,data,nvs,,${}', "environment variable '' is not set"],
    ['a,data,nvs,,$GONE', "environment variable 'GONE' is not set"],
    ['a,data,nvs,,$constructor', "environment variable 'constructor' is not set"],
    ['a,data,nvs,,${SIZE', "'${SIZE' has no closing '}'"],
    ['$BAD,data,nvs,,4K', 'character U+000A at column 2'],
  ])('%j is refused: %s', (csv, problem) => {
    const error = formatErrorOf(() => expand(`# first\n${csv}`));
    expect(error).toMatchObject({ code: 'CSV_SYNTAX' });
    expect(error.where?.line).toBe(2);
    expect(error.message).toContain(problem);
  });

  test('errors give no character column where a variable moved the text', () => {
    const error = formatErrorOf(() => expand('$NAME,data,nvs,,1.5M'));
    expect(error.where).toEqual({ line: 1 });
  });

  test('without an environment nothing is set, not even what the process has', () => {
    const error = formatErrorOf(() => parse('$PATH,data,nvs,,4K'));
    expect(error.message).toContain("'PATH' is not set");
  });
});

type Refusal = readonly [file: string, line: number, column: number | undefined, message: string];

describe('each rule has a file that breaks it', () => {
  const refusals: readonly Refusal[] = [
    [
      'err-flags-comment.csv',
      1,
      33,
      "the flags column holds '# for the network'; expected encrypted",
    ],
    ['err-flags-unknown.csv', 1, 33, "the flags column holds 'encrypted:writable'"],
    ['err-long-name.csv', 2, 1, "'a_name_of_20_letters'; that takes 20 bytes in UTF-8, 16 at most"],
    ['err-no-rows.csv', 1, undefined, 'no partitions'],
    [
      'err-offset-leading-zero.csv',
      1,
      17,
      "the offset column holds '036864'; expected an offset up",
    ],
    ['err-offset-negative.csv', 1, 17, "the offset column holds '-0x9000'"],
    ['err-size-empty.csv', 1, 25, 'the size column is empty; expected a size'],
    ['err-size-fraction.csv', 1, 33, "the size column holds '1.5M'"],
    [
      'err-size-range.csv',
      1,
      33,
      "the size column holds '4096M'; expected a size up to 0xffffffff",
    ],
    ['err-subtype-empty.csv', 1, 15, 'the subtype column is empty; expected factory, ota_0'],
    [
      'err-subtype-unknown.csv',
      1,
      14,
      "the subtype column holds 'ota_16'; expected factory, ota_0",
    ],
    ['err-type-empty.csv', 1, 6, 'the type column is empty; expected app, data, bootloader'],
    ['err-type-range.csv', 2, 8, "the type column holds '0x1ff'"],
    [
      'err-type-unknown.csv',
      1,
      6,
      "'date'; expected app, data, bootloader, partition_table or a number",
    ],
    ['err-variable.csv', 3, undefined, "environment variable 'APP_SIZE' is not set"],
  ];

  test.each(refusals)('%s, at line %i', (file, line, column, message) => {
    const error = formatErrorOf(() => parsePartitionCsv(fixture(file)));
    expect(error.code).toBe('CSV_SYNTAX');
    expect(error.where).toEqual(column === undefined ? { line } : { line, column });
    expect(error.message).toContain(message);
  });

  test('and no other file fails before placing', () => {
    const parsable = readdirSync(FOLDER).filter((file) => {
      return !refusals.some(([refused]) => refused === file);
    });
    for (const file of parsable) expect(parsePartitionCsv(fixture(file))).not.toHaveLength(0);
  });
});

describe('formatPartitionCsv', () => {
  const partitions: readonly Partition[] = [
    partition('nvs', 1, 2, [0x9000, 0x6000]),
    { ...partition('keys', 1, 4, [0xf000, 0x1000]), encrypted: true, readonly: true },
    { ...partition('custom', 0x40, 0xfe, [0x10000, 0x1001]), readonly: true },
    partition('ota_0', 0, 0x10, [0x20000, 0x200000]),
    partition('romfs', 1, 0x8f, [0x220000, 0]),
  ];

  test('writes rows as gen_esp32part.py does', () => {
    const rows = formatPartitionCsv(partitions).split('\n');
    expect(rows.slice(0, 2).every((row) => row.startsWith('#'))).toBe(true);
    expect(rows.slice(2)).toEqual([
      'nvs,data,nvs,0x9000,24K,',
      'keys,data,nvs_keys,0xf000,4K,encrypted:readonly',
      'custom,64,254,0x10000,0x1001,readonly',
      'ota_0,app,ota_0,0x20000,2M,',
      'romfs,data,143,0x220000,0M,',
      '',
    ]);
  });

  test('writes what reads back the same', () => {
    const rows = parse(formatPartitionCsv(partitions));
    const placed = placePartitions(rows, { tableOffset: 0x8000 });
    expect(placed).toEqual(partitions.map((row, index) => ({ ...row, line: index + 3 })));
  });

  test('writes odd names that CSV can hold', () => {
    for (const name of ['', 'a b', 'a#', 'a$', '$-', 'größe']) {
      const rows = parse(formatPartitionCsv([partition(name, 1, 2, [0x9000, 0x1000])]));
      expect(rows.map((row) => row.name)).toEqual([name]);
    }
  });

  test.each([
    ...['a,b', '#a', ' a', 'a ', '\u00a0a', 'a\nb', 'a\u0085', 'a\u2028', '\ufeffa', 'a$b', '${'],
    ...['\x1b[31m', '\ud83d'],
  ])('refuses the name %j, which would read back as something else', (name) => {
    const error = formatErrorOf(() =>
      formatPartitionCsv([partition(name, 1, 2, [0x9000, 0x1000])]),
    );
    expect(error).toMatchObject({ code: 'BAD_VALUE' });
    expect(error.message).toContain('cannot be written as CSV');
  });
});

function partition(
  name: string,
  type: number,
  subtype: number,
  [offset, size]: readonly [number, number],
): Partition {
  return { name, type, subtype, offset, size, encrypted: false, readonly: false };
}

function brief(row: CsvRow): unknown[] {
  const flags = `${row.encrypted ? 'E' : ''}${row.readonly ? 'R' : ''}`;
  return [row.name, row.type, row.subtype, row.offset, row.size, flags];
}

function parse(csv: string): readonly CsvRow[] {
  return parsePartitionCsv(Buffer.from(csv));
}

function fixture(file: string): Buffer {
  return readFileSync(new URL(file, FOLDER));
}
