import { createHash } from 'node:crypto';
import { esp32 } from '../../builder/chip/esp32.ts';
import type { Partition } from '../../builder/format/partition-table.ts';
import type { Chip } from '../../builder/chip/chip.ts';
import type { FilePlan } from '../../builder/plan/plan.ts';

/** A partition with everything said that a test does not care about. */
export function aPartition(partition: Partial<Partition> = {}): Partition {
  return {
    name: 'nvs',
    type: 1,
    subtype: 2,
    offset: 0x9000,
    size: 0x4000,
    encrypted: false,
    readonly: false,
    ...partition,
  };
}

/** nvs, otadata, phy_init, two slots of 0x1c0000 bytes and vfs: the layout `ota-4MiB`. */
export const OTA_TABLE: readonly Partition[] = [
  aPartition(),
  aPartition({ name: 'otadata', subtype: 0, offset: 0xd000, size: 0x2000 }),
  aPartition({ name: 'phy_init', subtype: 1, offset: 0xf000, size: 0x1000 }),
  aPartition({ name: 'ota_0', type: 0, subtype: 0x10, offset: 0x10000, size: 0x1c0000 }),
  aPartition({ name: 'ota_1', type: 0, subtype: 0x11, offset: 0x1d0000, size: 0x1c0000 }),
  aPartition({ name: 'vfs', subtype: 0x81, offset: 0x390000, size: 0x70000 }),
];

/** A plan for that firmware file, with two OTA slots and without signing. */
export function aPlan(changes: Partial<FilePlan> = {}, chip: Chip = esp32): FilePlan {
  return {
    schema: 1,
    board: 'ESP32_GENERIC',
    chip: chip.name,
    version: '1.2.3',
    projectName: 'micropython',
    secureVersion: 0,
    createdAt: '2024-06-02T06:51:35Z',
    source: {
      kind: 'prebuilt',
      file: 'firmware.bin',
      size: 1,
      sha256: createHash('sha256').update('firmware').digest('hex'),
    },
    flash: { size: '4MB' },
    partitionTableOffset: 0x8000,
    layout: {
      name: 'ota-4MiB',
      file: 'firmware/partitions/ota-4MiB.csv',
      sha256: createHash('sha256').update('layout').digest('hex'),
      partitions: OTA_TABLE.map((partition, index) => ({ ...partition, line: index + 1 })),
    },
    signing: null,
    stem: 'ESP32_GENERIC-1.2.3',
    ...changes,
  };
}
