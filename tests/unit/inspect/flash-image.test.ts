import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c3 } from '../../../builder/chip/esp32c3.ts';
import type { OtadataEntry } from '../../../builder/format/otadata.ts';
import { encodeOtadata } from '../../../builder/format/otadata.ts';
import { encodePartitionTable, type Partition } from '../../../builder/format/partition-table.ts';
import { inspectBytes } from '../../../builder/inspect/inspect-path.ts';
import type { FlashImageInspection } from '../../../builder/inspect/inspection.ts';
import { makeApp, makeBootloader, makeMerged, makeRelease } from '../../support/firmware.ts';
import { dumpWith, flashWith } from '../../support/flash.ts';
import { aPartition, OTA_TABLE } from '../../support/plans.ts';

const app = makeApp({ chip: esp32 });
const VALID: OtadataEntry = { sequence: 1, state: 'VALID' };
const NEW: OtadataEntry = { sequence: 2, state: 'NEW' };
const OTADATA = 0xd000;
const OTA_0 = 0x10000;
const OTA_1 = 0x1d0000;

function inspectFlash(bytes: Buffer): FlashImageInspection {
  const inspection = inspectBytes(bytes, 'flash.bin');
  if (inspection.kind !== 'flash-image') throw new Error(`it is ${inspection.kind}`);
  return inspection;
}

const dump = (parts: Readonly<Record<number, Uint8Array>>, table = OTA_TABLE) =>
  inspectFlash(dumpWith(esp32, table, parts));

const bootOf = (
  parts: Readonly<Record<number, Uint8Array>>,
  table: readonly Partition[] = OTA_TABLE,
) => dump(parts, table).boot;

const contentsOf = ({ partitions }: FlashImageInspection, wanted: string) =>
  partitions.find(({ name }) => name === wanted)?.contents.kind;

const noteOf = ({ flashMap }: FlashImageInspection, wanted: string) =>
  flashMap.find(({ name }) => name === wanted)?.note;

describe('A full-flash image', () => {
  test('is the same in either convention, but for where its first byte belongs', () => {
    const fromBootloader = inspectFlash(makeRelease({ chip: esp32 }));
    const fromZero = inspectFlash(makeMerged({ chip: esp32 }));
    expect(fromBootloader).toMatchObject({ chip: 'esp32', start: 0x1000 });
    expect(fromZero).toMatchObject({ chip: 'esp32', start: 0 });
    const { size: _, start: __, ...rest } = fromBootloader;
    expect(fromZero).toMatchObject(rest);
  });

  test('is explained whole: bootloader, table, every partition', () => {
    const flash = inspectFlash(makeRelease({ chip: esp32c3 }));
    expect(flash.bootloader.image).toMatchObject({ kind: 'whole', checksum: { valid: true } });
    expect(flash.table).toMatchObject({ offset: 0x8000, md5: 'valid' });
    expect(flash.partitions.map(({ name, contents }) => [name, contents.kind])).toEqual([
      ['nvs', 'erased'],
      ['phy_init', 'erased'],
      ['factory', 'image'],
      ['vfs', 'not-in-file'],
    ]);
    expect(flash.partitions[2]?.contents).toMatchObject({
      app: { micropython: { version: 'v1.23.0' }, description: { idfVersion: 'v5.0.4' } },
    });
    expect(flash.otadata).toBeNull();
    expect(flash.warnings).toEqual([]);
  });

  test('finds a table that a large bootloader has moved', () => {
    const flash = inspectFlash(makeRelease({ chip: esp32, tableOffset: 0x10000 }));
    expect(flash.table).toMatchObject({ offset: 0x10000, md5: 'valid' });
    expect(flash.boot.partition).toBe('factory');
  });

  test('warns of a bootloader without rollback, or of one that may be', () => {
    const old = inspectFlash(makeRelease({ chip: esp32, version: 'v1.20.0' }));
    expect(old.warnings).toMatchObject([{ code: 'NO_ROLLBACK' }]);
    const other = dump({ [OTA_0]: makeBootloader({ chip: esp32 }) });
    expect(other.warnings).toMatchObject([{ code: 'ROLLBACK_UNKNOWN' }]);
  });

  test('shows in its map how full things are, what boots, and what is not there', () => {
    const flash = dump({ [OTA_0]: app });
    expect(flash.flashMap[0]).toMatchObject({ name: 'reserved', size: 0x1000 });
    expect(flash.flashMap[1]).toMatchObject({ kind: 'bootloader', offset: 0x1000, size: 0x7000 });
    expect(flash.flashMap.find(({ name }) => name === 'ota_0')).toMatchObject({
      used: app.length,
      note: 'boots',
    });
    expect(noteOf(flash, 'ota_1')).toBe('not in the file');
    expect(noteOf(flash, 'nvs')).toBe('erased');
  });

  test('shows the whole of flash as the bootloader knows it, and no less than the file has', () => {
    const end = ({ flashMap }: FlashImageInspection) => {
      const last = flashMap.at(-1);
      return last === undefined ? 0 : last.offset + last.size;
    };
    expect(end(inspectFlash(makeMerged({ chip: esp32, flashSizeCode: 3 })))).toBe(0x800000);
    const large = Buffer.concat([makeMerged({ chip: esp32 }), Buffer.alloc(0x500000, 0xff)]);
    expect(end(inspectFlash(large))).toBe(large.length);
  });

  test('tells data partitions that hold something, and those that the file cuts off', () => {
    const flash = dump({ [OTA_0]: app, 0x9000: Buffer.from('x'), 0x390000: Buffer.from('fs') });
    expect(contentsOf(flash, 'nvs')).toBe('data');
    expect(contentsOf(flash, 'phy_init')).toBe('erased');
    expect(flash.partitions.at(-1)).toMatchObject({ name: 'vfs', complete: false });
    expect(noteOf(flash, 'nvs')).toBe('data');
    expect(noteOf(flash, 'vfs')).toBe('data, cut off');
  });

  test('tells data that no partition claims', () => {
    const gap = [...OTA_TABLE.slice(0, 4), aPartition({ name: 'late', offset: 0x300000 })];
    const flash = inspectFlash(
      dumpWith(esp32, gap, { 0: Buffer.from('x'), [OTA_0]: app, 0x200000: Buffer.from('y') }),
    );
    expect(noteOf(flash, 'reserved')).toBe('data');
    expect(noteOf(flash, 'free')).toBe('data');
  });

  test('tells an app partition that holds something else, or a damaged image', () => {
    const damaged = Buffer.from(app);
    damaged.writeUInt8(damaged.readUInt8(0x2000) ^ 1, 0x2000);
    const flash = dump({ [OTA_0]: damaged, [OTA_1]: Buffer.from('text') });
    expect(contentsOf(flash, 'ota_0')).toBe('image');
    expect(noteOf(flash, 'ota_0')).toBe('damaged');
    expect(contentsOf(flash, 'ota_1')).toBe('data');
  });

  test('is explained with a damaged table and a damaged bootloader', () => {
    const bytes = dumpWith(esp32, OTA_TABLE, { [OTA_0]: app });
    bytes.writeUInt8(0x7f, 0x1000 + 1);
    bytes.writeUInt8(1, 0x8000 + 4);
    const flash = inspectFlash(bytes);
    expect(flash.bootloader.image).toMatchObject({ kind: 'unreadable' });
    expect(flash.table).toMatchObject({ md5: 'unknown' });
    expect(flash.table.problem).toMatch(/MD5/);
    expect(flash.boot.partition).toBe('ota_0');
  });

  test('is explained with its app cut off', () => {
    const flash = inspectFlash(makeRelease({ chip: esp32 }).subarray(0, 0x12000));
    expect(flash.partitions[2]).toMatchObject({
      name: 'factory',
      contents: { kind: 'image', app: { image: { kind: 'broken' } } },
      complete: false,
    });
    expect(flash.boot.partition).toBeNull();
  });
});

describe('What boots', () => {
  test('is factory without otadata', () => {
    const { boot } = inspectFlash(makeRelease({ chip: esp32 }));
    expect(boot).toEqual({
      partition: 'factory',
      why: 'there is no otadata partition, so factory comes first',
    });
  });

  test('is the first slot on a new device without factory', () => {
    const boot = bootOf({ [OTA_0]: app, [OTA_1]: app });
    expect(boot.partition).toBe('ota_0');
    expect(boot.why).toMatch(/otadata selects nothing .* so the first slot/);
  });

  test('is what otadata selects', () => {
    const otadata = encodeOtadata([VALID, NEW]);
    const boot = bootOf({ [OTADATA]: otadata, [OTA_0]: app, [OTA_1]: app });
    expect(boot.partition).toBe('ota_1');
    expect(boot.why).toMatch(/otadata selects slot 1, as sector 1 has the higher sequence/);
  });

  test('depends on the bootloader where an entry is on trial', () => {
    const otadata = encodeOtadata([VALID, NEW]);
    otadata.writeUInt32LE(1, 0x1000 + 24);
    const trial = (version: string) => {
      const image = makeApp({ chip: esp32, version });
      return bootOf({ [OTADATA]: otadata, [OTA_0]: image, [OTA_1]: image });
    };
    expect(trial('v1.23.0').partition).toBe('ota_0');
    expect(trial('v1.20.0').partition).toBe('ota_1');
    expect(trial('v1.21.0-preview').why).toMatch(/without rollback would take slot 1$/);
  });

  test('is the next lower slot, then the next higher, when the chosen one holds nothing that boots', () => {
    const otadata = encodeOtadata([VALID, { sequence: 2, state: 'VALID' }]);
    const down = bootOf({ [OTADATA]: otadata, [OTA_0]: app });
    expect(down.partition).toBe('ota_0');
    expect(down.why).toMatch(/slot 1.*; but 'ota_1' has no image that boots$/);
    const up = bootOf({ [OTADATA]: encodeOtadata([VALID, undefined]), [OTA_1]: app });
    expect(up.partition).toBe('ota_1');
  });

  test('is factory before a higher slot, and test last', () => {
    const table = [
      ...OTA_TABLE.slice(0, 4),
      aPartition({ name: 'ota_1', type: 0, subtype: 0x11, offset: 0x1d0000, size: 0x10000 }),
      aPartition({ name: 'factory', type: 0, subtype: 0, offset: 0x1e0000, size: 0x10000 }),
      aPartition({ name: 'test', type: 0, subtype: 0x20, offset: 0x1f0000, size: 0x10000 }),
    ];
    const otadata = encodeOtadata([VALID, undefined]);
    const parts = { [OTADATA]: otadata, 0x1f0000: app };
    expect(bootOf({ ...parts, [OTA_1]: app, 0x1e0000: app }, table).partition).toBe('factory');
    expect(bootOf({ ...parts, [OTA_1]: app }, table).partition).toBe('ota_1');
    expect(bootOf(parts, table).partition).toBe('test');
    const erased = { [OTADATA]: Buffer.alloc(0x2000, 0xff), [OTA_0]: app, 0x1e0000: app };
    expect(bootOf(erased, table)).toMatchObject({
      partition: 'factory',
      why: expect.stringMatching(/so factory comes first$/) as string,
    });
  });

  test('is nothing when no app partition holds an image that boots', () => {
    const boot = bootOf({ [OTA_0]: Buffer.from('text') });
    expect(boot.partition).toBeNull();
    expect(boot.why).toMatch(/no app partition in this file holds an image that boots$/);
  });

  test('takes otadata that is not in the file for erased', () => {
    const table = [
      aPartition({ name: 'factory', type: 0, subtype: 0, offset: 0x10000, size: 0x10000 }),
      aPartition({ name: 'ota_0', type: 0, subtype: 0x10, offset: 0x20000, size: 0x10000 }),
      aPartition({ name: 'otadata', subtype: 0, offset: 0x400000, size: 0x2000 }),
    ];
    expect(bootOf({ 0x10000: app }, table)).toEqual({
      partition: 'factory',
      why: 'otadata is not in this file and taken for erased, so factory comes first',
    });
  });

  test('counts rows of OTA slots as the bootloader does, so that a gap is a slot that cannot boot', () => {
    const table = [
      ...OTA_TABLE.slice(0, 4),
      aPartition({ name: 'ota_2', type: 0, subtype: 0x12, offset: 0x1d0000, size: 0x10000 }),
    ];
    const otadata = encodeOtadata([{ sequence: 2, state: 'VALID' }, undefined]);
    const boot = bootOf({ [OTADATA]: otadata, [OTA_0]: app, [OTA_1]: app }, table);
    expect(boot.partition).toBe('ota_0');
  });
});

describe('A table in a full-flash image', () => {
  test('is not looked for in the middle of the bootloader', () => {
    const bootloader = makeBootloader({ chip: esp32c3 }, 0xa000);
    encodePartitionTable(OTA_TABLE).copy(bootloader, 0x8000);
    const bytes = flashWith({ 0: bootloader, 0xd000: encodePartitionTable(OTA_TABLE) });
    expect(inspectFlash(bytes).table.offset).toBe(0xd000);
  });
});
