import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c3 } from '../../../builder/chip/esp32c3.ts';
import { flashMap, type FlashRegion } from '../../../builder/partition/flash-map.ts';
import { aPartition, OTA_TABLE } from '../../support/plans.ts';

const short = (regions: readonly FlashRegion[]) =>
  regions.map(({ kind, name, offset, size }) => [kind, name, offset, size]);

describe('flashMap', () => {
  test('covers flash from 0 to its end, in order and without gaps', () => {
    const map = flashMap({
      chip: esp32,
      bootloader: { offset: 0x1000, size: 0x5a20 },
      tableOffset: 0x8000,
      partitions: OTA_TABLE,
      flashSize: 0x800000,
    });
    expect(short(map)).toEqual([
      ['free', 'reserved', 0, 0x1000],
      ['bootloader', 'bootloader', 0x1000, 0x7000],
      ['table', 'partition table', 0x8000, 0x1000],
      ['partition', 'nvs', 0x9000, 0x4000],
      ['partition', 'otadata', 0xd000, 0x2000],
      ['partition', 'phy_init', 0xf000, 0x1000],
      ['partition', 'ota_0', 0x10000, 0x1c0000],
      ['partition', 'ota_1', 0x1d0000, 0x1c0000],
      ['partition', 'vfs', 0x390000, 0x70000],
      ['free', 'free', 0x400000, 0x400000],
    ]);
  });

  test('says how much of its room the bootloader takes, and how much of a slot an app', () => {
    const map = flashMap({
      bootloader: { offset: 0x1000, size: 0x5a20 },
      tableOffset: 0x8000,
      partitions: OTA_TABLE,
      usage: new Map([['ota_0', 0x1a1000]]),
      notes: new Map([['nvs', 'erased']]),
    });
    expect(map).toContainEqual({
      kind: 'bootloader',
      name: 'bootloader',
      offset: 0x1000,
      size: 0x7000,
      used: 0x5a20,
    });
    expect(map.find(({ name }) => name === 'ota_0')).toMatchObject({ used: 0x1a1000 });
    expect(map.find(({ name }) => name === 'ota_1')).not.toHaveProperty('used');
    expect(map.find(({ name }) => name === 'nvs')).toMatchObject({ note: 'erased' });
  });

  test('puts the bootloader where the chip has it when there is none', () => {
    const [first] = flashMap({ chip: esp32c3, tableOffset: 0x8000, partitions: OTA_TABLE });
    expect(first).toEqual({ kind: 'bootloader', name: 'bootloader', offset: 0, size: 0x8000 });
  });

  test('leaves the area below the table to a bootloader that it knows nothing of', () => {
    const [first] = flashMap({ tableOffset: 0x8000, partitions: OTA_TABLE });
    expect(first).toEqual({ kind: 'free', name: 'bootloader area', offset: 0, size: 0x8000 });
  });

  test('ends with the last partition when the size of flash is not known or too small', () => {
    for (const flashSize of [undefined, 0x200000]) {
      const contents = { tableOffset: 0x8000, partitions: OTA_TABLE };
      const map = flashMap(flashSize === undefined ? contents : { ...contents, flashSize });
      expect(map.at(-1)).toMatchObject({ name: 'vfs', offset: 0x390000, size: 0x70000 });
    }
  });

  test('shows rows that are out of order by offset, and gaps between them', () => {
    const map = flashMap({
      tableOffset: 0x8000,
      partitions: [
        aPartition({ name: 'late', offset: 0x20000, size: 0x1000 }),
        aPartition({ name: 'early', offset: 0xa000, size: 0x1000, readonly: true }),
      ],
    });
    expect(short(map).slice(2)).toEqual([
      ['free', 'free', 0x9000, 0x1000],
      ['partition', 'early', 0xa000, 0x1000],
      ['free', 'free', 0xb000, 0x15000],
      ['partition', 'late', 0x20000, 0x1000],
    ]);
    expect(map.find(({ name }) => name === 'early')).toMatchObject({ flags: ['readonly'] });
  });

  test('overlaps only where partitions do', () => {
    const map = flashMap({
      tableOffset: 0x8000,
      partitions: [
        aPartition({ name: 'large', offset: 0x9000, size: 0x10000 }),
        aPartition({ name: 'inside', offset: 0xa000, size: 0x1000 }),
        aPartition({ name: 'behind', offset: 0x19000, size: 0x1000 }),
      ],
    });
    expect(short(map).slice(2)).toEqual([
      ['partition', 'large', 0x9000, 0x10000],
      ['partition', 'inside', 0xa000, 0x1000],
      ['partition', 'behind', 0x19000, 0x1000],
    ]);
  });

  test('shows rows for the primary bootloader and table once', () => {
    const map = flashMap({
      chip: esp32,
      tableOffset: 0x8000,
      partitions: [
        aPartition({ name: 'boot', type: 2, subtype: 0, offset: 0x1000, size: 0x7000 }),
        aPartition({ name: 'table', type: 3, subtype: 0, offset: 0x8000, size: 0x1000 }),
        aPartition({ name: 'boot2', type: 2, subtype: 2, offset: 0x9000, size: 0x7000 }),
      ],
    });
    expect(map.map(({ name }) => name)).toEqual([
      'reserved',
      'bootloader',
      'partition table',
      'boot2',
    ]);
  });

  test('has no region for a bootloader above the table', () => {
    const map = flashMap({
      bootloader: { offset: 0x9000, size: 1 },
      tableOffset: 0x8000,
      partitions: [],
    });
    expect(map.map(({ kind }) => kind)).toEqual(['free', 'table']);
  });
});
