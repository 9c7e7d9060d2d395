import { mkdir, readdir, realpath, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { UsageError } from '../errors/families.ts';

/**
 * Where fetched sources and finished builds are kept: OTA_BUILD_CACHE, else ota-build in XDG_CACHE_HOME or ~/.cache (XDG
 * Base Directory Specification). All of it can be deleted at any time.
 */
export function cacheDirectory(environment: Readonly<Record<string, string | undefined>>): string {
  const named = environment['OTA_BUILD_CACHE'];
  if (named !== undefined && named !== '') return resolve(named);
  const base = environment['XDG_CACHE_HOME'] ?? '';
  const home = environment['HOME'] ?? homedir();
  // A relative path in it counts as not set.
  return join(isAbsolute(base) ? base : join(home, '.cache'), 'ota-build');
}

/** Makes a directory of the cache; returns its path without links. Throws UsageError when it cannot be written. */
export async function makeCacheDirectory(path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true });
    return await realpath(path);
  } catch (error) {
    throw describeCacheFailure(error, path);
  }
}

/** Turns a file system's refusal into a sentence that says what to do about the cache. */
export function describeCacheFailure(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined || !/^(EACCES|EPERM|EROFS|ENOSPC|EDQUOT|ENOTDIR|EEXIST|ELOOP)$/.test(code))
    return error;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return new UsageError(
    isFull ? 'DISK_FULL' : 'OUTPUT_DENIED',
    `the cache ${path} cannot be written: ${isFull ? 'the disk is full' : code}`,
    {
      where: { file: path },
      hint: 'Set OTA_BUILD_CACHE to a directory that you may write to, with some 500 MB free.',
      cause: error,
    },
  );
}

const DAY_MS = 24 * 60 * 60_000;

/** Removes what killed runs left behind: entries with such names that nobody has touched for a day. */
export async function clearOld(directory: string, names: RegExp, ageMs = DAY_MS): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    if (!names.test(name)) continue;
    const path = join(directory, name);
    const entry = await stat(path).catch(() => undefined);
    if (entry === undefined || Date.now() - entry.mtimeMs < ageMs) continue;
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}
