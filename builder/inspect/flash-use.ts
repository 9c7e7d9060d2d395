import { isFilledWith } from '../format/byte-reader.ts';
import type { FlashRegion } from '../partition/flash-map.ts';
import type { BootReport } from './boot.ts';
import { bytesTaken, isIntact } from './image.ts';
import type { Contents, PartitionContents } from './partition-contents.ts';

/** Bytes that the images of a full-flash image take, by the name of their partition. */
export function usageOf(partitions: readonly PartitionContents[]): ReadonlyMap<string, number> {
  const usage = new Map<string, number>();
  for (const { name, contents } of partitions) {
    const taken = contents.kind === 'image' ? bytesTaken(contents.app.image) : undefined;
    if (taken !== undefined) usage.set(name, taken);
  }
  return usage;
}

/** What to say about partitions in the flash map, by their names. */
export function notesOf(
  partitions: readonly PartitionContents[],
  boot: BootReport,
): ReadonlyMap<string, string> {
  const notes = new Map<string, string>();
  for (const { name, contents, complete } of partitions) {
    const note = noteOf(contents, complete);
    if (note !== undefined) notes.set(name, note);
  }
  if (boot.partition !== null) notes.set(boot.partition, 'boots');
  return notes;
}

function noteOf(contents: Contents, complete: boolean): string | undefined {
  switch (contents.kind) {
    case 'image':
      return isIntact(contents.app.image) ? undefined : 'damaged';
    case 'not-in-file':
      return 'not in the file';
    case 'erased':
    case 'data':
      return complete ? contents.kind : `${contents.kind}, cut off`;
  }
}

/** The same map, with a note on regions that nobody claims and that hold something all the same. */
export function withStrayData(
  regions: readonly FlashRegion[],
  flash: Buffer,
  start: number,
): readonly FlashRegion[] {
  return regions.map((region) => {
    if (region.kind !== 'free') return region;
    const at = Math.max(0, region.offset - start);
    const end = Math.max(at, region.offset + region.size - start);
    return isFilledWith(flash.subarray(at, end), 0xff) ? region : { ...region, note: 'data' };
  });
}
