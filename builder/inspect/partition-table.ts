import { FormatError } from '../errors/families.ts';
import { isFilledWith } from '../format/byte-reader.ts';
import { SECTOR_SIZE } from '../format/image-trailer.ts';
import { parsePartitionRow, ROW_SIZE } from '../format/partition-row.ts';
import {
  parsePartitionTable,
  PARTITION_TABLE_SIZE,
  type Partition,
} from '../format/partition-table.ts';
import { looksLikeV1Signature, V1_SIGNATURE_SIZE } from '../format/signature-v1.ts';
import { subtypeName, typeName } from '../format/partition-types.ts';
import { checkPartitions } from '../partition/check-partitions.ts';
import { describeV1Signature, type V1SignatureReport } from './signature-v1.ts';

/** One row of a table. Offset and size in bytes. */
export type PartitionReport = {
  readonly name: string;
  readonly type: number;
  readonly subtype: number;
  readonly typeName: string;
  readonly subtypeName: string;
  readonly offset: number;
  readonly size: number;
  readonly flags: readonly ('encrypted' | 'readonly')[];
};

/** A partition table as far as it can be read. */
export type TableReport = {
  /** Flash offset. */
  readonly offset: number;
  readonly partitions: readonly PartitionReport[];
  /** `unknown`: the table is damaged, see `problem`. */
  readonly md5: 'valid' | 'absent' | 'unknown';
  readonly problem?: string;
  /** Something that is not a signature follows the table in its sector. */
  readonly dataBehind: boolean;
  /** A Secure Boot V1 signature behind the table; null where there is none. */
  readonly signatureV1: V1SignatureReport | null;
  /** What is wrong or unwise about the layout. */
  readonly remarks: readonly string[];
};

export type ReadTable = { readonly report: TableReport; readonly partitions: readonly Partition[] };

export type TablePlace = {
  /** Flash offset of the table. */
  readonly offset: number;
  /** Bytes of flash, when known. */
  readonly flashSize: number | undefined;
};

/**
 * Explains the table at the start of `bytes`; of a damaged one, the rows before the damage. Throws FormatError when not
 * even the first row can be read.
 */
export function describeTable(bytes: Buffer, { offset, flashSize }: TablePlace): ReadTable {
  const { partitions, md5, problem } = readTable(bytes);
  const issues = checkPartitions(partitions, { tableOffset: offset, flashSize });
  const behind = bytes.subarray(PARTITION_TABLE_SIZE, SECTOR_SIZE);
  const isSigned = looksLikeV1Signature(behind);
  const report: TableReport = {
    offset,
    partitions: partitions.map(describePartition),
    md5,
    ...(problem === undefined ? {} : { problem }),
    dataBehind: !isFilledWith(isSigned ? behind.subarray(V1_SIGNATURE_SIZE) : behind, 0xff),
    signatureV1: isSigned ? describeV1Signature(bytes, PARTITION_TABLE_SIZE) : null,
    remarks: issues.map(({ message }) => message),
  };
  return { report, partitions };
}

function readTable(
  bytes: Buffer,
): Pick<ReadTable, 'partitions'> & Pick<TableReport, 'md5' | 'problem'> {
  try {
    const { partitions, md5 } = parsePartitionTable(bytes);
    return { partitions, md5 };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const partitions = readableRows(bytes.subarray(0, PARTITION_TABLE_SIZE));
    if (partitions.length === 0) throw error;
    return { partitions, md5: 'unknown', problem: error.message };
  }
}

function readableRows(bytes: Buffer): Partition[] {
  const partitions: Partition[] = [];
  try {
    for (let at = 0; at + ROW_SIZE <= bytes.length; at += ROW_SIZE) {
      partitions.push(parsePartitionRow(bytes.subarray(at, at + ROW_SIZE), at));
    }
  } catch (error) {
    // The end marker, the MD5 row or the damage: what comes before it is what there is to show.
    if (!(error instanceof FormatError)) throw error;
  }
  return partitions;
}

function describePartition(partition: Partition): PartitionReport {
  const { name, type, subtype, offset, size, encrypted, readonly } = partition;
  return {
    name,
    type,
    subtype,
    typeName: typeName(type),
    subtypeName: subtypeName(type, subtype),
    offset,
    size,
    flags: [
      ...(encrypted ? (['encrypted'] as const) : []),
      ...(readonly ? (['readonly'] as const) : []),
    ],
  };
}
