import { mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Clocks of two machines do not differ by this: what is older is stale at once. */
const SURELY_STALE_MS = 60 * 60_000;

/** A time stamp that was seen, and since when it has not changed by our own clock. */
type Seen = { mtimeMs?: number; since?: number };

/** What a waiting publisher has seen of a lock. */
export type Watch = { readonly lock: Seen; readonly guard: Seen };

/**
 * Removes the lock of a publisher that seems to have died. Whether it did is told by watching: a time stamp that has not
 * changed for `staleMs`, as clocks of two machines differ. Only one publisher at a time removes it, or the second would remove
 * the lock that the first has just made. Throws ELOCKED when it has to stay.
 */
export async function takeOverLock(path: string, watch: Watch, staleMs: number): Promise<void> {
  const mtimeMs = await modified(path);
  if (mtimeMs === undefined) return;
  if (!hasBeenStill(watch.lock, mtimeMs, staleMs)) throw locked();
  const guard = `${path}.takeover`;
  if (!(await takeGuard(guard, watch.guard, staleMs))) throw locked();
  try {
    if ((await modified(path)) !== mtimeMs) throw locked();
    for (const owner of await readdir(path))
      await rm(join(path, owner), { recursive: true, force: true });
    await rmdir(path);
  } catch (error) {
    // Another has removed it since.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  } finally {
    await rmdir(guard).catch(() => undefined);
  }
}

/** Takes down how a lock looks now. To be called again and again while waiting for it. */
export async function watchLock(path: string, watch: Watch): Promise<void> {
  const mtimeMs = await modified(path);
  if (mtimeMs !== undefined) hasBeenStill(watch.lock, mtimeMs, 0);
}

/** False while another takes over. Who was killed in these moments leaves the guard, which is then watched as the lock is. */
async function takeGuard(guard: string, seen: Seen, staleMs: number): Promise<boolean> {
  try {
    await mkdir(guard);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const mtimeMs = await modified(guard);
    if (mtimeMs !== undefined && hasBeenStill(seen, mtimeMs, staleMs))
      await rmdir(guard).catch(() => undefined);
    return false;
  }
}

/** True when a time stamp is ancient, or has not changed for `staleMs` since it was `seen` first. */
function hasBeenStill(seen: Seen, mtimeMs: number, staleMs: number): boolean {
  const now = performance.now();
  if (seen.mtimeMs !== mtimeMs) {
    seen.mtimeMs = mtimeMs;
    seen.since = now;
  }
  return Date.now() - mtimeMs > SURELY_STALE_MS || now - (seen.since ?? now) > staleMs;
}

async function modified(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function locked(): Error {
  return Object.assign(new Error('the lock is held'), { code: 'ELOCKED' });
}
