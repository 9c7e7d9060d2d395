import { isFilledWith } from '../format/byte-reader.ts';
import { ESP_IMAGE_MAGIC } from '../format/esp-image-header.ts';
import { APP_TYPE } from '../format/partition-types.ts';
import { describeApp, type AppReport } from './app.ts';
import type { PartitionReport } from './partition-table.ts';

/** What a partition of a full-flash image holds; `data` is anything that is neither erased nor an app's image. */
export type Contents =
  | { readonly kind: 'image'; readonly app: AppReport }
  | { readonly kind: 'erased' | 'data' | 'not-in-file' };

export type PartitionContents = PartitionReport & {
  readonly contents: Contents;
  /** The file reaches to the partition's end; what lies behind the file's end is not known. */
  readonly complete: boolean;
};

/** Explains what `partition` holds in `flash`, a file whose first byte lies at flash offset `start`. Total. */
export function describeContents(
  flash: Buffer,
  start: number,
  partition: PartitionReport,
): PartitionContents {
  const at = partition.offset - start;
  const end = at + partition.size;
  const complete = at >= 0 && end <= flash.length;
  if (at < 0 || at >= flash.length)
    return { ...partition, contents: { kind: 'not-in-file' }, complete };
  const bytes = flash.subarray(at, end);
  return { ...partition, contents: classify(bytes, partition.type === APP_TYPE), complete };
}

function classify(bytes: Buffer, isAppPartition: boolean): Contents {
  if (isFilledWith(bytes, 0xff)) return { kind: 'erased' };
  const isImage = isAppPartition && bytes[0] === ESP_IMAGE_MAGIC;
  return isImage ? { kind: 'image', app: describeApp(bytes) } : { kind: 'data' };
}
