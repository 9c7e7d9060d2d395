import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { PublishError } from '../../../../builder/errors/families.ts';
import { LOCK, takeLock } from '../../../../builder/publish/dir/lock.ts';
import { takeOverLock, type Watch } from '../../../../builder/publish/dir/stale-lock.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';
import { thrownBy } from '../../../support/thrown.ts';

const { signal } = new AbortController();
const options = { signal, note: () => undefined };
const HOUR_MS = 60 * 60_000;

const seen = (): Watch => ({ lock: {}, guard: {} });

/** The lock of a publisher that is gone, last seen so long ago. */
async function leftLock(directory: string, ageMs: number): Promise<string> {
  const path = join(directory, LOCK);
  await mkdir(path);
  await writeFile(join(path, '4711@elsewhere-0123456789ab'), '');
  const past = new Date(Date.now() - ageMs);
  await utimes(path, past, past);
  return path;
}

describe('the lock of a directory', () => {
  test('is held by one at a time, and gone when it is released', async () => {
    const directory = await tempDirectory();
    let inside = 0;
    const publish = async (): Promise<void> => {
      const lock = await takeLock(directory, options);
      expect(++inside).toBe(1);
      await sleep(5);
      await lock.requireHeld();
      inside--;
      await lock.release();
    };
    await Promise.all(Array.from({ length: 10 }, publish));
    expect(await readdir(directory)).toEqual([]);
  });

  test('is waited for only so long; the message says who holds it', async () => {
    const directory = await tempDirectory();
    const lock = await takeLock(directory, options);
    const error = await thrownBy(PublishError, () =>
      takeLock(directory, { ...options, waitMs: 1 }),
    );
    expect(error.code).toBe('TARGET_BUSY');
    expect(error.message).toContain(`process ${process.pid} on `);
    await lock.release();
  });

  test('is not waited for by who was interrupted', async () => {
    const directory = await tempDirectory();
    const lock = await takeLock(directory, options);
    const stop = new AbortController();
    const waiting = takeLock(directory, { ...options, signal: stop.signal });
    stop.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
    await lock.release();
  });

  test('of one that died long ago is taken over', async () => {
    const directory = await tempDirectory();
    const left = await leftLock(directory, 2 * HOUR_MS);
    await mkdir(join(left, 'by somebody else'));
    await utimes(left, new Date(0), new Date(0));
    const lock = await takeLock(directory, { ...options, waitMs: 1000 });
    await lock.requireHeld();
    await lock.release();
    expect(await readdir(directory)).toEqual([]);
  });

  test('that was lost says so, and is not released in the place of its new holder', async () => {
    const directory = await tempDirectory();
    const lock = await takeLock(directory, options);
    await rm(join(directory, LOCK), { recursive: true });
    await leftLock(directory, 0);
    const error = await thrownBy(PublishError, () => lock.requireHeld());
    expect(error.message).toMatch(/was lost/);
    await lock.release();
    expect(existsSync(join(directory, LOCK, '4711@elsewhere-0123456789ab'))).toBe(true);
  });
});

describe('a lock whose holder has not shown', () => {
  const STALE_MS = 30;

  test('stays until it was watched for long enough: clocks differ', async () => {
    const path = await leftLock(await tempDirectory(), 60_000);
    const watch = seen();
    await expect(takeOverLock(path, watch, STALE_MS)).rejects.toMatchObject({ code: 'ELOCKED' });
    await sleep(2 * STALE_MS);
    await takeOverLock(path, watch, STALE_MS);
    expect(existsSync(path)).toBe(false);
  });

  test('stays when the holder shows in between', async () => {
    const path = await leftLock(await tempDirectory(), 60_000);
    const watch = seen();
    await expect(takeOverLock(path, watch, STALE_MS)).rejects.toMatchObject({ code: 'ELOCKED' });
    await sleep(2 * STALE_MS);
    await utimes(path, new Date(), new Date());
    await expect(takeOverLock(path, watch, STALE_MS)).rejects.toMatchObject({ code: 'ELOCKED' });
    expect(existsSync(path)).toBe(true);
  });

  test('is left to who takes it over already; a guard that was left is watched as well', async () => {
    const directory = await tempDirectory();
    const path = await leftLock(directory, 2 * HOUR_MS);
    const guard = `${path}.takeover`;
    await mkdir(guard);
    const watch = seen();
    await expect(takeOverLock(path, watch, STALE_MS)).rejects.toMatchObject({ code: 'ELOCKED' });
    expect(existsSync(path)).toBe(true);
    await sleep(2 * STALE_MS);
    await expect(takeOverLock(path, watch, STALE_MS)).rejects.toMatchObject({ code: 'ELOCKED' });
    await takeOverLock(path, watch, STALE_MS);
    expect(await readdir(directory)).toEqual([]);
  });

  test('is taken over by one of many, who all hold it once', async () => {
    const directory = await tempDirectory();
    await leftLock(directory, 2 * HOUR_MS);
    let inside = 0;
    await Promise.all(
      Array.from({ length: 30 }, async () => {
        const lock = await takeLock(directory, options);
        expect(++inside).toBe(1);
        await sleep(1);
        await lock.requireHeld();
        inside--;
        await lock.release();
      }),
    );
    expect(await readdir(directory)).toEqual([]);
  });
});
