import { randomBytes } from 'node:crypto';
import { link, lstat, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../errors/families.ts';
import { describeWriteFailure } from './write-failure.ts';

export type WriteOptions = {
  readonly mode?: number;
  /** Refuses (EEXIST) instead of replacing a file that is already there. */
  readonly exclusive?: boolean;
  /** Looks at what reached the disk before it takes its name; when it throws, nothing was written. */
  readonly check?: (written: Buffer) => void;
};

/** No key file is larger. */
const KEY_FILE_LIMIT = 64 * 1024;

/**
 * Writes a file so that a reader sees the old contents or the new, never a part: temporary file beside it, fsync,
 * rename. Never replaces a private key in PEM. Throws UsageError when the file system refuses, and then leaves nothing behind.
 */
export async function writeFileAtomically(
  path: string,
  bytes: Uint8Array,
  options: WriteOptions = {},
): Promise<void> {
  await refuseToReplace(path);
  const temporary = join(
    dirname(path),
    `.${basename(path)}.${randomBytes(6).toString('hex')}.partial`,
  );
  try {
    await writeAndSync(temporary, bytes, options.mode ?? 0o644);
    options.check?.(await readFile(temporary));
    if (options.exclusive === true) {
      await link(temporary, path);
      await rm(temporary);
    } else {
      await rename(temporary, path);
    }
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw describeWriteFailure(error, path);
  }
}

/** A rename would replace a device node or a link by a plain file; and nothing that we write is worth a private key. */
async function refuseToReplace(path: string): Promise<void> {
  const entry = await lstat(path).catch(() => undefined);
  if (entry === undefined || entry.isDirectory()) return;
  if (!entry.isFile()) throw kept(path, 'is not a regular file');
  if (entry.size > KEY_FILE_LIMIT) return;
  const present = await readFile(path).catch(() => undefined);
  if (present?.includes('PRIVATE KEY-----') === true) throw kept(path, 'holds a private key');
}

function kept(path: string, problem: string): UsageError {
  const where = { file: path };
  return new UsageError('OUTPUT_DENIED', `${path} ${problem}, and was kept`, { where });
}

/** Writes a new file and makes sure that it reached the disk. Throws what the file system throws. */
export async function writeAndSync(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
