import { createHash } from 'node:crypto';
import { readlink, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { ProfileError, UsageError } from '../errors/families.ts';
import { hashInput } from '../files/read-input.ts';
import { gitFacts } from './git-facts.ts';
import { readSubmodules, type Submodules } from './submodules.ts';
import { isSource, listSources } from './sources.ts';
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
  const tree = { directory, version, submodules, leaveOut };
  const git = await gitFacts(directory, submodules, leaveOut);
  if (git === undefined) {
    const described = micropythonTag(version);
    const fingerprint = await hashTree(directory, submodules, leaveOut);
    return { ...tree, described, dirty: false, committedAt: UNDATED, fingerprint };
  }
  const { commit, committedAt, described, dirty, fingerprint } = git;
  return {
    ...tree,
    described: `${described}${dirty ? '-dirty' : ''}`,
    commit,
    dirty,
    committedAt,
    fingerprint,
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

async function hashTree(
  directory: string,
  submodules: Submodules,
  leaveOut: readonly string[],
): Promise<string> {
  const hash = createHash('sha256');
  for (const { path, kind } of await listSources(directory, submodules, leaveOut)) {
    // What a build of the host tool left there decides nothing.
    if (kind === 'directory' || !isSource(path, leaveOut)) continue;
    const place = join(directory, path);
    const content =
      kind === 'link' ? await readlink(place) : (await hashInput(place, 'a source file')).sha256;
    hash.update(`${path}\0${content}\0`);
  }
  return hash.digest('hex');
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
