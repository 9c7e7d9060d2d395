import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { FormatError, UsageError } from '../errors/families.ts';

/** No image of these chips is larger than 128 MiB of flash; a bit more leaves room for a dump with extras. */
const INPUT_LIMIT = 144 * 1024 * 1024;
const CHUNK_SIZE = 1024 * 1024;

/**
 * Reads a whole file that a user named. Throws UsageError when it is missing, a directory or not readable, FormatError
 * when it is larger than `limit` bytes. `what` says in messages what the file was wanted for.
 */
export async function readInput(path: string, what: string, limit = INPUT_LIMIT): Promise<Buffer> {
  return withInput(path, { what, limit }, (file) => file.readFile());
}

/** Size in bytes and SHA-256 (hex) of a file that a user named, without holding it. Throws as `readInput` does. */
export async function hashInput(
  path: string,
  what: string,
  limit = INPUT_LIMIT,
): Promise<{ readonly size: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let size = 0;
  await withChunks(path, { what, limit }, (chunk) => {
    hash.update(chunk);
    size += chunk.length;
    return Promise.resolve();
  });
  return { size, sha256: hash.digest('hex') };
}

/**
 * Gives a file that a user named to `use`, piece by piece: a piece is only valid until `use` is done with it. Throws as
 * `readInput` does, and what `use` throws.
 */
export async function withChunks(
  path: string,
  { what, limit = INPUT_LIMIT }: { readonly what: string; readonly limit?: number },
  use: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  await withInput(path, { what, limit }, async (file, size) => {
    const chunk = Buffer.allocUnsafe(Math.max(1, Math.min(size, CHUNK_SIZE)));
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length);
      if (bytesRead === 0) return;
      await use(chunk.subarray(0, bytesRead));
    }
  });
}

async function withInput<T>(
  path: string,
  { what, limit }: { readonly what: string; readonly limit: number },
  use: (file: FileHandle, size: number) => Promise<T>,
): Promise<T> {
  try {
    // Without O_NONBLOCK a pipe with no writer would be waited for, for ever.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const size = await requireRegular(file, path, { what, limit });
      return await use(file, size);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw describeReadFailure(error, path, what);
  }
}

/** Its size in bytes. */
async function requireRegular(
  file: FileHandle,
  path: string,
  { what, limit }: { readonly what: string; readonly limit: number },
): Promise<number> {
  const stat = await file.stat();
  const where = { file: path };
  if (stat.isDirectory())
    throw new UsageError('INPUT_UNREADABLE', `${path} is a directory; ${what} was expected`, {
      where,
    });
  if (!stat.isFile())
    throw new UsageError(
      'INPUT_UNREADABLE',
      `${path} is not a regular file; ${what} was expected`,
      { where },
    );
  if (stat.size <= limit) return stat.size;
  throw new FormatError(
    'TOO_LARGE',
    `${path} has ${stat.size} bytes; ${what} has at most ${limit}`,
    { where },
  );
}

function describeReadFailure(error: unknown, path: string, what: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  const where = { file: path };
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new UsageError('INPUT_MISSING', `${path} does not exist; ${what} was expected`, {
      where,
      cause: error,
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new UsageError('INPUT_UNREADABLE', `${path} cannot be read: permission denied`, {
      where,
      cause: error,
    });
  }
  if (
    code === 'ENXIO' ||
    code === 'EISDIR' ||
    code === 'EIO' ||
    code === 'ELOOP' ||
    code === 'ENAMETOOLONG'
  ) {
    return new UsageError(
      'INPUT_UNREADABLE',
      `${path} cannot be read (${code}); ${what} was expected`,
      {
        where,
        cause: error,
      },
    );
  }
  return error;
}
