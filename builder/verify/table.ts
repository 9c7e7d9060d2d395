import type { KeyObject } from 'node:crypto';
import { FormatError } from '../errors/families.ts';
import { isFilledWith } from '../format/byte-reader.ts';
import {
  parsePartitionTable,
  PARTITION_TABLE_SIZE,
  type Partition,
} from '../format/partition-table.ts';
import { checkPartitions } from '../partition/check-partitions.ts';
import { looksLikeV1Signature, V1_SIGNATURE_SIZE } from '../format/signature-v1.ts';
import { errorFinding, type Finding } from './finding.ts';
import { checkV1Signature, type CheckedV1Signature } from './signature-v1.ts';

export type CheckedTable = {
  readonly findings: readonly Finding[];
  readonly partitions: readonly Partition[];
  /** Present when a Secure Boot V1 signature is behind the table. */
  readonly v1?: CheckedV1Signature;
};

export type TableOptions = {
  readonly file: string;
  readonly tableOffset: number;
  readonly flashSize: number | undefined;
  /** Public keys that a Secure Boot V1 signature behind the table may be by. Unsaid, none may be there. */
  readonly publicKeys?: readonly KeyObject[];
  /** A signature has to be there. */
  readonly signature?: 'required';
};

/** Checks a binary partition table: its form, and every rule of the partition step. Never throws for bad bytes. */
export function checkTable(bytes: Buffer, options: TableOptions): CheckedTable {
  const { file, tableOffset, flashSize } = options;
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
    const behind = checkBehind(bytes, options);
    return { ...behind, findings: [...findings, ...behind.findings], partitions };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const place = {
      file,
      ...(error.where?.offset === undefined ? {} : { offset: error.where.offset }),
    };
    return { findings: [errorFinding('TABLE_MALFORMED', error.message, place)], partitions: [] };
  }
}

/** What follows a table in its sector: nothing, or a Secure Boot V1 signature of the ESP32. */
function checkBehind(
  bytes: Buffer,
  { file, publicKeys, signature }: TableOptions,
): Pick<CheckedTable, 'findings' | 'v1'> {
  const behind = bytes.subarray(PARTITION_TABLE_SIZE);
  const place = { file, offset: PARTITION_TABLE_SIZE };
  if (isFilledWith(behind, 0xff)) {
    const missing =
      signature === undefined ? [] : [errorFinding('SIGNATURE_MISSING', 'is not signed', { file })];
    return { findings: missing };
  }
  if (!looksLikeV1Signature(behind) || !isFilledWith(behind.subarray(V1_SIGNATURE_SIZE), 0xff))
    return { findings: [errorFinding('TABLE_MALFORMED', 'has data behind the table', place)] };
  const v1 = checkV1Signature(bytes, PARTITION_TABLE_SIZE, {
    file,
    ...(publicKeys === undefined ? {} : { publicKeys }),
  });
  return { v1, findings: v1.findings };
}
