import { hex } from '../errors/hex.ts';
import { SECTOR_SIZE } from '../format/image-trailer.ts';
import type { Partition } from '../format/partition-table.ts';
import {
  APP_TYPE,
  BOOTLOADER_TYPE,
  DATA_TYPE,
  isOtadata,
  offsetAlignment,
  PARTITION_TABLE_TYPE,
  subtypeKeywords,
  typeKeywords,
} from '../format/partition-types.ts';
import { checkOtaSlots } from './check-ota-slots.ts';

/** One thing that is wrong, or unwise, about a table. `rows` are indices into the checked list. */
export type PartitionIssue = {
  readonly severity: 'error' | 'warning';
  readonly code: 'PARTITION_INVALID' | 'PARTITION_OVERLAP' | 'FLASH_SIZE';
  readonly message: string;
  readonly rows: readonly number[];
};

/** What to do about FLASH_SIZE. */
export const FLASH_SIZE_HINT =
  'Choose a smaller layout, or a larger flash with --flash-size or in the profile.';

export type CheckOptions = {
  readonly tableOffset: number;
  /** Undefined when nobody knows it: the table's end is then not checked. */
  readonly flashSize: number | undefined;
};

/** ESP-IDF reads OTA data from exactly two sectors. */
const OTADATA_SIZE = 2 * SECTOR_SIZE;
/** `data, tee_ota` in CSV. */
const TEE_OTADATA_SUBTYPE = 0x90;
/** nvs_flash needs three pages to be written to (gen_esp32part.py, NVS_RW_MIN_PARTITION_SIZE). */
const NVS_READ_WRITE_MINIMUM = 0x3000;
/** esp_image_format.c refuses to verify an app in a larger partition; without 32-bit mapping nothing beyond is reachable. */
const REACHABLE = 0x1000000;

/**
 * Checks a table as gen_esp32part.py does, and what it does not see: slots that bootloader and app count differently,
 * sizes of 0, tables that cannot boot. Returns every issue, worst and first rows first.
 * Sources: ESP-IDF gen_esp32part.py (verify); bootloader_utility.c and esp_ota_ops.c for the OTA slots.
 */
export function checkPartitions(
  partitions: readonly Partition[],
  options: CheckOptions,
): readonly PartitionIssue[] {
  return [
    ...partitions.flatMap((partition, index) => checkRow(partition, index)),
    ...checkNames(partitions),
    ...checkPlaces(partitions, options),
    ...checkOtadata(partitions),
    ...checkOtaSlots(partitions),
  ];
}

function checkRow(partition: Partition, index: number): PartitionIssue[] {
  const { name, type, offset, size } = partition;
  const issues: PartitionIssue[] = [];
  const wrong = (message: string): void => void issues.push(invalid(message, index));
  const alignment = offsetAlignment(type);
  if (name === '') wrong(`the partition at ${hex(offset)} has no name`);
  if (offset % alignment !== 0) {
    wrong(
      `'${name}' starts at ${hex(offset)}; partitions of this type start at a multiple of ${hex(alignment)}`,
    );
  }
  if (size === 0) wrong(`'${name}' has size 0`);
  if (type === APP_TYPE && size % SECTOR_SIZE !== 0) {
    wrong(
      `'${name}' has size ${hex(size)}; the size of an app partition is a multiple of ${hex(SECTOR_SIZE)}`,
    );
  } else if (size % SECTOR_SIZE !== 0) {
    issues.push(
      warning(
        `'${name}' has size ${hex(size)}: flash is erased in units of ${hex(SECTOR_SIZE)}`,
        index,
      ),
    );
  }
  if (type === APP_TYPE && size > REACHABLE)
    wrong(`'${name}' has ${hex(size)} bytes; an app partition has at most 16 MiB`);
  if (type > 0x03 && type < 0x40) {
    issues.push(
      warning(
        `'${name}' has type ${hex(type)}, which Espressif keeps for itself; own types are 0x40 to 0xfe`,
        index,
      ),
    );
  }
  return [...issues, ...checkKeyword(partition, index), ...checkReadonly(partition, index)];
}

/** A row whose name says another type or subtype than its columns was most likely filled in wrongly. */
function checkKeyword({ name, type, subtype }: Partition, index: number): PartitionIssue[] {
  const word = name.toLowerCase();
  const typeOfName = typeKeywords().get(word);
  if (typeOfName !== undefined && typeOfName !== type)
    return [warning(`'${name}' is named like another partition type`, index)];
  const isSubtype = [...typeKeywords().values()].some((each) => subtypeKeywords(each).has(word));
  if (isSubtype && subtypeKeywords(type).get(word) !== subtype)
    return [warning(`'${name}' is named like another partition subtype`, index)];
  return [];
}

function checkReadonly(partition: Partition, index: number): PartitionIssue[] {
  if (partition.type !== DATA_TYPE) return [];
  const isCoredump = partition.subtype === 0x03;
  if ((isOtadata(partition) || isCoredump) && partition.readonly) {
    return [invalid(`'${partition.name}' is always written to and cannot be readonly`, index)];
  }
  const isNvs = partition.subtype === 0x02;
  if (isNvs && !partition.readonly && partition.size < NVS_READ_WRITE_MINIMUM) {
    const least = hex(NVS_READ_WRITE_MINIMUM);
    return [
      invalid(
        `'${partition.name}' has ${hex(partition.size)} bytes: NVS needs ${least}, or the flag readonly`,
        index,
      ),
    ];
  }
  return [];
}

function checkNames(partitions: readonly Partition[]): PartitionIssue[] {
  return partitions.flatMap(({ name }, index) => {
    const first = partitions.findIndex((other) => other.name === name);
    return first === index ? [] : [invalid(`two partitions are named '${name}'`, first, index)];
  });
}

function checkPlaces(
  partitions: readonly Partition[],
  { tableOffset, flashSize }: CheckOptions,
): PartitionIssue[] {
  const issues: PartitionIssue[] = [];
  const tableEnd = tableOffset + SECTOR_SIZE;
  const inOrder = partitions
    .map((partition, index) => ({ ...partition, index }))
    .filter(
      ({ type, subtype }) =>
        !(subtype === 0 && (type === BOOTLOADER_TYPE || type === PARTITION_TABLE_TYPE)),
    )
    .sort((a, b) => a.offset - b.offset);
  let previous: (typeof inOrder)[number] | undefined;
  for (const partition of inOrder) {
    const { name, offset, size, index } = partition;
    if (offset < tableEnd) {
      issues.push(
        invalid(
          `'${name}' starts at ${hex(offset)}; the partition table occupies flash up to ${hex(tableEnd)}`,
          index,
        ),
      );
    }
    if (previous !== undefined && offset < previous.offset + previous.size) {
      issues.push({
        severity: 'error',
        code: 'PARTITION_OVERLAP',
        message: `'${name}' starts at ${hex(offset)}, inside '${previous.name}' (${hex(previous.offset)} to ${hex(previous.offset + previous.size)})`,
        rows: [previous.index, index],
      });
    }
    if (flashSize !== undefined && offset + size > flashSize)
      issues.push(beyondFlash(partition, flashSize, index));
    if (partition.type === APP_TYPE && offset + size > REACHABLE) {
      issues.push(
        warning(
          `'${name}' ends at ${hex(offset + size)}: beyond 16 MiB only chips with 32-bit flash mapping boot it`,
          index,
        ),
      );
    }
    if (previous === undefined || offset + size > previous.offset + previous.size)
      previous = partition;
  }
  return issues;
}

function beyondFlash(
  { name, offset, size }: Partition,
  flashSize: number,
  index: number,
): PartitionIssue {
  const end = offset + size;
  return {
    severity: 'error',
    code: 'FLASH_SIZE',
    message: `'${name}' ends at ${hex(end)}, but flash has ${hex(flashSize)} bytes (${flashSize / 0x100000} MiB): ${hex(end - flashSize)} too many`,
    rows: [index],
  };
}

/** ESP-IDF reads the choice of a slot from one partition only; so does its trusted execution environment. */
function checkOtadata(partitions: readonly Partition[]): PartitionIssue[] {
  return [
    ...checkSingleOtadata(partitions, 'otadata', isOtadata),
    ...checkSingleOtadata(
      partitions,
      'TEE otadata',
      ({ type, subtype }) => type === DATA_TYPE && subtype === TEE_OTADATA_SUBTYPE,
    ),
  ];
}

function checkSingleOtadata(
  partitions: readonly Partition[],
  what: string,
  isOne: (partition: Partition) => boolean,
): PartitionIssue[] {
  const all = partitions.flatMap((partition, index) =>
    isOne(partition) ? [{ ...partition, index }] : [],
  );
  const [first, second] = all;
  if (first !== undefined && second !== undefined) {
    return [
      invalid(
        `'${first.name}' and '${second.name}' are both ${what}; there is one at most`,
        first.index,
        second.index,
      ),
    ];
  }
  if (first !== undefined && first.size !== OTADATA_SIZE) {
    return [
      invalid(
        `'${first.name}' (${what}) has ${hex(first.size)} bytes; exactly ${hex(OTADATA_SIZE)} are needed`,
        first.index,
      ),
    ];
  }
  return [];
}

function invalid(message: string, ...rows: number[]): PartitionIssue {
  return { severity: 'error', code: 'PARTITION_INVALID', message, rows };
}

function warning(message: string, ...rows: number[]): PartitionIssue {
  return { severity: 'warning', code: 'PARTITION_INVALID', message, rows };
}
