import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Chip } from '../chip/chip.ts';
import { FormatError, ProfileError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { readFlasherArgs, type BuildFile, type BuildRole } from '../esp-idf/build-files.ts';
import { readInput } from '../files/read-input.ts';
import { chipOfImageAt, isAppAt } from './firmware-input.ts';
import type { ReleaseExtra } from './compiled.ts';
import { splitFlashImage, type FlashImageParts } from './flash-image.ts';

/** Parts of a finished ESP-IDF build, taken apart and checked. */
export type IdfBuild = {
  readonly app: FlashImageParts['app'];
  readonly bootloader?: FlashImageParts['bootloader'];
  /** Where bootloader and app look for the partition table; undefined when the build does not say. */
  readonly tableOffset?: number;
  readonly sdkconfig?: string;
  /** What goes into the release beside the images. */
  readonly extras: readonly ReleaseExtra[];
};

export type IdfBuildRequest = {
  readonly directory: string;
  readonly files: readonly BuildFile[];
  readonly chip: Chip;
  /** The directory as messages show it. */
  readonly name: string;
};

const EXTRAS = ['sdkconfig', 'elf', 'map'] as const;

/**
 * Reads a finished build directory. Its parts are put together as they lie in flash and then taken apart by the same
 * code, and with the same checks, as any full-flash image. Throws FormatError, UsageError, or ProfileError for another
 * chip's build and for files that changed since they were planned.
 */
export async function readIdfBuild(request: IdfBuildRequest): Promise<IdfBuild> {
  const { directory, chip, name } = request;
  const args = await readFlasherArgs(directory);
  if (args.chip !== chip.name) {
    throw new ProfileError(
      'BOARD_MISMATCH',
      `${name} was built for ${args.chip}, not for ${chip.name}`,
      {
        where: { file: directory },
      },
    );
  }
  const bytes = await readFiles(request);
  const app = bytes.get('app') ?? Buffer.alloc(0);
  requireApp(app, join(name, args.app.file), chip);
  const extras = EXTRAS.flatMap((role) => {
    const contents = bytes.get(role);
    return contents === undefined ? [] : [{ role, bytes: contents }];
  });
  const sdkconfig = bytes.get('sdkconfig')?.toString();
  const [bootloader, table] = [bytes.get('bootloader'), bytes.get('partition-table')];
  const common = { extras, ...(sdkconfig === undefined ? {} : { sdkconfig }) };
  if (bootloader === undefined || table === undefined || args.partitionTable === undefined) {
    throw new FormatError(
      'WRONG_KIND',
      `${name} has no ${bootloader === undefined ? 'bootloader' : 'partition table'}: it is not a whole build`,
      {
        where: { file: directory },
        hint: 'Run idf.py build; or name the app alone (the .bin) to repackage only that.',
      },
    );
  }
  const start = chip.bootloaderOffset;
  const flash = Buffer.alloc(args.app.offset + app.length - start, 0xff);
  bootloader.copy(flash, 0);
  requireRoom(bootloader, start, args.partitionTable.offset, name);
  table.copy(flash, args.partitionTable.offset - start);
  app.copy(flash, args.app.offset - start);
  const parts = splitFlashImage({ bytes: flash, start, chip, name });
  const { tableOffset } = parts;
  return { app: parts.app, bootloader: parts.bootloader, tableOffset, ...common };
}

async function readFiles({
  directory,
  files,
}: IdfBuildRequest): Promise<ReadonlyMap<BuildRole, Buffer>> {
  const bytes = new Map<BuildRole, Buffer>();
  for (const { role, file, sha256 } of files) {
    const path = join(directory, file);
    const contents = await readInput(path, `the ${role} of a build`);
    if (createHash('sha256').update(contents).digest('hex') !== sha256) {
      throw new ProfileError('SOURCE_CHANGED', `${path} is not the file that was planned`, {
        where: { file: path },
        hint: 'Plan again, when the build is over.',
      });
    }
    bytes.set(role, contents);
  }
  return bytes;
}

function requireApp(app: Buffer, name: string, chip: Chip): void {
  const found = chipOfImageAt(app, 0, name);
  if (!isAppAt(app, 0))
    throw new FormatError('WRONG_KIND', `${name} is not an app: it has no app description`, {
      where: { file: name },
    });
  if (found.chipId === chip.chipId) return;
  throw new ProfileError(
    'BOARD_MISMATCH',
    `${name} is an app for ${found.title}, not for ${chip.title}`,
    {
      where: { file: name },
    },
  );
}

function requireRoom(bootloader: Buffer, start: number, tableOffset: number, name: string): void {
  if (start + bootloader.length <= tableOffset) return;
  throw new FormatError(
    'TOO_LARGE',
    `the bootloader of ${name} ends at ${hex(start + bootloader.length)}, behind the start of its partition table (${hex(tableOffset)})`,
    { where: { file: name } },
  );
}
