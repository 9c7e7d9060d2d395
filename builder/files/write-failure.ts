import { UsageError } from '../errors/families.ts';

/**
 * Turns a file system's refusal to write into a sentence; any other error is returned as it is. `left` says what became of what had
 * been written when the disk was full.
 */
export function describeWriteFailure(error: unknown, path: string, left?: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  const options = { where: { file: path }, cause: error };
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') return diskFull(options, left);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new UsageError(
      'OUTPUT_DENIED',
      `${path} cannot be written: permission denied (${code})`,
      {
        ...options,
        hint: 'Choose a directory that you may write to.',
      },
    );
  }
  if (code === 'ENOENT') {
    return new UsageError(
      'OUTPUT_DENIED',
      `${path} cannot be written: the directory that it belongs in does not exist`,
      { ...options, hint: 'Make the directory first, or choose another.' },
    );
  }
  if (
    code === 'ENOTDIR' ||
    code === 'ENOTEMPTY' ||
    code === 'EIO' ||
    code === 'EEXIST' ||
    code === 'ELOOP' ||
    code === 'ENAMETOOLONG' ||
    code === 'EISDIR'
  ) {
    return new UsageError(
      'OUTPUT_DENIED',
      `${path} cannot be written: a part of that path is not what it should be (${code})`,
      options,
    );
  }
  return error;
}

function diskFull(
  { where, cause }: { readonly where: { readonly file: string }; readonly cause: unknown },
  left = 'nothing was left behind',
): UsageError {
  return new UsageError('DISK_FULL', `${where.file} cannot be written: the disk is full; ${left}`, {
    where,
    cause,
    hint: 'Free some space, or choose another directory with --out.',
  });
}
