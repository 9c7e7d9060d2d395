import { readdir, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, sep, win32 } from 'node:path';
import { FormatError, UsageError } from '../errors/families.ts';
import { MANIFEST } from '../manifest/release-files.ts';

export const FLASHER_ARGS = 'flasher_args.json';
/** Entries of a directory that are looked into for a build directory that was meant. */
const MOST_LOOKED_INTO = 1000;

/** A build directory that files are looked up in. */
export type BuildPlace = {
  /** Its real path. */
  readonly root: string;
  /** As messages show it. */
  readonly name: string;
};

/** True for a directory that ESP-IDF has configured a build in, finished or not, and which is no release of ours. */
export async function isBuildDirectory(directory: string): Promise<boolean> {
  return (await isFile(directory, FLASHER_ARGS)) && !(await isFile(directory, MANIFEST));
}

/**
 * Opens a directory that ESP-IDF has configured a build in. Throws UsageError, with what was expected, for another one:
 * a project, or a release of ours.
 */
export async function openBuildDirectory(directory: string, name: string): Promise<BuildPlace> {
  if (await isBuildDirectory(directory)) return { root: await realpath(directory), name };
  const where = { file: name };
  if (await isFile(directory, MANIFEST)) {
    throw new UsageError('USAGE', `${name} is a release; firmware to make one of was expected`, {
      where,
      hint: 'Take the .bin or the .app-bin in it.',
    });
  }
  const below = await buildDirectoriesBelow(directory, name);
  throw new UsageError(
    'USAGE',
    `${name} is a directory without ${FLASHER_ARGS}; a finished ESP-IDF build directory was expected`,
    {
      where,
      hint:
        below.length > 0
          ? `Did you mean ${below.slice(0, 3).join(' or ')}?`
          : 'ESP-IDF writes it into the build directory (build/, in MicroPython build-BOARD/): name that, or an image.',
    },
  );
}

/**
 * The real path of a file of a build directory; undefined when it is not there. Throws FormatError for a path that leads
 * out of the directory, in words or through a symbolic link.
 */
export async function locate(
  { root, name }: BuildPlace,
  file: string,
): Promise<string | undefined> {
  if (!isPlainPath(file)) throw leadsOut(name, file, 'is not a path below it');
  let path: string;
  try {
    path = await realpath(join(root, file));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new UsageError(
      'INPUT_UNREADABLE',
      `${join(name, file)} cannot be read (${code ?? 'unknown'})`,
      { where: { file: join(name, file) }, cause: error },
    );
  }
  if (path.startsWith(root.endsWith(sep) ? root : root + sep)) return path;
  throw leadsOut(name, file, 'is a symbolic link out of it');
}

function isPlainPath(file: string): boolean {
  return (
    file !== '' &&
    // eslint-disable-next-line no-control-regex -- a NUL would be a TypeError of node's
    !/[\x00-\x1f\x7f]/.test(file) &&
    !isAbsolute(file) &&
    !win32.isAbsolute(file) &&
    !/^[A-Za-z]:/.test(file) &&
    !file.split(/[/\\]/).includes('..')
  );
}

function leadsOut(name: string, file: string, how: string): FormatError {
  return new FormatError(
    'BAD_VALUE',
    `${name} names ${JSON.stringify(file)}, which ${how}: a build directory holds all of its files`,
    { where: { file: name } },
  );
}

async function buildDirectoriesBelow(directory: string, name: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const below: string[] = [];
  for (const entry of entries.slice(0, MOST_LOOKED_INTO)) {
    if (entry.isDirectory() && (await isBuildDirectory(join(directory, entry.name))))
      below.push(join(name, entry.name));
  }
  return below.sort();
}

async function isFile(directory: string, file: string): Promise<boolean> {
  return stat(join(directory, file)).then(
    (entry) => entry.isFile(),
    () => false,
  );
}
