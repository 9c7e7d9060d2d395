import { realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { ProfileError, UsageError } from '../errors/families.ts';
import { readSubmodules, type Submodules } from './submodules.ts';
import { readMicroPythonVersion, type MicroPythonVersion } from './version.ts';

/** A MicroPython source tree that something can be built from. */
export type SourceTree = {
  readonly directory: string;
  readonly version: MicroPythonVersion;
  readonly submodules: Submodules;
  /** Paths in it that are no sources, although they lie there. */
  readonly leaveOut: readonly string[];
};

/**
 * Finds a MicroPython source tree without changing a byte of it. `cacheDirectory` may lie in it, and is no part of it.
 * Throws ProfileError when it is none, or when the submodules that the esp32 port needs were never fetched; UsageError
 * when the directory is not there.
 */
export async function openSourceTree(
  directory: string,
  cacheDirectory: string,
): Promise<SourceTree> {
  await requireDirectory(directory);
  const version = await readMicroPythonVersion(directory);
  await requireEsp32Port(directory);
  const submodules = await readSubmodules(directory);
  const { needed } = submodules;
  for (const { path, proof } of needed) {
    if (await exists(join(directory, path, proof))) continue;
    throw new ProfileError(
      'MICROPYTHON_INVALID',
      `${directory} has nothing in ${path}: its submodules were not fetched`,
      {
        where: { file: join(directory, path) },
        hint: `Run: git -C ${directory} submodule update --init ${needed.map((each) => each.path).join(' ')}`,
      },
    );
  }
  return {
    ...{ directory, version, submodules },
    leaveOut: await pathsInside(directory, cacheDirectory),
  };
}

async function requireDirectory(directory: string): Promise<void> {
  const entry = await stat(directory).catch(() => undefined);
  if (entry?.isDirectory() === true) return;
  const what = entry === undefined ? 'does not exist' : 'is not a directory';
  throw new UsageError(
    entry === undefined ? 'INPUT_MISSING' : 'INPUT_UNREADABLE',
    `${directory} ${what}; a MicroPython source tree was expected`,
    { where: { file: directory } },
  );
}

/** The path of `inner` below `directory`, where it is there. */
async function pathsInside(directory: string, inner: string): Promise<readonly string[]> {
  const [from, to] = await Promise.all(
    [directory, inner].map((path) => realpath(path).catch(() => path)),
  );
  const path = relative(from ?? '', to ?? '');
  return path === '' || path.startsWith('..') ? [] : [path.split(sep).join('/')];
}

async function requireEsp32Port(directory: string): Promise<void> {
  const file = join(directory, 'ports', 'esp32', 'CMakeLists.txt');
  if (await exists(file)) return;
  throw new ProfileError('MICROPYTHON_INVALID', `${directory} has no ports/esp32/CMakeLists.txt`, {
    where: { file },
    hint: 'Name the top directory of a MicroPython checkout, the one with py/ and ports/ in it.',
  });
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
