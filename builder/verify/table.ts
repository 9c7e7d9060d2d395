import { FormatError } from '../errors/families.ts';
import { isFilledWith } from '../format/byte-reader.ts';
import {
  parsePartitionTable,
  PARTITION_TABLE_SIZE,
  type Partition,
} from '../format/partition-table.ts';
import { checkPartitions } from '../partition/check-partitions.ts';
import { errorFinding, type Finding } from './finding.ts';

export type CheckedTable = {
  readonly findings: readonly Finding[];
  readonly partitions: readonly Partition[];
};

export type TableOptions = {
  readonly file: string;
  readonly tableOffset: number;
  readonly flashSize: number | undefined;
};

/** Checks a binary partition table: its form, and every rule of the partition step. Never throws for bad bytes. */
export function checkTable(
  bytes: Buffer,
  { file, tableOffset, flashSize }: TableOptions,
): CheckedTable {
  try {
    const { partitions, md5 } = parsePartitionTable(bytes);
    const issues = checkPartitions(partitions, { tableOffset, flashSize });
    const findings = issues.map(({ severity, message }): Finding => ({
      severity,
      code: 'TABLE_INVALID',
      message,
      file,
    }));
    if (md5 === 'absent')
      findings.push(
        errorFinding('TABLE_INVALID', 'has no MD5 row: damage would go unnoticed', { file }),
      );
    if (!isFilledWith(bytes.subarray(PARTITION_TABLE_SIZE), 0xff)) {
      findings.push(
        errorFinding('TABLE_MALFORMED', 'has data behind the table', {
          file,
          offset: PARTITION_TABLE_SIZE,
        }),
      );
    }
    return { findings, partitions };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const place = {
      file,
      ...(error.where?.offset === undefined ? {} : { offset: error.where.offset }),
    };
    return { findings: [errorFinding('TABLE_MALFORMED', error.message, place)], partitions: [] };
  }
}
