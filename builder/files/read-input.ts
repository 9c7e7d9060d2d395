import { open } from 'node:fs/promises';
import { FormatError, UsageError } from '../errors/families.ts';

/** No image of these chips is larger than 128 MiB of flash; a bit more leaves room for a dump with extras. */
const INPUT_LIMIT = 144 * 1024 * 1024;

/**
 * Reads a whole file that a user named. Throws UsageError when it is missing, a directory or not readable, FormatError
 * when it is larger than `limit` bytes. `what` says in messages what the file was wanted for.
 */
export async function readInput(path: string, what: string, limit = INPUT_LIMIT): Promise<Buffer> {
  try {
    const file = await open(path, 'r');
    try {
      const stat = await file.stat();
      if (stat.isDirectory()) {
        throw new UsageError('INPUT_UNREADABLE', `${path} is a directory; ${what} was expected`, {
          where: { file: path },
        });
      }
      if (!stat.isFile()) {
        throw new UsageError(
          'INPUT_UNREADABLE',
          `${path} is not a regular file; ${what} was expected`,
          {
            where: { file: path },
          },
        );
      }
      if (stat.size > limit) {
        throw new FormatError(
          'TOO_LARGE',
          `${path} has ${stat.size} bytes; ${what} has at most ${limit}`,
          {
            where: { file: path },
          },
        );
      }
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw describeReadFailure(error, path, what);
  }
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
  if (code === 'EISDIR' || code === 'EIO' || code === 'ELOOP' || code === 'ENAMETOOLONG') {
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
