import { realpath } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { FormatError, UsageError } from '../errors/families.ts';
import { hashInput, readInput } from '../files/read-input.ts';
import { parseFlasherArgs, type FlasherArgs } from './flasher-args.ts';

/** The file that makes a directory an ESP-IDF build directory. */
export const FLASHER_ARGS_FILE = 'flasher_args.json';

/** Where ESP-IDF puts the bootloader, also when it does not flash it. */
const BOOTLOADER_FILE = 'bootloader/bootloader.bin';
const TEXT_LIMIT = 4 * 1024 * 1024;

/** What a file of a build directory is to a release. */
export type BuildRole = 'app' | 'bootloader' | 'partition-table' | 'sdkconfig' | 'elf' | 'map';

export type BuildFile = {
  readonly role: BuildRole;
  /** Relative to the build directory. */
  readonly file: string;
  readonly size: number;
  readonly sha256: string;
};

/** Reads what a build directory says of itself. Throws UsageError for a directory that is none. */
export async function readFlasherArgs(directory: string): Promise<FlasherArgs> {
  const path = join(directory, FLASHER_ARGS_FILE);
  const bytes = await readInput(path, 'what ESP-IDF wants flashed', TEXT_LIMIT).catch(
    (error: unknown) => {
      if (!(error instanceof UsageError) || error.code !== 'INPUT_MISSING') throw error;
      throw new UsageError(
        'INPUT_MISSING',
        `${directory} is not an ESP-IDF build directory: it has no ${FLASHER_ARGS_FILE}`,
        {
          where: { file: directory },
          hint: 'Name the directory that idf.py builds in (build-ESP32_GENERIC or the like), after a build that went through.',
          cause: error,
        },
      );
    },
  );
  return parseFlasherArgs(bytes.toString(), path);
}

/**
 * The files of a finished build that a release is made of, with sizes and SHA-256. The app has to be there; ELF, map and
 * sdkconfig may be missing. Throws UsageError or FormatError.
 */
export async function listBuildFiles(directory: string): Promise<readonly BuildFile[]> {
  const args = await readFlasherArgs(directory);
  const elf = args.app.file.replace(/\.bin$/, '.elf');
  const wanted: readonly (readonly [BuildRole, string, boolean])[] = [
    ['app', args.app.file, true],
    ['bootloader', args.bootloader?.file ?? BOOTLOADER_FILE, args.bootloader !== undefined],
    ...(args.partitionTable === undefined
      ? []
      : [['partition-table', args.partitionTable.file, true] as const]),
    ['sdkconfig', 'sdkconfig', false],
    ['elf', elf, false],
    ['map', elf.replace(/\.elf$/, '.map'), false],
  ];
  const files: BuildFile[] = [];
  for (const [role, file, isNeeded] of wanted) {
    const path = join(directory, file);
    try {
      await requireInside(directory, path);
      files.push({ role, file, ...(await hashInput(path, `the ${role} of a build`)) });
    } catch (error) {
      const isMissing =
        (error instanceof UsageError && error.code === 'INPUT_MISSING') ||
        (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (!isMissing) throw error;
      if (isNeeded) throw unfinished(directory, file, error);
    }
  }
  return files;
}

/** A link can lead out of the directory just as a path can. */
async function requireInside(directory: string, path: string): Promise<void> {
  const inside = relative(await realpath(directory), await realpath(path));
  if (!inside.startsWith('..')) return;
  throw new FormatError('BAD_VALUE', `${path} is a link out of the build directory`, {
    where: { file: path },
  });
}

function unfinished(directory: string, file: string, cause: unknown): UsageError {
  return new UsageError(
    'INPUT_MISSING',
    `${directory} holds no finished build: ${file} is not there, though ${FLASHER_ARGS_FILE} names it`,
    { where: { file: join(directory, file) }, hint: 'Run idf.py build to its end.', cause },
  );
}
