import { access, chmod, constants, lstat, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PublishError } from '../../errors/families.ts';
import { makeDirectories } from '../../files/make-directories.ts';
import { syncDirectory } from '../../files/sync-directory.ts';
import { CHECKSUMS, MANIFEST } from '../../manifest/release-files.ts';

/** Published directories: a web server, which is another user, has to read them whatever our umask is. */
export const DIRECTORY_MODE = 0o755;
export const FILE_MODE = 0o644;

/**
 * Refuses a directory that could not be published to, and changes nothing: it, or the nearest directory above that is there,
 * has to be one that we may write to, and none of them a release. Throws PublishError.
 */
export async function requirePublishableDirectory(path: string): Promise<void> {
  for (let at = path; ; at = dirname(at)) {
    const link = await lstat(at).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw describePlaceFailure(error, at);
    });
    if (link === undefined && at !== dirname(at)) continue;
    const entry = await stat(at).catch(() => undefined);
    if (entry?.isDirectory() !== true) throw notDirectory(at, link?.isSymbolicLink() === true);
    try {
      await access(at, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw describePlaceFailure(error, at);
    }
    await refuseRelease(await realpath(at), path);
    return;
  }
}

/** With anything else in it a release does not hold any more. */
async function refuseRelease(directory: string, path: string): Promise<void> {
  const isThere = (name: string): Promise<boolean> =>
    access(join(directory, name)).then(
      () => true,
      () => false,
    );
  if ((await isThere(MANIFEST)) && (await isThere(CHECKSUMS)))
    throw new PublishError(
      'TARGET_INVALID',
      `${path} is not a place to publish to: ${directory} is a release, which never changes`,
      { where: { file: path }, hint: 'Name the directory that releases are published below.' },
    );
  if (directory !== dirname(directory)) await refuseRelease(dirname(directory), path);
}

/** Makes the directory of a target name below `root`, and `root`. Returns its path without links. Throws PublishError. */
export async function openPlace(root: string, targetName: string): Promise<string> {
  await requirePublishableDirectory(root);
  try {
    await makePublicDirectories(root);
    const path = join(await realpath(root), targetName);
    await makePublicDirectories(path);
    const entry = await lstat(path);
    if (!entry.isDirectory()) throw notDirectory(path, entry.isSymbolicLink());
    await access(path, constants.W_OK | constants.X_OK);
    return path;
  } catch (error) {
    throw describePlaceFailure(error, join(root, targetName));
  }
}

/** Makes a directory and those above it that are missing, readable for everybody, and makes sure that they stay. */
export async function makePublicDirectories(path: string): Promise<void> {
  await makeDirectories(path, {
    made: async (directory) => {
      await chmod(directory, DIRECTORY_MODE);
      await syncDirectory(dirname(directory));
    },
  });
}

function notDirectory(path: string, isLink: boolean): PublishError {
  const what = isLink ? 'a link where a directory was expected' : 'not a directory';
  return new PublishError(
    'TARGET_INVALID',
    `${path} is ${what}; releases are published into a directory`,
    {
      where: { file: path },
    },
  );
}

/** Turns a file system's refusal into a sentence about the target; any other error is returned as it is. */
export function describePlaceFailure(error: unknown, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof PublishError || typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code))
    return error;
  const options = { where: { file: path }, cause: error };
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
    return new PublishError('TARGET_UNREACHABLE', `${path} cannot be written: the disk is full`, {
      ...options,
      hint: 'Free some space and publish again: what is done already stays as it is.',
    });
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new PublishError(
      'TARGET_UNREACHABLE',
      `${path} cannot be written: permission denied (${code})`,
      { ...options, hint: 'Publish as a user who may write there.' },
    );
  }
  return new PublishError('TARGET_UNREACHABLE', `${path} cannot be used (${code})`, options);
}

export function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT';
}
