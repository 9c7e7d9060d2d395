import { flashSizeByName } from '../chip/flash-settings.ts';
import { FormatError } from '../errors/families.ts';
import { parsePartitionCsv, placePartitions } from '../format/partition-csv.ts';
import type { Partition } from '../format/partition-table.ts';
import { MANIFEST } from '../manifest/release-files.ts';
import { errorFinding, type Finding } from './finding.ts';
import type { Parts } from './release-parts.ts';
import { checkTable } from './table.ts';

/** Checks the binary table for itself, against the manifest and against the CSV beside it. */
export function checkReleaseTables({ manifest, chip, part }: Parts): readonly Finding[] {
  const table = part('partition-table');
  if (table === undefined) return [];
  const tableOffset = table.offset ?? 0;
  const flashSize = flashSizeByName(manifest.flash.size)?.bytes;
  const unknownSize =
    flashSize === undefined
      ? [
          errorFinding('MANIFEST_MISMATCH', `flash size '${manifest.flash.size}' does not exist`, {
            file: MANIFEST,
          }),
        ]
      : [];
  const checked = checkTable(table.bytes, { file: table.file, tableOffset, flashSize });
  const inManifest = manifest.partitions.map(({ flags, ...row }) => ({
    ...row,
    encrypted: flags.includes('encrypted'),
    readonly: flags.includes('readonly'),
  }));
  const findings = [...unknownSize, ...checked.findings];
  if (!sameRows(checked.partitions, inManifest)) {
    findings.push(
      errorFinding('TABLE_MISMATCH', 'has other partitions than the manifest lists', {
        file: table.file,
      }),
    );
  }
  const csv = part('partitions-csv');
  if (
    csv !== undefined &&
    !csvAgrees(
      csv.bytes,
      { tableOffset, primaryBootloaderOffset: chip.bootloaderOffset },
      checked.partitions,
    )
  ) {
    findings.push(
      errorFinding('TABLE_MISMATCH', 'has other partitions than the binary table', {
        file: csv.file,
      }),
    );
  }
  return findings;
}

function csvAgrees(
  bytes: Buffer,
  placement: { readonly tableOffset: number; readonly primaryBootloaderOffset: number },
  partitions: readonly Partition[],
): boolean {
  try {
    const rows = placePartitions(parsePartitionCsv(bytes), placement).map(
      ({ line, ...row }) => row,
    );
    return sameRows(rows, partitions);
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

function sameRows(a: readonly Partition[], b: readonly Partition[]): boolean {
  const show = ({ name, type, subtype, offset, size, encrypted, readonly }: Partition): string =>
    JSON.stringify([name, type, subtype, offset, size, encrypted, readonly]);
  return (
    a.length === b.length &&
    a.every((row, index) => b[index] !== undefined && show(row) === show(b[index]))
  );
}
