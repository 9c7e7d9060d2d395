import { constants } from 'node:fs';
import { open, readdir, realpath, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { FetchError } from '../../errors/families.ts';
import { MANIFEST } from '../../manifest/release-files.ts';
import type { Tree, TreePath } from '../tree.ts';

const CHUNK_SIZE = 1024 * 1024;

/** The published tree in a directory of this machine; `path` is absolute. Throws FetchError when there is none. */
export async function openDirectory(path: string, name: string): Promise<Tree> {
  const root = await realpath(path).catch((error: unknown) => {
    throw unreadable(name, error);
  });
  const entry = await stat(root);
  if (!entry.isDirectory()) throw unreachable(`${name} is not a directory`);
  const names = await readdir(root).catch((error: unknown) => {
    throw unreadable(name, error);
  });
  if (names.includes(MANIFEST))
    throw new FetchError('SOURCE_UNREACHABLE', `${name} is a release, not a tree of releases`, {
      hint: `Check it with: ota-build verify ${name}`,
    });
  return {
    name,
    identity: `dir:${root}`,
    isOpenToAll: false,
    read: (file, limit) => readSmall(root, file, limit),
    open: (file, { from, size }) => readFrom(root, file, { from, size }),
    targets: async () => {
      const entries = await readdir(root, { withFileTypes: true });
      return entries.filter((each) => each.isDirectory()).map((each) => each.name);
    },
  };
}

async function readSmall(root: string, path: TreePath, limit: number): Promise<Buffer | undefined> {
  const file = await openRegular(join(root, ...path));
  if (file === undefined) return undefined;
  try {
    const bytes = Buffer.alloc(Math.min((await file.stat()).size, limit) + 1);
    const bytesRead = await readInto(file, bytes, 0, path);
    if (bytesRead > limit) throw tooLarge(path, limit);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function* readFrom(
  root: string,
  path: TreePath,
  { from, size }: { readonly from: number; readonly size: number },
): AsyncGenerator<Uint8Array> {
  const file = await openRegular(join(root, ...path));
  if (file === undefined)
    throw new FetchError('DOWNLOAD_MISMATCH', `${path.join('/')} is listed, but is not there`);
  try {
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_SIZE, size + 1));
    for (let at = from; ;) {
      const bytesRead = await readInto(file, chunk, at, path);
      if (bytesRead === 0) return;
      at += bytesRead;
      if (at > size) throw tooLarge(path, size);
      yield chunk.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Returns how many bytes there were. Throws FetchError: a disk or a file server may fail in the middle of a file. */
async function readInto(
  file: FileHandle,
  bytes: Buffer,
  position: number,
  path: TreePath,
): Promise<number> {
  try {
    return (await file.read(bytes, 0, bytes.length, position)).bytesRead;
  } catch (error) {
    throw unreadable(path.join('/'), error);
  }
}

async function openRegular(path: string): Promise<FileHandle | undefined> {
  try {
    // Without O_NONBLOCK a pipe with no writer would be waited for, for ever.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreadable(path, error);
  }
  throw unreachable(`${path} is not a regular file`);
}

function tooLarge(path: TreePath, limit: number): FetchError {
  return new FetchError(
    'DOWNLOAD_TOO_LARGE',
    `${path.join('/')} has more than the ${limit} bytes that were expected`,
  );
}

function unreadable(name: string, error: unknown): FetchError {
  const { code = 'unknown' } = error as NodeJS.ErrnoException;
  const problem = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
  return new FetchError('SOURCE_UNREACHABLE', `${name} ${problem}`, { cause: error });
}

function unreachable(message: string): FetchError {
  return new FetchError('SOURCE_UNREACHABLE', message);
}
