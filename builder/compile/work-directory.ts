import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describeCacheFailure, makeCacheDirectory } from '../files/cache-directory.ts';
import { hasProcesses } from '../process/processes-in.ts';

/** A directory that one build has for itself. */
export type WorkDirectory = {
  /** Without links: compilers and we call its files the same. */
  readonly path: string;
  readonly remove: () => Promise<void>;
};

/** That many builds of the same thing at once is a mistake somewhere else. */
const MOST = 64;

/** A lock of another machine (a shared home) says nothing of its process: it is believed that long. */
const FOREIGN_LOCK_MS = 24 * 60 * 60_000;

const LOCK = '.lock';

const REMOVE = { recursive: true, force: true, maxRetries: 5, retryDelay: 100 } as const;

/**
 * Makes an empty directory for a build. The same `name` gets the same path every time, unless another build is in it
 * right now: compiler caches recognise sources by their path. Throws UsageError when the cache cannot be written.
 */
export async function createWorkDirectory(
  cacheDirectory: string,
  name: string,
): Promise<WorkDirectory> {
  const root = await makeCacheDirectory(join(cacheDirectory, 'work'));
  const key = createHash('sha256').update(name).digest('hex').slice(0, 12);
  await clearAbandoned(root);
  for (let number = 0; number < MOST; number++) {
    const path = join(root, number === 0 ? key : `${key}-${number}`);
    try {
      if (await take(path)) return { path, remove: () => release(path) };
    } catch (error) {
      throw describeCacheFailure(error, root);
    }
  }
  throw new Error(`${MOST} builds are at work in ${root}`);
}

/** Takes a path for us and empties it; false when another build has it. */
async function take(path: string): Promise<boolean> {
  if (!(await takeLock(`${path}${LOCK}`))) return false;
  try {
    // What a killed build left there.
    await rm(path, REMOVE);
    await mkdir(path);
    return true;
  } catch (error) {
    await rm(`${path}${LOCK}`, { force: true });
    // Programs of a killed build may still be writing there.
    if (/^(ENOTEMPTY|EEXIST|EBUSY)$/.test((error as NodeJS.ErrnoException).code ?? ''))
      return false;
    throw error;
  }
}

async function release(path: string): Promise<void> {
  await rm(path, REMOVE);
  await rm(`${path}${LOCK}`, { force: true });
}

/** A lock appears with its owner in it: one that is empty for a moment would look abandoned. */
async function takeLock(lock: string): Promise<boolean> {
  const own = `${lock}.${randomBytes(6).toString('hex')}`;
  await writeFile(own, `${process.pid} ${hostname()}`);
  try {
    for (let attempt = 0; attempt < 2; attempt++) {
      if (await linked(own, lock)) return true;
      const owner = await readLock(lock);
      if (owner !== undefined && (await isHeld(lock, owner))) return false;
      // A driver that was killed outright leaves compilers that go on writing where they were told to.
      if (await hasProcesses(lock.slice(0, -LOCK.length))) return false;
      await breakLock(lock, owner);
    }
    return false;
  } finally {
    await rm(own, { force: true });
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Another build may have broken the same lock and taken a new one meanwhile: that one is given back. */
async function breakLock(lock: string, owner: string | undefined): Promise<void> {
  const aside = `${lock}.${randomBytes(6).toString('hex')}`;
  await rename(lock, aside).catch(() => undefined);
  if ((await readLock(aside)) !== owner) await linked(aside, lock).catch(() => false);
  await rm(aside, { force: true });
}

function readLock(lock: string): Promise<string | undefined> {
  return readFile(lock, 'utf8').catch(() => undefined);
}

async function isHeld(lock: string, owner: string): Promise<boolean> {
  const [, pid = '', host = ''] = /^(\d+) (.*)$/.exec(owner) ?? [];
  if (pid === '') return false;
  if (host !== hostname()) {
    const entry = await stat(lock).catch(() => undefined);
    return entry !== undefined && Date.now() - entry.mtimeMs < FOREIGN_LOCK_MS;
  }
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Trees of killed builds are some hundred megabytes each, and nobody may ever build the same again. */
async function clearAbandoned(root: string): Promise<void> {
  for (const name of await readdir(root).catch(() => [])) {
    const path = /^([0-9a-f]{12}(?:-\d+)?)\.lock$/.exec(name)?.[1];
    if (path === undefined) continue;
    const lock = join(root, name);
    const owner = await readLock(lock);
    if (owner === undefined || (await isHeld(lock, owner))) continue;
    if (!(await take(join(root, path)).catch(() => false))) continue;
    await release(join(root, path)).catch(() => undefined);
  }
}
