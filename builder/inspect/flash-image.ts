import type { Chip } from '../chip/chip.ts';
import { flashSizeByName } from '../chip/flash-settings.ts';
import { rollbackSupport } from '../compile/micropython-banner.ts';
import { rollbackWarning } from '../compile/rollback-warning.ts';
import { OTADATA_SIZE } from '../format/otadata.ts';
import { isOtadata, isOtaSlot } from '../format/partition-types.ts';
import { SECTOR_SIZE } from '../format/image-trailer.ts';
import { flashMap, type FlashRegion } from '../partition/flash-map.ts';
import type { Warning } from '../pipeline/context.ts';
import { chooseBoot, type BootReport } from './boot.ts';
import { describeBootloader, type BootloaderReport } from './bootloader.ts';
import { notesOf, usageOf, withStrayData } from './flash-use.ts';
import { bytesTaken } from './image.ts';
import { describeOtadata, type OtadataReport } from './otadata.ts';
import { describeContents, type PartitionContents } from './partition-contents.ts';
import { describeTable, type TableReport } from './partition-table.ts';

/** Flash as it lies in a file: bootloader, table, and all that the table names. Offsets are flash offsets. */
export type FlashImageReport = {
  readonly chip: string;
  /** Flash offset that the file's first byte belongs at. */
  readonly start: number;
  readonly bootloader: BootloaderReport;
  readonly table: Omit<TableReport, 'partitions'>;
  readonly partitions: readonly PartitionContents[];
  /** null: no such partition, or not in the file. */
  readonly otadata: OtadataReport | null;
  readonly boot: BootReport;
  readonly flashMap: readonly FlashRegion[];
  readonly warnings: readonly Warning[];
};

export type FlashImageSource = {
  readonly bytes: Buffer;
  readonly start: number;
  readonly chip: Chip;
  readonly tableOffset: number;
};

/**
 * Explains a full-flash image, however damaged. Throws FormatError when not even the first row of its table can be
 * read.
 */
export function describeFlashImage(source: FlashImageSource): FlashImageReport {
  const { bytes, start, chip, tableOffset } = source;
  const bootloader = describeBootloader(
    bytes.subarray(chip.bootloaderOffset - start, tableOffset - start),
  );
  const { image } = bootloader;
  const flashSize =
    image.kind === 'unreadable' ? undefined : flashSizeByName(image.header.flashSize)?.bytes;
  const { report, partitions: rows } = describeTable(
    bytes.subarray(tableOffset - start, tableOffset - start + SECTOR_SIZE),
    { offset: tableOffset, flashSize },
  );
  const { partitions: listed, ...table } = report;
  const partitions = listed.map((partition) => describeContents(bytes, start, partition));
  const otadata = otadataOf(source, partitions);
  const version = micropythonVersion(partitions);
  const boot = chooseBoot({ partitions, otadata, rollback: rollbackSupport(version) });
  const map = flashMap({
    chip,
    bootloader: { offset: chip.bootloaderOffset, size: bytesTaken(image) ?? 0 },
    tableOffset,
    partitions: rows,
    flashSize: Math.max(flashSize ?? 0, start + bytes.length),
    usage: usageOf(partitions),
    notes: notesOf(partitions, boot),
  });
  return {
    chip: chip.name,
    start,
    bootloader,
    table,
    partitions,
    otadata,
    boot,
    flashMap: withStrayData(map, bytes, start),
    warnings: rollbackWarning(version),
  };
}

function otadataOf(
  { bytes, start }: FlashImageSource,
  partitions: readonly PartitionContents[],
): OtadataReport | null {
  const partition = partitions.find(isOtadata);
  if (partition === undefined) return null;
  const at = partition.offset - start;
  if (at < 0 || at + OTADATA_SIZE > bytes.length) return null;
  return describeOtadata(
    bytes.subarray(at, at + OTADATA_SIZE),
    partitions.filter(isOtaSlot).length,
  );
}

/** Bootloader and app of a release come from one build: any app's banner tells the version. */
function micropythonVersion(partitions: readonly PartitionContents[]): string | undefined {
  for (const { contents } of partitions) {
    if (contents.kind === 'image' && contents.app.micropython !== null)
      return contents.app.micropython.version;
  }
  return undefined;
}
