import { hex } from '../errors/hex.ts';
import type { Partition } from '../format/partition-table.ts';
import { APP_TYPE, isOtadata, otaSlotIndex } from '../format/partition-types.ts';
import type { PartitionIssue } from './check-partitions.ts';

type Slot = {
  readonly name: string;
  readonly size: number;
  readonly slot: number;
  readonly index: number;
};

/**
 * Rules that no peer checks. The bootloader counts rows of OTA slots, the app counts subtypes from ota_0 on: they only
 * agree when the subtypes are 0, 1, 2 … without gap and without double (bootloader_utility.c, esp_ota_ops.c).
 */
export function checkOtaSlots(partitions: readonly Partition[]): PartitionIssue[] {
  const slots = partitions.flatMap(({ name, size, type, subtype }, index): Slot[] => {
    const slot = otaSlotIndex({ type, subtype });
    return slot === undefined ? [] : [{ name, size, slot, index }];
  });
  const hasOtadata = partitions.some(isOtadata);
  return [
    ...checkNumbers(slots),
    ...checkPresence(partitions, slots, hasOtadata),
    ...checkSizes(slots),
  ];
}

function checkNumbers(slots: readonly Slot[]): PartitionIssue[] {
  const issues: PartitionIssue[] = [];
  for (const [position, { name, slot, index }] of slots.entries()) {
    const twin = slots.slice(0, position).find((other) => other.slot === slot);
    if (twin !== undefined)
      issues.push(
        error(`'${twin.name}' and '${name}' are both slot ota_${slot}`, twin.index, index),
      );
  }
  const numbers = new Set(slots.map(({ slot }) => slot));
  const missing = [...numbers]
    .sort((a, b) => a - b)
    .find((number, position) => number !== position);
  if (missing === undefined) return issues;
  const after = slots.find(({ slot }) => slot === missing);
  const gap = [...Array(missing).keys()].find((number) => !numbers.has(number)) ?? 0;
  issues.push(
    error(
      `there is a slot ota_${missing} ('${after?.name ?? ''}') but no ota_${gap}: bootloader and app would count the slots differently`,
      ...(after === undefined ? [] : [after.index]),
    ),
  );
  return issues;
}

function checkPresence(
  partitions: readonly Partition[],
  slots: readonly Slot[],
  hasOtadata: boolean,
): PartitionIssue[] {
  if (!partitions.some(({ type }) => type === APP_TYPE)) {
    return [error('there is no app partition: nothing could boot')];
  }
  const rows = slots.map(({ index }) => index);
  if (slots.length > 0 && !hasOtadata) {
    return [
      error(
        'there are OTA slots, but no otadata partition: no update would ever be started',
        ...rows,
      ),
    ];
  }
  if (hasOtadata && slots.length < 2) {
    return [
      error(
        `there is otadata, but ${slots.length === 0 ? 'no OTA slot' : 'only one OTA slot'}: an update needs two`,
        ...rows,
      ),
    ];
  }
  return [];
}

function checkSizes(slots: readonly Slot[]): PartitionIssue[] {
  const sizes = new Set(slots.map(({ size }) => size));
  if (sizes.size < 2) return [];
  const list = slots.map(({ name, size }) => `'${name}' ${hex(size)}`).join(', ');
  return [
    {
      severity: 'warning',
      code: 'PARTITION_INVALID',
      message: `the OTA slots differ in size (${list}): an update must fit the smallest`,
      rows: slots.map(({ index }) => index),
    },
  ];
}

function error(message: string, ...rows: number[]): PartitionIssue {
  return { severity: 'error', code: 'PARTITION_INVALID', message, rows };
}
