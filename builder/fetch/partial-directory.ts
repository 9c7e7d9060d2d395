import { randomBytes } from 'node:crypto';
import { lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeDirectories } from '../files/make-directories.ts';
import { describeWriteFailure } from '../files/write-failure.ts';

/** Directories of this process: several fetches in one must not take each other's for left behind. */
const ours = new Set<string>();

/** A directory beside the final one that a release arrives in. Until it is renamed, nobody takes it for a release. */
export type PartialDirectory = {
  readonly path: string;
  /** True when it holds what an earlier run had received. */
  readonly isResumed: boolean;
  /** Makes sure that everything in it is on the disk, and renames it. False when something is there already. */
  readonly place: () => Promise<boolean>;
  /** Leaves it for the next run, which takes it over. */
  readonly leave: () => void;
  readonly discard: () => Promise<void>;
};

/**
 * Takes over what an ended run has left of the same release, or makes an empty directory, with the parents that are missing.
 * Taking over is one rename, which only one of several runs can do. Throws UsageError when the file system refuses.
 */
export async function openPartialDirectory(final: string): Promise<PartialDirectory> {
  const parent = dirname(final);
  const path = join(
    parent,
    `.${basename(final)}.${process.pid}-${randomBytes(6).toString('hex')}.fetch`,
  );
  ours.add(path);
  try {
    await makeDirectories(parent);
    const isResumed = await takeOver(final, path);
    if (!isResumed) await mkdir(path);
    return {
      path,
      isResumed,
      place: () => place(path, final),
      leave: () => void ours.delete(path),
      discard: async () => {
        ours.delete(path);
        await rm(path, { recursive: true, force: true });
      },
    };
  } catch (error) {
    ours.delete(path);
    throw describeWriteFailure(error, parent);
  }
}

async function takeOver(final: string, path: string): Promise<boolean> {
  const parent = dirname(final);
  const prefix = `.${basename(final)}.`;
  let taken = false;
  for (const name of await readdir(parent)) {
    const left = join(parent, name);
    const owner = name.startsWith(prefix)
      ? /^(\d+)-[0-9a-f]{12}\.fetch$/.exec(name.slice(prefix.length))?.[1]
      : undefined;
    if (owner === undefined || ours.has(left) || isAlive(Number(owner))) continue;
    const entry = await lstat(left).catch(() => undefined);
    if (!taken && entry?.isDirectory() === true) {
      taken = await rename(left, path).then(
        () => true,
        // Another run was faster.
        () => false,
      );
    } else await rm(left, { recursive: true, force: true });
  }
  return taken;
}

/** In a container every run may have the same number: one that is ours, of a directory that is not, has ended. */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

async function place(path: string, final: string): Promise<boolean> {
  const names = await readdir(path);
  // All at once: a file system then writes its journal once for all of them.
  await Promise.all(names.map((name) => sync(join(path, name))));
  await sync(path);
  try {
    // Never replaces a release: a directory that is not empty cannot be renamed over.
    await rename(path, final);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR') return false;
    throw describeWriteFailure(error, final);
  }
  ours.delete(path);
  await sync(dirname(final));
  return true;
}

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
