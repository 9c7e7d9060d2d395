import { describe, expect, test } from 'vitest';
import {
  BOOTLOADER_DESC_SIZE,
  parseBootloaderDescription,
} from '../../../builder/format/bootloader-desc.ts';

function example(): Buffer {
  const bytes = Buffer.alloc(80);
  bytes.writeUInt8(0x50, 0);
  bytes.writeUInt8(7, 3);
  bytes.writeUInt32LE(0x01020304, 4);
  bytes.write('v5.5.1', 8);
  bytes.write('Nov 12 2025 10:11:12', 40);
  return bytes;
}

/** The example with `text` at `offset`. */
function exampleWith(offset: number, text: string): Buffer {
  const bytes = example();
  bytes.write(text, offset, 'latin1');
  return bytes;
}

const EXPECTED = {
  secureVersion: 7,
  version: 0x01020304,
  idfVersion: 'v5.5.1',
  dateTime: 'Nov 12 2025 10:11:12',
};

describe('a bootloader description', () => {
  test('has 80 bytes', () => {
    expect(BOOTLOADER_DESC_SIZE).toBe(80);
  });

  test('is read field by field', () => {
    expect(parseBootloaderDescription(example())).toEqual(EXPECTED);
  });

  test('is read from the start of longer data, and with reserved bytes set', () => {
    const bytes = Buffer.concat([example(), Buffer.alloc(20, 0xff)]);
    bytes.fill(0xff, 64, 80);
    bytes.fill(0xff, 1, 3);
    expect(parseBootloaderDescription(bytes)).toEqual(EXPECTED);
  });

  test('may lack a date, as in reproducible builds', () => {
    const bytes = example().fill(0, 40, 64);
    expect(parseBootloaderDescription(bytes)).toEqual({ ...EXPECTED, dateTime: '' });
  });

  test.each([
    ['another magic', exampleWith(0, '\x51')],
    ['an app description', exampleWith(0, '\x32\x54\xcd\xab')],
    ['an empty idf_ver', exampleWith(8, '\0')],
    ['an idf_ver with a control character', exampleWith(8, 'v5\x01')],
    ['an idf_ver beyond ASCII', exampleWith(8, 'v5\xe9')],
    ['an idf_ver without NUL', exampleWith(8, 'v'.repeat(32))],
    ['a date_time with a control character', exampleWith(40, '\n')],
    ['a date_time without NUL', exampleWith(40, 'd'.repeat(24))],
    ['79 bytes', example().subarray(0, 79)],
    ['no bytes', Buffer.alloc(0)],
  ])('is not seen in %s', (_, bytes) => {
    expect(parseBootloaderDescription(bytes)).toBeUndefined();
  });
});
