import { realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { ProfileError, UsageError } from '../errors/families.ts';
import { fingerprintOf } from './fingerprint.ts';
import { gitFacts } from './git-facts.ts';
import { readSubmodules, type Submodules } from './submodules.ts';
import { micropythonTag, readMicroPythonVersion, type MicroPythonVersion } from './version.ts';

/** A MicroPython source tree that something can be built from. */
export type Checkout = {
  readonly directory: string;
  readonly version: MicroPythonVersion;
  /** What MicroPython shall say of itself: `v1.28.0`, `v1.28.0-3-g0123456789-dirty`. */
  readonly described: string;
  /** Absent for sources that are in no git repository. */
  readonly commit?: string;
  readonly dirty: boolean;
  /** In seconds since 1970; for sources that no git dates, the first day of 1980. */
  readonly committedAt: number;
  /** SHA-256: equal for equal sources. */
  readonly fingerprint: string;
  /** A link in it leads to a directory elsewhere: the fingerprint says nothing of what is there. */
  readonly readsElsewhere: boolean;
  readonly submodules: Submodules;
  /** Paths in it that are no sources, although they lie there. */
  readonly leaveOut: readonly string[];
};

/** 1980-01-01, the earliest date that a zip file can hold. */
const UNDATED = 315_532_800;

/**
 * Looks at a MicroPython source tree without changing a byte of it. `cacheDirectory` may lie in it, and is no part of it.
 * Throws ProfileError when it is none, or when the submodules that the esp32 port needs were never fetched; UsageError
 * when the directory is not there.
 */
export async function openCheckout(directory: string, cacheDirectory: string): Promise<Checkout> {
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
  const leaveOut = await pathsInside(directory, cacheDirectory);
  const [git, content] = await Promise.all([
    gitFacts(directory, submodules, leaveOut),
    fingerprintOf(directory, submodules, leaveOut),
  ]);
  const tree = { directory, version, submodules, leaveOut, ...content };
  if (git === undefined)
    return { ...tree, described: micropythonTag(version), dirty: false, committedAt: UNDATED };
  const { commit, committedAt, described, dirty } = git;
  return {
    ...tree,
    described: `${described}${dirty ? '-dirty' : ''}`,
    commit,
    dirty,
    committedAt,
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
