import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, renameSync } from 'node:fs';
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../errors/families.ts';
import { makeDirectories } from './make-directories.ts';
import { syncDirectory } from './sync-directory.ts';
import { describeWriteFailure } from './write-failure.ts';

/** A directory that is filled aside and becomes visible whole, or never. */
export type StagingDirectory = {
  readonly path: string;
  /** Moves it into place. Throws UsageError when something is there already and `force` was not given. */
  readonly publish: () => Promise<void>;
  /** Removes it; does nothing once it is published. */
  readonly discard: () => Promise<void>;
};

/** Throws UsageError when `target` exists and may not be replaced. */
export function requireFree(target: string, force: boolean): void {
  if (!existsSync(target)) return;
  if (force && isReplaceable(target)) return;
  if (force) {
    throw new UsageError(
      'OUTPUT_EXISTS',
      `${target} is not a release, and was kept: --force replaces releases only`,
      {
        where: { file: target },
        hint: 'Move it away, or use --out to write elsewhere.',
      },
    );
  }
  throw new UsageError('OUTPUT_EXISTS', `${target} exists already and was kept`, {
    where: { file: target },
    hint: 'Use --force to replace it, or --out to write elsewhere.',
  });
}

/** A release has a manifest; an empty directory holds nothing that could be lost. */
function isReplaceable(target: string): boolean {
  try {
    const names = readdirSync(target);
    return names.length === 0 || names.includes('manifest.json');
  } catch {
    return false;
  }
}

/**
 * Makes an empty directory beside `target` (same file system, so that the final rename is atomic), and the parents
 * that are missing. Left-overs that a killed run made for the same target are cleared first.
 * Throws UsageError when the file system refuses.
 */
export async function createStagingDirectory(
  target: string,
  force: boolean,
): Promise<StagingDirectory> {
  const parent = dirname(target);
  const prefix = `.${basename(target)}.`;
  let path: string;
  let createdParent: string | undefined;
  try {
    createdParent = await makeDirectories(parent);
    await clearLeftovers(target, parent, prefix);
    path = join(parent, `${prefix}${process.pid}-${randomBytes(6).toString('hex')}.partial`);
    await mkdir(path);
  } catch (error) {
    if (createdParent !== undefined) await removeEmptyParents(parent, createdParent);
    throw describeWriteFailure(error, parent);
  }
  let published = false;
  return {
    path,
    publish: async () => {
      await syncDirectory(path);
      requireFree(target, force);
      try {
        if (force) replaceDirectory(path, target, `${prefix}${randomBytes(6).toString('hex')}.old`);
        // A bare rename never replaces a release that another run has just put there.
        else renameSync(path, target);
      } catch (error) {
        requireFree(target, force);
        throw describeWriteFailure(error, target);
      }
      published = true;
      await syncDirectory(parent);
      // The new release is in place: what cannot be cleared now is cleared next time.
      await clearLeftovers(target, parent, prefix).catch(() => undefined);
    },
    discard: async () => {
      if (published) return;
      await rm(path, { recursive: true, force: true });
      if (createdParent !== undefined) await removeEmptyParents(parent, createdParent);
    },
  };
}

/** Two renames with nothing between them that could be interrupted but by a crash; `clearLeftovers` mends that. */
function replaceDirectory(path: string, target: string, oldName: string): void {
  if (!existsSync(target)) {
    renameSync(path, target);
    return;
  }
  const old = join(dirname(target), oldName);
  renameSync(target, old);
  try {
    renameSync(path, target);
  } catch (error) {
    renameSync(old, target);
    throw error;
  }
}

/** Puts back an old release that a crash left between the two renames, then removes what no living process owns. */
async function clearLeftovers(target: string, parent: string, prefix: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix)) continue;
    const leftover = join(parent, name);
    // Exactly our own endings: what belongs to `X-1.2.3` starts like what belongs to `X-1.2`.
    const ending = name.slice(prefix.length);
    if (/^[0-9a-f]{12}\.old$/.test(ending)) {
      if (existsSync(target)) await rm(leftover, { recursive: true, force: true });
      else renameSync(leftover, target);
      continue;
    }
    const owner = /^(\d+)-[0-9a-f]{12}\.partial$/.exec(ending)?.[1];
    if (owner !== undefined && !isAlive(Number(owner)))
      await rm(leftover, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Removes the directories that `mkdir` made for us, from the innermost outwards, while they are empty. */
async function removeEmptyParents(innermost: string, outermost: string): Promise<void> {
  for (let path = innermost; path.startsWith(outermost); path = dirname(path)) {
    const entries = await readdir(path).catch(() => ['unreadable']);
    if (entries.length > 0) return;
    await rmdir(path).catch(() => undefined);
  }
}
