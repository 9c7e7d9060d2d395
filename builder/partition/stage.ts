import type { Where } from '../errors/ota-build-error.ts';
import { LayoutError, type LayoutCode } from '../errors/families.ts';
import { createInitialOtadata } from '../format/otadata.ts';
import { encodePartitionTable } from '../format/partition-table.ts';
import { APP_TYPE, isOtadata, isOtaSlot } from '../format/partition-types.ts';
import type { Context } from '../pipeline/context.ts';
import type { Stage } from '../pipeline/stage.ts';
import { isDrill, type Plan } from '../plan/plan.ts';
import type { Stamped } from '../stamp/stamped.ts';
import { checkPartitions, FLASH_SIZE_HINT, type PartitionIssue } from './check-partitions.ts';
import { requireBootloaderFit, requireFit, signedSize, sizeInSlot } from './fit.ts';
import { flashSettingsOf, requireFlashSize, withFlashSize } from './flash-header.ts';
import type { LaidOut } from './laid-out.ts';
import { filesystemWarning } from './micropython-filesystem.ts';
import { makeTrialOtadata } from './trial-otadata.ts';

/** Makes the partition table and the initial otadata, and proves that everything fits. */
export const partitionStage: Stage<Stamped, LaidOut> = {
  key: 'partition',
  title: 'laying out flash',
  run: (context, stamped) => {
    const { plan, pageSize } = stamped;
    const bootloader = resizedBootloader(context, stamped);
    const flash = settings(stamped, bootloader);
    const partitions = plan.layout.partitions.map(({ line, ...partition }) => partition);
    requireSoundTable(context, plan, flash.size.bytes);
    const slots = partitions.filter(isOtaSlot).sort((a, b) => a.subtype - b.subtype);
    const drill = isDrill(plan);
    // A drill goes beside the firmware that runs, which has to be there when it comes back.
    const appSlot = slots[drill ? 1 : 0];
    const otadataPartition = partitions.find(isOtadata);
    if (appSlot === undefined || otadataPartition === undefined) throw noOtaSlots(plan);
    requireFit(sizeInSlot(stamped.app, plan.signing === null ? undefined : { pageSize }), slots, {
      signed: plan.signing !== null,
      layout: plan.layout.name,
      where: placeOfSlots(plan),
    });
    if (bootloader !== undefined) {
      const signed = plan.signing?.bootloader === true;
      const size = signed ? signedSize(bootloader.bytes.length) : bootloader.bytes.length;
      requireBootloaderFit(size, {
        offset: bootloader.offset,
        tableOffset: plan.partitionTableOffset,
        signed,
      });
    }
    warnOfMissingFilesystem(context, stamped, flash.size.bytes);
    if (
      plan.secureVersion > 0 &&
      partitions.some(
        ({ type, subtype }) => type === APP_TYPE && (subtype === 0 || subtype === 0x20),
      )
    ) {
      context.warn(
        'ANTI_ROLLBACK_FACTORY',
        'the layout has a factory or test app: a bootloader with anti-rollback takes OTA slots only',
      );
    }
    const layout = {
      tableOffset: plan.partitionTableOffset,
      partitions,
      table: encodePartitionTable(partitions),
      otadata: drill
        ? makeTrialOtadata({ from: 0, to: 1, slotCount: slots.length })
        : createInitialOtadata(),
      otadataPartition,
      slots,
      appSlot,
      flash,
    };
    return Promise.resolve({
      ...stamped,
      ...(bootloader === undefined ? {} : { bootloader }),
      layout,
    });
  },
};

/** The first slot's row. */
function placeOfSlots({ layout }: Plan): Where {
  const line = layout.partitions.find(isOtaSlot)?.line;
  return { file: layout.file, ...(line === undefined ? {} : { line }) };
}

function warnOfMissingFilesystem(
  context: Context,
  { source, plan }: Stamped,
  flashSize: number,
): void {
  if (source.kind === 'drill') return;
  const version = source.kind === 'micropython' ? source.version : source.micropython?.version;
  const warnings = filesystemWarning(plan.layout.partitions, version, flashSize);
  for (const { code, message } of warnings) context.warn(code, message);
}

function resizedBootloader(
  context: Context,
  { plan, bootloader, chip }: Stamped,
): Stamped['bootloader'] {
  if (bootloader === undefined || plan.flash.size === 'keep') return bootloader;
  const before = flashSettingsOf(bootloader.bytes, chip).size;
  const resized = withFlashSize(bootloader, requireFlashSize(plan.flash.size));
  if (resized !== bootloader) {
    context.note(
      `the bootloader's header said ${before.name} of flash; it now says ${plan.flash.size}, as the profile does`,
    );
  }
  return resized;
}

/** The bootloader's header counts; without a bootloader the app's, with the profile's size. */
function settings(stamped: Stamped, bootloader: Stamped['bootloader']): LaidOut['layout']['flash'] {
  const found = flashSettingsOf(bootloader?.bytes ?? stamped.app, stamped.chip);
  const { size } = stamped.plan.flash;
  return size === 'keep' ? found : { ...found, size: requireFlashSize(size) };
}

function requireSoundTable(
  context: Context,
  { layout, partitionTableOffset }: Plan,
  flashSize: number,
): void {
  const issues = checkPartitions(layout.partitions, {
    tableOffset: partitionTableOffset,
    flashSize,
  });
  for (const issue of issues) {
    if (issue.severity === 'warning') context.warn('PARTITION_UNWISE', locate(layout, issue));
  }
  const errors = issues.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (first === undefined) return;
  const code: LayoutCode = first.code;
  const line = layout.partitions[first.rows.at(-1) ?? 0]?.line;
  throw new LayoutError(code, errors.map((issue) => locate(layout, issue)).join('\n'), {
    where: { file: layout.file, ...(line === undefined ? {} : { line }) },
    ...(code === 'FLASH_SIZE' ? { hint: FLASH_SIZE_HINT } : {}),
  });
}

function locate({ file, partitions }: Plan['layout'], { rows, message }: PartitionIssue): string {
  const lines = [...new Set(rows.map((row) => partitions[row]?.line))].filter(
    (line) => line !== undefined,
  );
  return lines.length === 0 ? `${file}: ${message}` : `${file}:${lines.join(' and ')}: ${message}`;
}

function noOtaSlots({ layout }: Plan): LayoutError {
  return new LayoutError(
    'PARTITION_INVALID',
    `${layout.file}: the layout has no OTA slots and otadata: it could never be updated`,
    {
      where: { file: layout.file },
      hint: 'An OTA layout has otadata (data, ota, 0x2000) and at least ota_0 and ota_1.',
    },
  );
}
