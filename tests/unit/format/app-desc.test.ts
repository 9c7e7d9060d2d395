import { describe, expect, test } from 'vitest';
import {
  APP_DESC_MAGIC,
  APP_DESC_OFFSET,
  APP_DESC_SIZE,
  parseAppDescription,
  patchAppDescription,
  type AppDescriptionChanges,
} from '../../../builder/format/app-desc.ts';
import { formatErrorOf } from '../../support/format-error.ts';

const ELF_SHA256 = Buffer.from(Array.from({ length: 32 }, (_, index) => index + 1));

/** What MicroPython v1.23.0 carries for ESP32_GENERIC, but for the hash of its ELF file. */
function micropython(): Buffer {
  const bytes = Buffer.alloc(256);
  Buffer.from('3254cdab', 'hex').copy(bytes);
  bytes.write('06:51:35', 80);
  bytes.write('Jun  2 2024', 96);
  bytes.write('v5.0.4', 112);
  ELF_SHA256.copy(bytes, 144);
  return bytes;
}

/** A description in which every field has a value of its own. */
function full(): Buffer {
  const bytes = micropython();
  bytes.writeUInt32LE(0x01020304, 4);
  bytes.fill(0x11, 8, 16);
  bytes.write('1.2.3-rc.1+build', 16);
  bytes.write('a project', 48);
  bytes.writeUInt16LE(103, 176);
  bytes.writeUInt16LE(199, 178);
  bytes.writeUInt8(16, 180);
  bytes.fill(0x22, 181, 184);
  bytes.fill(0x33, 184, 256);
  return bytes;
}

describe('reading an app description', () => {
  test('finds it where ESP-IDF puts it', () => {
    expect(APP_DESC_SIZE).toBe(256);
    expect(APP_DESC_OFFSET).toBe(32);
    expect(APP_DESC_MAGIC).toBe(0xabcd5432);
  });

  test('gives the fields of a MicroPython release, whose version and name are empty', () => {
    expect(parseAppDescription(micropython())).toEqual({
      secureVersion: 0,
      reserved1: Buffer.alloc(8),
      version: '',
      projectName: '',
      time: '06:51:35',
      date: 'Jun  2 2024',
      idfVersion: 'v5.0.4',
      elfSha256: ELF_SHA256,
      minEfuseBlockRevisionFull: 0,
      maxEfuseBlockRevisionFull: 0,
      mmuPageSizeLog2: 0,
      reserved3: Buffer.alloc(3),
      reserved2: Buffer.alloc(72),
    });
  });

  test('gives every field from its offset', () => {
    expect(parseAppDescription(full())).toEqual({
      secureVersion: 0x01020304,
      reserved1: Buffer.alloc(8, 0x11),
      version: '1.2.3-rc.1+build',
      projectName: 'a project',
      time: '06:51:35',
      date: 'Jun  2 2024',
      idfVersion: 'v5.0.4',
      elfSha256: ELF_SHA256,
      minEfuseBlockRevisionFull: 103,
      maxEfuseBlockRevisionFull: 199,
      mmuPageSizeLog2: 16,
      reserved3: Buffer.alloc(3, 0x22),
      reserved2: Buffer.alloc(72, 0x33),
    });
  });

  test('looks at the first 256 bytes only, and keeps no view of them', () => {
    const bytes = Buffer.concat([full(), Buffer.alloc(100, 0xaa)]);
    const description = parseAppDescription(bytes);
    bytes.fill(0);
    expect(description).toEqual(parseAppDescription(full()));
  });

  test('ignores what follows the NUL of a text', () => {
    const bytes = full();
    bytes.write('1.0\0\xff\x01junk', 16, 'latin1');
    expect(parseAppDescription(bytes).version).toBe('1.0');
  });

  test('takes a text that fills its field but for the NUL', () => {
    const bytes = full();
    bytes.write('v'.repeat(31), 16);
    expect(parseAppDescription(bytes).version).toBe('v'.repeat(31));
  });

  test.each([
    ['version', 16, 32],
    ['project_name', 48, 32],
    ['time', 80, 16],
    ['date', 96, 16],
    ['idf_ver', 112, 32],
  ])('refuses %s without a NUL, and with a byte that is not printable', (name, offset, size) => {
    const endless = full().fill(0x41, offset, offset + size);
    const first = formatErrorOf(() => parseAppDescription(endless, 32));
    expect(first.code).toBe('BAD_VALUE');
    expect(first.where?.offset).toBe(32 + offset);
    expect(first.message).toContain(`field ${name} at 0x${(32 + offset).toString(16)} has no NUL`);

    const binary = full();
    binary.write('ab\x7f\0', offset, 'latin1');
    const second = formatErrorOf(() => parseAppDescription(binary, 32));
    expect(second.code).toBe('BAD_VALUE');
    expect(second.where?.offset).toBe(32 + offset + 2);
    expect(second.message).toContain(`field ${name}`);
    expect(second.message).toContain('has the byte 0x7f');
  });

  test('refuses another magic', () => {
    const error = formatErrorOf(() => parseAppDescription(Buffer.alloc(256, 0xff), 32));
    expect(error.code).toBe('BAD_MAGIC');
    expect(error.where?.offset).toBe(32);
    expect(error.message).toContain('0xffffffff, 0xabcd5432 was expected');
  });

  test.each([0, 3, 255])('refuses %d bytes', (length) => {
    const bytes = full().subarray(0, length);
    expect(formatErrorOf(() => parseAppDescription(bytes)).code).toBe('TRUNCATED');
  });
});

describe('patching an app description', () => {
  test.each<[keyof AppDescriptionChanges, AppDescriptionChanges, number, number]>([
    ['version', { version: '2.0' }, 16, 48],
    ['projectName', { projectName: 'x' }, 48, 80],
    ['time', { time: '00:00:00' }, 80, 96],
    ['date', { date: 'Jan  1 2026' }, 96, 112],
    ['secureVersion', { secureVersion: 0xffffffff }, 4, 8],
  ])('changes %s and nothing else', (name, changes, start, end) => {
    const before = full();
    const after = patchAppDescription(before, changes);
    expect(after).toHaveLength(256);
    expect(after.subarray(0, start).equals(before.subarray(0, start))).toBe(true);
    expect(after.subarray(end).equals(before.subarray(end))).toBe(true);
    expect(parseAppDescription(after)).toEqual({ ...parseAppDescription(before), ...changes });
    expect(parseAppDescription(after)[name]).not.toEqual(parseAppDescription(before)[name]);
  });

  test('fills the whole field with NUL behind a shorter text', () => {
    const after = patchAppDescription(full(), { version: '2' });
    expect(after.subarray(16, 48)).toEqual(Buffer.concat([Buffer.from('2'), Buffer.alloc(31)]));
  });

  test('changes several fields at once', () => {
    const changes = {
      version: '9',
      projectName: '',
      time: '',
      date: '',
      secureVersion: 3,
    };
    expect(parseAppDescription(patchAppDescription(full(), changes))).toMatchObject(changes);
  });

  test('leaves its input alone, and changes nothing when asked for nothing', () => {
    const before = full();
    const after = patchAppDescription(before, {});
    expect(after.equals(before)).toBe(true);
    after.fill(0);
    expect(before.equals(full())).toBe(true);
  });

  test('takes the longest texts', () => {
    const changes = { version: 'v'.repeat(31), time: 't'.repeat(15) };
    expect(parseAppDescription(patchAppDescription(full(), changes))).toMatchObject(changes);
  });

  test.each<[string, AppDescriptionChanges, string]>([
    ['an empty version', { version: '' }, 'may not be empty'],
    [
      'a version of 32',
      { version: 'v'.repeat(32) },
      'has 32 characters; the app description holds',
    ],
    ['a name of 32', { projectName: 'n'.repeat(32) }, 'up to 31'],
    ['a time of 16', { time: 't'.repeat(16) }, 'up to 15'],
    ['a date of 16', { date: 'd'.repeat(16) }, 'up to 15'],
    ['an umlaut', { projectName: 'Gerät' }, 'printable ASCII'],
    ['a line feed', { version: '1\n' }, String.raw`the version "1\n" cannot`],
    ['a NUL', { version: '1\0' }, 'printable ASCII'],
    ['a negative secure_version', { secureVersion: -1 }, 'the secure_version -1'],
    ['half a secure_version', { secureVersion: 0.5 }, 'the secure_version 0.5'],
    ['a secure_version of 33 bits', { secureVersion: 2 ** 32 }, 'does not fit'],
  ])('refuses %s', (_, changes, words) => {
    const error = formatErrorOf(() => patchAppDescription(full(), changes));
    expect(error.code).toBe('BAD_VALUE');
    expect(error.message).toContain(words);
  });

  test.each([
    ['no description', Buffer.alloc(256), 'BAD_MAGIC'],
    ['a short one', full().subarray(0, 255), 'TRUNCATED'],
    ['more than one', Buffer.alloc(257), 'TRAILING_DATA'],
  ])('refuses %s', (_, bytes, code) => {
    expect(formatErrorOf(() => patchAppDescription(bytes, { version: '1' })).code).toBe(code);
  });
});
