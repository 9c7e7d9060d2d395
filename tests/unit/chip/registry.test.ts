import { describe, expect, test } from 'vitest';
import {
  CHIPS,
  describeChipId,
  findChipById,
  findChipByName,
} from '../../../builder/chip/registry.ts';

describe('CHIPS', () => {
  test('is sorted by chip id without duplicates', () => {
    const ids = CHIPS.map(({ chipId }) => chipId);
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
  });

  test('has distinct names, titles and UF2 families', () => {
    expect(new Set(CHIPS.map(({ name }) => name)).size).toBe(CHIPS.length);
    expect(new Set(CHIPS.map(({ title }) => title)).size).toBe(CHIPS.length);
    expect(new Set(CHIPS.map(({ uf2Family }) => uf2Family)).size).toBe(CHIPS.length);
  });
});

describe('findChipByName', () => {
  test.each(['esp32c3', 'ESP32-C3', 'esp32-c3', 'ESP32C3'])('finds the ESP32-C3 as %s', (name) => {
    expect(findChipByName(name)?.chipId).toBe(5);
  });

  test.each(CHIPS)('finds $title by its name and by its title', (chip) => {
    expect(findChipByName(chip.name)).toBe(chip);
    expect(findChipByName(chip.title)).toBe(chip);
  });

  test.each(['', 'esp8266', 'esp32c', 'esp32c33', 'esp-32c3', ' esp32', 'esp32h21', 'constructor'])(
    'finds nothing for %j',
    (name) => {
      expect(findChipByName(name)).toBeUndefined();
    },
  );
});

describe('findChipById', () => {
  test.each(CHIPS)('finds $title by $chipId', (chip) => {
    expect(findChipById(chip.chipId)).toBe(chip);
  });

  test.each([1, 4, 25, 0x100, 0xffff, -1, 0.5, Number.NaN])('finds nothing for %d', (chipId) => {
    expect(findChipById(chipId)).toBeUndefined();
  });
});

describe('describeChipId', () => {
  test.each([
    [0, 'ESP32'],
    [5, 'ESP32-C3'],
    [23, 'ESP32-C5'],
    [4, 'ESP32-S3 beta 2 (retired chip id 4)'],
    [6, 'ESP32-S3 beta 3 (retired chip id 6)'],
    [7, 'ESP32-C6 beta (retired chip id 7)'],
    [10, 'ESP32-H2 beta 1 (retired chip id 10)'],
    [14, 'ESP32-H2 beta 2 (retired chip id 14)'],
    [17, 'ESP32-C5 beta 3 (retired chip id 17)'],
    [25, 'ESP32-H21 (chip id 25, not supported)'],
    [28, 'ESP32-H4 (chip id 28, not supported)'],
    [31, 'ESP32-E22 (chip id 31, not supported)'],
    [32, 'ESP32-S31 (chip id 32, not supported)'],
    [1, 'unknown chip id 0x1'],
    [0x0500, 'unknown chip id 0x500'],
    [0xffff, 'invalid chip id 0xffff'],
  ])('says of chip id %d: %s', (chipId, words) => {
    expect(describeChipId(chipId)).toBe(words);
  });

  test('has words for every u16', () => {
    for (let chipId = 0; chipId <= 0xffff; chipId++) {
      expect(describeChipId(chipId)).toMatch(/^(ESP32|unknown chip id 0x|invalid chip id 0x)/);
    }
  });
});
