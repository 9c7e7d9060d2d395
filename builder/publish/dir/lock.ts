import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lock } from 'proper-lockfile';
import { PublishError } from '../../errors/families.ts';
import { takeOverLock, watchLock, type Watch } from './stale-lock.ts';

/** Name of the lock, a directory, in the directory that it guards. */
export const LOCK = '.publish.lock';

/** A holder that has not shown for this long may be dead: it shows every `UPDATE_MS`. */
const STALE_MS = 12_000;
const UPDATE_MS = 3_000;
const LONGEST_WAIT_MS = 10 * 60_000;
const SAY_SO_AFTER_MS = 3_000;

export type LockOptions = {
  readonly signal: AbortSignal;
  readonly note: (message: string) => void;
  /** How long others are waited for, in milliseconds. */
  readonly waitMs?: number;
};

/** The right to change a directory, for as long as nobody thinks that we died. */
export type HeldLock = {
  /** Throws PublishError (TARGET_BUSY) when the lock is not ours any more: to be asked right before each change that counts. */
  readonly requireHeld: () => Promise<void>;
  readonly release: () => Promise<void>;
};

/**
 * Waits for the lock of a directory and takes it. In the lock lies a file with the name of its holder, so that a holder that
 * slept too long finds out that it lost it, and never removes the lock of another. Throws PublishError (TARGET_BUSY) when
 * others hold it for too long, and what the file system throws.
 */
export async function takeLock(directory: string, options: LockOptions): Promise<HeldLock> {
  const { signal, note, waitMs = LONGEST_WAIT_MS } = options;
  const path = join(directory, LOCK);
  const watch: Watch = { lock: {}, guard: {} };
  const start = Date.now();
  let said = false;
  for (;;) {
    signal.throwIfAborted();
    const held = await tryLock(directory, path, watch);
    if (held !== undefined) return held;
    await watchLock(path, watch);
    const waited = Date.now() - start;
    if (waited > waitMs) throw await busy(path);
    if (!said && waited > SAY_SO_AFTER_MS) {
      said = true;
      note(`waiting for ${await holderOf(path)}, who publishes there`);
    }
    await sleep(20 + Math.random() * 100);
  }
}

async function tryLock(
  directory: string,
  path: string,
  watch: Watch,
): Promise<HeldLock | undefined> {
  const owner = join(path, `${process.pid}@${hostname()}-${randomBytes(6).toString('hex')}`);
  const state = { held: false, lost: false };
  try {
    const unlock = await lock(directory, {
      lockfilePath: path,
      realpath: false,
      stale: STALE_MS,
      update: UPDATE_MS,
      onCompromised: () => {
        state.lost = true;
      },
      fs: {
        ...fs,
        mkdir: (_: string, done: Done) => {
          makeLock(path, owner, done);
        },
        rmdir: (_: string, done: Done) => {
          if (state.held) removeOwnLock(path, owner, done);
          else
            takeOverLock(path, watch, STALE_MS).then(() => {
              done(null);
            }, done);
        },
        rmdirSync: () => {
          fs.unlinkSync(owner);
          fs.rmdirSync(path);
        },
      },
    });
    state.held = true;
    return {
      requireHeld: async () => {
        const isThere = await access(owner).then(
          () => true,
          () => false,
        );
        if (state.lost || !isThere) throw lost(path);
      },
      // One that was lost is not ours to release.
      release: () => unlock().catch(() => undefined),
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ELOCKED') return undefined;
    throw error;
  }
}

type Done = (error: Error | null) => void;

/** Makes the lock, or fails with EEXIST, and writes down whose it is. */
function makeLock(path: string, owner: string, done: Done): void {
  fs.mkdir(path, (error) => {
    if (error !== null) done(error);
    else fs.writeFile(owner, '', { flag: 'wx' }, done);
  });
}

function removeOwnLock(path: string, owner: string, done: Done): void {
  fs.unlink(owner, (error) => {
    if (error === null) fs.rmdir(path, done);
    else done(error.code === 'ENOENT' ? null : error);
  });
}

async function holderOf(path: string): Promise<string> {
  const [owner = ''] = await readdir(path).catch(() => []);
  const [, pid, host] = /^(\d+)@(.+)-[0-9a-f]{12}$/.exec(owner) ?? [];
  return pid === undefined || host === undefined
    ? 'another publisher'
    : `process ${pid} on ${host}`;
}

async function busy(path: string): Promise<PublishError> {
  return new PublishError('TARGET_BUSY', `${await holderOf(path)} holds the lock ${path}`, {
    where: { file: path },
    hint: 'Publish again when that one is done. The lock of a publisher that died is taken over by itself.',
  });
}

function lost(path: string): PublishError {
  return new PublishError(
    'TARGET_BUSY',
    `the lock ${path} was lost: this process stood still for so long that another publisher took it over`,
    { where: { file: path }, hint: 'Publish again: what is done already stays as it is.' },
  );
}
