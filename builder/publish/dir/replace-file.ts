import { randomBytes } from 'node:crypto';
import { chmod, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncDirectory } from '../../files/sync-directory.ts';
import { writeAndSync } from '../../files/write-file.ts';
import type { HeldLock } from './lock.ts';
import { FILE_MODE } from './place.ts';

/** What publishers leave behind when they are killed: the next one removes it. */
export const LEFTOVER = /^\..+\.[0-9a-f]{12}\.partial$/;

/** A name beside `path` that `LEFTOVER` knows. */
export function partialName(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.partial`);
}

/**
 * Replaces a published file: a reader sees the old contents or the new, and after this returns the new ones survive a power
 * cut. Throws PublishError when the lock was lost, and then has replaced nothing; what the file system throws otherwise.
 */
export async function replaceFile(path: string, bytes: Uint8Array, lock: HeldLock): Promise<void> {
  const partial = partialName(path);
  await writeAndSync(partial, bytes, FILE_MODE);
  await chmod(partial, FILE_MODE);
  await lock.requireHeld();
  await rename(partial, path);
  await syncDirectory(dirname(path));
}
