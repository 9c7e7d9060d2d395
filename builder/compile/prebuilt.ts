import type { Chip } from '../chip/chip.ts';
import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import {
  APP_DESC_OFFSET,
  APP_DESC_SIZE,
  DRILL_IDF_VERSION,
  parseAppDescription,
} from '../format/app-desc.ts';
import type { Warning } from '../pipeline/context.ts';
import type { FilePlan } from '../plan/plan.ts';
import type { FirmwareParts, PrebuiltFacts } from './compiled.ts';
import { detectFirmware, isAppAt } from './firmware-input.ts';
import { splitFlashImage } from './flash-image.ts';
import { readImageFile } from './image-file.ts';
import { findMicroPythonBanner, rollbackSupport } from './micropython-banner.ts';
import { describeMicroPython, requireChip, requireTableOffset } from './match-plan.ts';
import { namingFile } from './name-format-error.ts';
import { rollbackWarning } from './rollback-warning.ts';

/** A finished firmware file taken apart, with what its user has to be told. */
export type Prebuilt = FirmwareParts & { readonly source: PrebuiltFacts };

/**
 * Takes the app, and the bootloader where there is one, out of a finished firmware file. Says what the file is and what
 * of it a release leaves behind. Throws FormatError for damaged or foreign files, ProfileError for another chip's
 * firmware, LayoutError when its bootloader looks for the partition table elsewhere than the profile puts it.
 */
export function readPrebuilt(bytes: Buffer, plan: FilePlan, chip: Chip): Prebuilt {
  const name = plan.source.file;
  return namingFile(name, () => {
    const input = detectFirmware(bytes, name);
    requireChip(input.chip, chip, { name, board: plan.board });
    const parts =
      input.kind === 'app'
        ? readApp(bytes, plan, chip)
        : readFlashImage(bytes, plan, { ...input, chip });
    // The manifest carries warnings: they name the file, not where it lay on this machine.
    const warnings = parts.warnings.map(({ code, message }) => ({
      code,
      message: message.replaceAll(name, parts.source.file),
    }));
    return { ...parts, warnings };
  });
}

function readApp(bytes: Buffer, plan: FilePlan, chip: Chip): Prebuilt {
  const name = plan.source.file;
  const { image, wasSigned } = readImageFile(bytes, name);
  const app = bytes.subarray(0, image.length);
  const source = sourceFacts(app, plan, 'app');
  return {
    app,
    source,
    notes: [
      `${name} is an app alone for ${chip.title}${describeMicroPython(source.micropython)}`,
      ...(wasSigned ? ['its signature is removed: stamping would void it'] : []),
    ],
    warnings: [
      {
        code: 'NO_BOOTLOADER',
        message: `${name} has no bootloader: the release has no full-flash image and cannot set up an empty device`,
      },
      ...(source.micropython === undefined ? [notMicroPythonWarning(name)] : []),
    ],
  };
}

function readFlashImage(
  bytes: Buffer,
  plan: FilePlan,
  input: {
    readonly start: number;
    readonly convention: 'bootloader-first' | 'merged';
    readonly chip: Chip;
  },
): Prebuilt {
  const name = plan.source.file;
  const { start, convention, chip } = input;
  const parts = splitFlashImage({ bytes, start, chip, name });
  const { partition } = parts.app;
  requireAppInSlot(parts.app.bytes, partition.name, name);
  requireTableOffset(parts.tableOffset, plan, name);
  const source: PrebuiltFacts = {
    ...sourceFacts(parts.app.bytes, plan, convention),
    partition: partition.name,
  };
  const { headerRewritten, ...bootloader } = parts.bootloader;
  const what =
    convention === 'merged'
      ? 'a merged image that starts at flash offset 0x0'
      : `a firmware image that starts at the bootloader (${hex(start)})`;
  return {
    app: parts.app.bytes,
    bootloader,
    source: { ...source, bootloaderRollback: rollbackSupport(source.micropython?.version) },
    notes: [
      `${name} is ${what} for ${chip.title}${describeMicroPython(source.micropython)}; its app is in '${partition.name}'`,
      ...(parts.app.signed
        ? ['its app is signed; that signature is removed: stamping would void it']
        : []),
    ],
    warnings: [
      ...(headerRewritten ? [rewrittenHeaderWarning(name)] : []),
      ...rollbackWarning(source.micropython?.version),
      ...parts.filledData.map(({ name: data }) => ({
        code: 'DATA_LEFT_OUT',
        message: `the data in partition '${data}' of ${name} is not carried over`,
      })),
    ],
  };
}

function rewrittenHeaderWarning(name: string): Warning {
  const message =
    `a flasher changed flash settings in the bootloader of ${name} and left its SHA-256 as it was; ` +
    'the release has it made right';
  return { code: 'HEADER_REWRITTEN', message };
}

function notMicroPythonWarning(name: string): Warning {
  return {
    code: 'NO_BANNER',
    message: `${name} does not say that it is MicroPython: no such banner was found`,
  };
}

/** Repackaged it would pass for an everyday release. */
function requireNoDrill(idfVersion: string, name: string): void {
  if (idfVersion !== DRILL_IDF_VERSION) return;
  throw new FormatError(
    'WRONG_KIND',
    `${name} is the rollback drill, which is meant to fail on the device: it is not repackaged`,
    { where: { file: name }, hint: 'Make a release of it with --firmware drill.' },
  );
}

function requireAppInSlot(app: Buffer, partition: string, name: string): void {
  if (isAppAt(app, 0)) return;
  throw new FormatError(
    'WRONG_KIND',
    `${name}: partition '${partition}' holds an image without an app description: a bootloader or full-flash image ` +
      'that was written where an app belongs, or an app from before ESP-IDF had descriptions',
    { where: { file: name } },
  );
}

function sourceFacts(
  app: Buffer,
  plan: FilePlan,
  container: PrebuiltFacts['container'],
): PrebuiltFacts {
  const description = parseAppDescription(
    app.subarray(APP_DESC_OFFSET, APP_DESC_OFFSET + APP_DESC_SIZE),
    APP_DESC_OFFSET,
  );
  requireNoDrill(description.idfVersion, plan.source.file);
  const micropython = findMicroPythonBanner(app);
  return {
    kind: 'prebuilt',
    file: plan.source.file.replace(/^.*[/\\]/, ''),
    sha256: plan.source.sha256,
    container,
    idfVersion: description.idfVersion,
    ...(micropython === undefined ? {} : { micropython }),
  };
}
