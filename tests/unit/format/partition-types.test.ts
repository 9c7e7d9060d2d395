import { describe, expect, test } from 'vitest';
import {
  APP_TYPE,
  BOOTLOADER_TYPE,
  DATA_TYPE,
  isOtadata,
  isOtaSlot,
  offsetAlignment,
  otaSlotIndex,
  parseExtraSubtype,
  PARTITION_TABLE_TYPE,
  subtypeKeywords,
  subtypeName,
  typeKeywords,
  typeName,
} from '../../../builder/format/partition-types.ts';
import { formatErrorOf } from '../../support/format-error.ts';

describe('names', () => {
  test('every keyword of every type has the value that ESP-IDF gives it', () => {
    expect(Object.fromEntries(typeKeywords())).toEqual({
      app: 0,
      data: 1,
      bootloader: 2,
      partition_table: 3,
    });
    const slots = Array.from({ length: 16 }, (_, index) => [`ota_${index}`, 0x10 + index]);
    expect(Object.fromEntries(subtypeKeywords(APP_TYPE))).toEqual({
      factory: 0,
      ...(Object.fromEntries(slots) as Record<string, number>),
      test: 0x20,
      tee_0: 0x30,
      tee_1: 0x31,
    });
    expect(Object.fromEntries(subtypeKeywords(DATA_TYPE))).toEqual({
      ota: 0,
      phy: 1,
      nvs: 2,
      coredump: 3,
      nvs_keys: 4,
      efuse: 5,
      undefined: 6,
      esphttpd: 0x80,
      fat: 0x81,
      spiffs: 0x82,
      littlefs: 0x83,
      tee_ota: 0x90,
    });
    expect(Object.fromEntries(subtypeKeywords(BOOTLOADER_TYPE))).toEqual({
      primary: 0,
      ota: 1,
      recovery: 2,
    });
    expect(Object.fromEntries(subtypeKeywords(PARTITION_TABLE_TYPE))).toEqual({
      primary: 0,
      ota: 1,
    });
    expect(subtypeKeywords(0x40).size).toBe(0);
  });

  test('a number with a keyword is shown as the keyword', () => {
    expect(typeName(1)).toBe('data');
    expect(subtypeName(1, 0)).toBe('ota');
    expect(subtypeName(0, 0)).toBe('factory');
    expect(subtypeName(2, 0, 'decimal')).toBe('primary');
  });

  test('a number without keyword is shown in hex, or decimal for CSV', () => {
    expect(typeName(0x40)).toBe('0x40');
    expect(typeName(4)).toBe('0x04');
    expect(typeName(0x40, 'decimal')).toBe('64');
    expect(subtypeName(1, 0x8f)).toBe('0x8f');
    expect(subtypeName(1, 0x8f, 'decimal')).toBe('143');
    expect(subtypeName(0x40, 0)).toBe('0x00');
  });
});

describe('parseExtraSubtype', () => {
  test('takes type, name and a value that is hexadecimal with or without 0x', () => {
    expect(parseExtraSubtype('data, foo, 0x8f')).toEqual({ type: 1, name: 'foo', value: 0x8f });
    expect(parseExtraSubtype(' app ,Recovery_2, 40 ')).toEqual({
      type: 0,
      name: 'recovery_2',
      value: 0x40,
    });
    expect(parseExtraSubtype('data,last,ff').value).toBe(0xff);
    expect(parseExtraSubtype('bootloader,x,0x0003')).toEqual({ type: 2, name: 'x', value: 3 });
  });

  test('the same value is free for another type', () => {
    const known = [parseExtraSubtype('data, foo, 0x8f')];
    expect(parseExtraSubtype('app, foo, 0x8f', known)).toEqual({
      type: 0,
      name: 'foo',
      value: 143,
    });
  });

  test.each([
    'data, foo',
    'data, foo, 0x8f, more',
    'date, foo, 0x8f',
    '0x01, foo, 0x8f',
    'data, , 0x8f',
    'data, 8f, 0x8f',
    'data, a b, 0x8f',
    'data, foo, 0x100',
    'data, foo, -1',
    'data, foo, 0x',
    'data, foo, g',
    'constructor, foo, 0x8f',
    '',
  ])('refuses %j, which is not of that form', (text) => {
    const error = formatErrorOf(() => parseExtraSubtype(text));
    expect(error).toMatchObject({ code: 'BAD_VALUE' });
    expect(error.message).toContain("not of the form 'type, name, value'");
  });

  test('refuses a value or a name that ESP-IDF has, where gen_esp32part.py ends in a traceback', () => {
    expect(formatErrorOf(() => parseExtraSubtype('data, foo, 0x81')).message).toBe(
      'extra subtype "data, foo, 0x81" clashes with data subtype \'fat\' (0x81); choose another value',
    );
    expect(formatErrorOf(() => parseExtraSubtype('data, FAT, 0x8f')).message).toContain(
      'choose another name',
    );
  });

  test('refuses a value or a name that another extra subtype has', () => {
    const known = [parseExtraSubtype('data, foo, 0x8f')];
    for (const text of ['data, bar, 0x8f', 'data, foo, 0x8e']) {
      expect(formatErrorOf(() => parseExtraSubtype(text, known)).message).toContain(
        "clashes with data subtype 'foo' (0x8f)",
      );
    }
  });
});

describe('OTA partitions', () => {
  test.each([
    [APP_TYPE, 0x10, 0],
    [APP_TYPE, 0x1f, 15],
    [APP_TYPE, 0x0f, undefined],
    [APP_TYPE, 0x20, undefined],
    [APP_TYPE, 0x00, undefined],
    [DATA_TYPE, 0x10, undefined],
  ])('type %i subtype %i has slot index %s', (type, subtype, index) => {
    expect(otaSlotIndex({ type, subtype })).toBe(index);
    expect(isOtaSlot({ type, subtype })).toBe(index !== undefined);
  });

  test('otadata is data, ota and nothing else', () => {
    expect(isOtadata({ type: DATA_TYPE, subtype: 0 })).toBe(true);
    expect(isOtadata({ type: DATA_TYPE, subtype: 0x90 })).toBe(false);
    expect(isOtadata({ type: APP_TYPE, subtype: 0 })).toBe(false);
  });
});

test('apps start at 64 KiB, everything else at 4 KiB', () => {
  expect([0, 1, 2, 3, 0x40].map(offsetAlignment)).toEqual([
    0x10000, 0x1000, 0x1000, 0x1000, 0x1000,
  ]);
});
