import type { RollbackSupport } from '../compile/micropython-banner.ts';
import { APP_TYPE, isOtadata, otaSlotIndex } from '../format/partition-types.ts';
import { isIntact } from './image.ts';
import type { OtadataReport } from './otadata.ts';
import type { PartitionContents } from './partition-contents.ts';

/** What would start from this flash; `partition` null: nothing. `why` is a sentence without its full stop. */
export type BootReport = { readonly partition: string | null; readonly why: string };

export type BootFacts = {
  readonly partitions: readonly PartitionContents[];
  /** null: there is no such partition, or it is not in the file. */
  readonly otadata: OtadataReport | null;
  readonly rollback: RollbackSupport;
};

const FACTORY_SUBTYPE = 0x00;
const TEST_SUBTYPE = 0x20;
/** Comes before slot 0 in the bootloader's count. */
const FACTORY_INDEX = -1;

/**
 * Which partition the second-stage bootloader starts and why: what OTA data selects, else factory; when that holds no
 * image that boots, the slots below it down to factory, then those above, then test. Signatures and anti-rollback are
 * not taken into account.
 * Source: ESP-IDF bootloader_utility.c, `bootloader_utility_load_boot_image`.
 */
export function chooseBoot(facts: BootFacts): BootReport {
  const apps = facts.partitions.filter(({ type }) => type === APP_TYPE);
  const factory = apps.find(({ subtype }) => subtype === FACTORY_SUBTYPE);
  const slots = slotsOf(apps);
  const { index, why } = firstChoice(facts, factory !== undefined);
  const order = [
    ...slots.slice(0, index + 1).reverse(),
    factory,
    ...slots.slice(index + 1),
    apps.find(({ subtype }) => subtype === TEST_SUBTYPE),
  ].filter((candidate) => candidate !== undefined);
  const boots = order.find(holdsBootableImage);
  if (boots === undefined) {
    return {
      partition: null,
      why: `${why}; but no app partition in this file holds an image that boots`,
    };
  }
  const passed = order.slice(0, order.indexOf(boots)).map(({ name }) => `'${name}'`);
  const but = passed.length === 0 ? '' : `; but ${passed.join(' and ')} has no image that boots`;
  return { partition: boots.name, why: `${why}${but}` };
}

/** OTA slots by number. The bootloader takes the number of rows for the number of slots, so some may be missing. */
function slotsOf(apps: readonly PartitionContents[]): readonly (PartitionContents | undefined)[] {
  const rows = apps.filter((app) => otaSlotIndex(app) !== undefined);
  return rows.map((_, index) => rows.find((row) => otaSlotIndex(row) === index));
}

type Choice = { readonly index: number; readonly why: string };

function firstChoice({ partitions, otadata, rollback }: BootFacts, hasFactory: boolean): Choice {
  const otherwise = hasFactory
    ? 'factory comes first'
    : 'the first slot that holds an image is taken';
  if (otadata === null) {
    const isMissing = !partitions.some(isOtadata);
    const why = isMissing
      ? 'there is no otadata partition'
      : 'otadata is not in this file and taken for erased';
    return { index: FACTORY_INDEX, why: `${why}, so ${otherwise}` };
  }
  const { withRollback, withoutRollback } = otadata;
  const { slot, why } = rollback === 'disabled' ? withoutRollback : withRollback;
  if (slot === null) {
    const index = hasFactory ? FACTORY_INDEX : 0;
    return { index, why: `otadata selects nothing (${why}), so ${otherwise}` };
  }
  const differs = rollback === 'unknown' && withoutRollback.slot !== slot;
  const other = differs
    ? `; a bootloader without rollback would take slot ${withoutRollback.slot ?? 'none'}`
    : '';
  return { index: slot, why: `otadata selects slot ${slot}, as ${why}${other}` };
}

function holdsBootableImage({ contents }: PartitionContents): boolean {
  return contents.kind === 'image' && isIntact(contents.app.image);
}
