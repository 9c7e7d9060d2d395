import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { CHIPS } from '../../../builder/chip/registry.ts';
import { describeForeignFile, isEsp8266Image } from '../../../builder/compile/foreign-file.ts';
import { encodePartitionTable } from '../../../builder/format/partition-table.ts';
import { makeApp, makeBootloader, makeMerged, makeRelease } from '../../support/firmware.ts';
import { OTA_TABLE } from '../../support/plans.ts';

const text = (contents: string): Buffer => Buffer.from(contents);
const hex = (bytes: string): Buffer => Buffer.from(bytes, 'hex');

describe('a file that is not firmware is recognised as', () => {
  test.each<[string, Buffer, string]>([
    ['empty', Buffer.alloc(0), 'empty'],
    ['a web page', text('<!DOCTYPE html>\n<html lang="en">'), 'an HTML page'],
    ['a web page in lower case', text('<!doctype html>'), 'an HTML page'],
    ['a web page without a doctype', text('<html><body>404</body></html>'), 'an HTML page'],
    ['a web page behind blank lines', text('\r\n\n  <HTML>'), 'an HTML page'],
    ['a web page behind a byte order mark', text('\ufeff<!doctype html>'), 'an HTML page'],
    ['a web page behind a comment', text('<!-- saved -->\n<html>'), 'an HTML page'],
    [
      'a Git LFS pointer',
      text('version https://git-lfs.github.com/spec/v1\n'),
      'a Git LFS pointer',
    ],
    ['gzip', gzipSync('firmware'), 'gzip-compressed'],
    ['ZIP', hex('504b0304140000000800'), 'a ZIP archive'],
    ['xz', hex('fd377a585a000004'), 'xz-compressed'],
    ['bzip2', text('BZh91AY&SY'), 'bzip2-compressed'],
    ['zstd', hex('28b52ffd04003901'), 'zstd-compressed'],
    ['ELF', hex('7f454c4601010100'), 'an ELF file'],
    ['UF2', hex('5546320a5751 5d9e'.replace(' ', '')), 'a UF2 file'],
    ['JSON object', text('{\n  "version": 1\n}'), 'a JSON document'],
    ['JSON array', text('[{"a":1}]'), 'a JSON document'],
    ['empty JSON object', text('{}'), 'a JSON document'],
    ['Intel HEX', text(':020000040000FA\n'), 'an Intel HEX file'],
    ['PEM', text('-----BEGIN RSA PRIVATE KEY-----\n'), 'a PEM file'],
    ['partition table', encodePartitionTable(OTA_TABLE), 'a partition table'],
    ['erased flash', Buffer.alloc(4096, 0xff), 'erased flash'],
    ['zeros', Buffer.alloc(4096), 'all zeros'],
  ])('%s', (_, bytes, expected) => {
    expect(describeForeignFile(bytes)).toMatch(new RegExp(`^${expected}`));
  });

  test.each(CHIPS.map((chip) => [chip.title, chip] as const))(
    'nothing of the kind, where it is firmware for %s',
    (_, chip) => {
      for (const make of [makeApp, makeRelease, makeMerged, makeBootloader]) {
        const bytes = make({ chip });
        expect(describeForeignFile(bytes)).toBeUndefined();
        expect(isEsp8266Image(bytes)).toBe(false);
      }
    },
  );

  test('nothing, where it is something else', () => {
    expect(describeForeignFile(text('hello'))).toBeUndefined();
  });
});

describe('an ESP8266 image', () => {
  test.each([
    ['IRAM', 'e9010240' + '04011040' + '00001040' + '10000000'],
    ['DRAM', 'e9010240' + '04011040' + '0080fe3f' + '10000000'],
    ['flash', 'e9010240' + '04011040' + '10002040' + '10000000'],
    [
      'anything, with the magic of its second kind',
      'ea040002' + '00000000' + '00000000' + '00000000',
    ],
  ])('is told by a segment for %s', (_, bytes) => {
    expect(isEsp8266Image(hex(bytes))).toBe(true);
  });

  test('is not anything shorter than 16 bytes', () => {
    expect(isEsp8266Image(hex('ea0400020000000000000000000000'))).toBe(false);
  });
});
