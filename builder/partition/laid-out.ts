import type { FlashSize } from '../chip/flash-settings.ts';
import type { Partition } from '../format/partition-table.ts';
import type { Stamped } from '../stamp/stamped.ts';

/** Flash parameters as the bootloader header has them: ESP-IDF's words, for flasher_args.json. */
export type FlashSettings = {
  readonly mode: string;
  readonly frequency: string;
  readonly size: FlashSize;
};

/** Where everything lies in flash. */
export type Layout = {
  readonly tableOffset: number;
  readonly partitions: readonly Partition[];
  /** The binary table, 0xC00 bytes. */
  readonly table: Buffer;
  /** OTA data of a new device: erased, so that ota_0 boots. For a drill: a trial of the second slot. */
  readonly otadata: Buffer;
  readonly otadataPartition: Partition;
  /** OTA slots in order of their number. */
  readonly slots: readonly Partition[];
  /** Where the app goes when it is flashed: the first slot, for a drill the second, beside the firmware that runs. */
  readonly appSlot: Partition;
  readonly flash: FlashSettings;
};

/** Firmware with a place for each of its parts. */
export type LaidOut = Stamped & { readonly layout: Layout };
