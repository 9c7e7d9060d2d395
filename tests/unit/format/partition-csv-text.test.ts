import { describe, expect, test } from 'vitest';
import { decodeCsvLines } from '../../../builder/format/partition-csv-text.ts';
import { formatErrorOf } from '../../support/format-error.ts';

const TEXT = '# größe \u{1f4be}\nnvs,data,nvs,,16K\n';
const LINES = ['# größe \u{1f4be}', 'nvs,data,nvs,,16K', ''];

describe('decodeCsvLines', () => {
  test.each([
    ['UTF-8 without a mark', Buffer.from(TEXT)],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${TEXT}`)],
    ['UTF-16-LE', Buffer.from(`\ufeff${TEXT}`, 'utf16le')],
    ['UTF-16-BE', Buffer.from(`\ufeff${TEXT}`, 'utf16le').swap16()],
    ['UTF-32-LE, whose mark starts like that of UTF-16-LE', utf32(`\ufeff${TEXT}`, 'LE')],
    ['UTF-32-BE', utf32(`\ufeff${TEXT}`, 'BE')],
  ])('reads %s', (_, bytes) => {
    expect(decodeCsvLines(bytes)).toEqual(LINES);
    expect(
      decodeCsvLines(new Uint8Array(Buffer.concat([Buffer.alloc(3), bytes])).subarray(3)),
    ).toEqual(LINES);
  });

  test('reads nothing, and a mark alone, as one empty line', () => {
    expect(decodeCsvLines(Buffer.alloc(0))).toEqual(['']);
    expect(decodeCsvLines(Buffer.from([0xff, 0xfe]))).toEqual(['']);
  });

  test('refuses bytes that are not UTF-8, at their line', () => {
    const bytes = Buffer.concat([
      Buffer.from('# ä\r\n\na'),
      Buffer.from([0xe9]),
      Buffer.from('\nb'),
    ]);
    const error = formatErrorOf(() => decodeCsvLines(bytes));
    expect(error).toMatchObject({ code: 'CSV_SYNTAX', where: { line: 3 } });
    expect(error.message).toContain('not valid UTF-8');
    expect(error.message).toContain('save it as UTF-8');
    const last = formatErrorOf(() =>
      decodeCsvLines(Buffer.concat([Buffer.from('a\n'), Buffer.from([0xc3])])),
    );
    expect(last.where).toEqual({ line: 2 });
  });

  test('says so when it is given a binary table', () => {
    const error = formatErrorOf(() => decodeCsvLines(Buffer.from('aa500102', 'hex')));
    expect(error.message).toContain('it is a binary partition table');
    const other = formatErrorOf(() => decodeCsvLines(Buffer.from('aa510102', 'hex')));
    expect(other.message).not.toContain('binary');
  });

  test.each([
    ['UTF-16 cut in a unit', Buffer.from('\ufeffa\nb', 'utf16le').subarray(0, 7), 2],
    ['UTF-16 with half a pair', Buffer.from('\ufeff\n\n\ud83d,', 'utf16le'), 3],
    ['UTF-32 cut in a character', utf32('\ufeff\nb', 'LE').subarray(0, 10), 2],
    ['UTF-32 past the last character', Buffer.from('fffe000000001100', 'hex'), 1],
    ['UTF-32 with the first surrogate', Buffer.from('0000feff0000000a0000d800', 'hex'), 2],
    ['UTF-32 with the last surrogate', Buffer.from('0000feff0000000a0000dfff', 'hex'), 2],
  ])('refuses %s', (name, bytes, line) => {
    const error = formatErrorOf(() => decodeCsvLines(bytes));
    expect(error).toMatchObject({ code: 'CSV_SYNTAX', where: { line } });
    expect(error.message).toContain(`not valid ${name.slice(0, 6)}:`);
  });

  test('reads UTF-32 up to the last character and on both sides of the surrogates', () => {
    const text = '\ud7ff\ue000\u{10ffff}';
    expect(decodeCsvLines(utf32(`\ufeff${text}`, 'BE'))).toEqual([text]);
  });

  test('suspects UTF-16 without a mark behind NUL characters', () => {
    const error = formatErrorOf(() => decodeCsvLines(Buffer.from('nvs,data', 'utf16le')));
    expect(error).toMatchObject({ code: 'CSV_SYNTAX', where: { line: 1, column: 2 } });
    expect(error.message).toContain('U+0000');
    expect(error.message).toContain('UTF-16 without a byte order mark?');
  });

  test.each([
    ...['\v', '\f', '\x1c', '\x1d', '\x1e', '\x85', '\u2028', '\u2029', '\ufeff', '\x1b', '\x7f'],
    '\0',
  ])('refuses %j, also in a comment, where Python may start a new line', (character) => {
    const error = formatErrorOf(() =>
      decodeCsvLines(Buffer.from(`#\n# ab${character}c,app,ota_1,,1M`)),
    );
    expect(error).toMatchObject({ code: 'CSV_SYNTAX', where: { line: 2, column: 5 } });
  });

  test('takes tabs', () => {
    expect(decodeCsvLines(Buffer.from('a\t,\tdata'))).toEqual(['a\t,\tdata']);
  });

  test('refuses more than 1 MiB without decoding it', () => {
    expect(decodeCsvLines(Buffer.alloc(1024 * 1024, 0x20))).toHaveLength(1);
    const error = formatErrorOf(() => decodeCsvLines(Buffer.alloc(1024 * 1024 + 1, 0x20)));
    expect(error).toMatchObject({ code: 'TOO_LARGE' });
  });
});

function utf32(text: string, order: 'LE' | 'BE'): Buffer {
  const codes = Array.from(text, (character) => character.codePointAt(0) ?? 0);
  const bytes = Buffer.alloc(codes.length * 4);
  codes.forEach((code, index) => {
    if (order === 'LE') bytes.writeUInt32LE(code, index * 4);
    else bytes.writeUInt32BE(code, index * 4);
  });
  return bytes;
}
