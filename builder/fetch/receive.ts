import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { FetchError } from '../errors/families.ts';
import { describeWriteFailure } from '../files/write-failure.ts';
import type { Context } from '../pipeline/context.ts';
import type { ListedFile } from './choose-version.ts';

/** Gives the bytes of a file from `from` on. */
export type OpenListed = (file: ListedFile, from: number) => AsyncIterable<Uint8Array>;

const CHUNK_SIZE = 1024 * 1024;
const PART = '.part';
const KEPT = 'what has arrived is kept for the next run';

/**
 * Receives files into a directory: what is there from an earlier run is taken as far as its digest holds. A file has its
 * name only when size and SHA-256 are those listed. Throws FetchError; what had arrived stays.
 */
export async function receiveFiles(
  context: Context,
  files: readonly ListedFile[],
  { directory, open: openListed }: { readonly directory: string; readonly open: OpenListed },
): Promise<void> {
  await removeStrangers(directory, files);
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  for (const listed of files) {
    context.throwIfInterrupted();
    const path = join(directory, listed.file);
    const report = (length: number): void => {
      context.progress({ done: done + length, total, step: listed.file });
    };
    if (!(await isComplete(path, listed)))
      await receiveFile(context, listed, {
        path,
        report,
        open: openListed,
      });
    done += listed.size;
  }
}

/** Whatever else an earlier run or anybody has left there is not part of this release. */
async function removeStrangers(directory: string, files: readonly ListedFile[]): Promise<void> {
  const names = new Set(files.flatMap(({ file }) => [file, `${file}${PART}`]));
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const isOurs = names.has(name) && (await lstat(path)).isFile();
    if (!isOurs) await rm(path, { recursive: true, force: true });
  }
}

async function isComplete(path: string, { size, sha256 }: ListedFile): Promise<boolean> {
  const entry = await lstat(path).catch(() => undefined);
  if (entry === undefined) return false;
  if (entry.size === size) {
    const hash = createHash('sha256');
    const file = await open(path, 'r');
    try {
      await hashAll(file, hash);
    } finally {
      await file.close();
    }
    if (hash.digest('hex') === sha256) return true;
  }
  await rm(path);
  return false;
}

type Receiving = {
  readonly path: string;
  readonly report: (length: number) => void;
  readonly open: OpenListed;
};

async function receiveFile(
  context: Context,
  listed: ListedFile,
  receiving: Receiving,
): Promise<void> {
  const { path } = receiving;
  const resumed = await receivePart(context, listed, receiving);
  if (resumed === 'wrong-start') {
    context.note(`${listed.file}: what had arrived before does not belong to it; starting over`);
    await rm(path + PART);
    await receivePart(context, listed, receiving);
  }
  await rename(path + PART, path).catch((error: unknown) => {
    throw describeWriteFailure(error, path, KEPT);
  });
}

/** Appends to what is there. Throws when the file is another one than listed, unless it only began with other bytes. */
async function receivePart(
  context: Context,
  listed: ListedFile,
  { path, report, open: openListed }: Receiving,
): Promise<'complete' | 'wrong-start'> {
  const part = path + PART;
  const file = await open(part, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644);
  let problem: FetchError | undefined;
  try {
    const hash = createHash('sha256');
    const { size: start } = await file.stat();
    if (start > listed.size) return 'wrong-start';
    await hashAll(file, hash);
    let at = start;
    for await (const chunk of openListed(listed, start)) {
      context.throwIfInterrupted();
      hash.update(chunk);
      await writeAll(file, chunk, at);
      at += chunk.length;
      report(at);
    }
    problem = differenceOf(listed, at, hash.digest('hex'));
    if (problem !== undefined && start > 0) return 'wrong-start';
  } catch (error) {
    throw describeWriteFailure(error, part, KEPT);
  } finally {
    await file.close();
  }
  if (problem === undefined) return 'complete';
  await rm(part);
  throw problem;
}

async function writeAll(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length;) {
    const { bytesWritten } = await file.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
}

async function hashAll(file: FileHandle, hash: Hash): Promise<void> {
  const { size } = await file.stat();
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK_SIZE, size));
  for (let at = 0; at < size;) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) return;
    hash.update(chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
}

function differenceOf(
  { file, size, sha256 }: ListedFile,
  length: number,
  digest: string,
): FetchError | undefined {
  if (length !== size)
    return mismatch(`${file} ended after ${length} bytes; the index says that it has ${size}`);
  if (digest !== sha256)
    return mismatch(`${file} is not what the index says: its SHA-256 is ${digest}, not ${sha256}`);
  return undefined;
}

function mismatch(message: string): FetchError {
  return new FetchError('DOWNLOAD_MISMATCH', message, {
    hint: 'It was damaged or replaced after it was published: nothing was kept of it.',
  });
}
