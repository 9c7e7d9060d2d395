import { chmod, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PublishError } from '../../errors/families.ts';
import { copyInput } from '../../files/copy-input.ts';
import { hashInput } from '../../files/read-input.ts';
import { syncDirectory } from '../../files/sync-directory.ts';
import { someAtATime } from '../../process/some-at-a-time.ts';
import { MOST_BYTES } from '../../verify/read-release.ts';
import type { Publishable, PublishedFile } from '../publishable.ts';
import type { HeldLock } from './lock.ts';
import { DIRECTORY_MODE, FILE_MODE, isMissing } from './place.ts';
import { LEFTOVER, partialName } from './replace-file.ts';

const COPIES_AT_ONCE = 8;

/** Removes what killed publishers left in the directory of a target name. Only for who holds its lock. */
export async function clearLeftovers(place: string): Promise<void> {
  for (const name of await readdir(place)) {
    if (LEFTOVER.test(name)) await rm(join(place, name), { recursive: true, force: true });
  }
}

/**
 * Puts a release into its directory `<version>`, which appears by one rename, with exactly the bytes that were checked. When
 * one is there already it has to have the same bytes. Returns whether it was. Throws PublishError (RELEASE_EXISTS for other
 * bytes, ASSET_MISMATCH when the release changed since it was checked) and what the file system throws.
 */
export async function placeRelease(
  place: string,
  release: Publishable,
  { lock, signal }: { readonly lock: HeldLock; readonly signal: AbortSignal },
): Promise<{ readonly already: boolean }> {
  const path = join(place, release.manifest.version);
  if (await isThere(path)) {
    requireSameRelease(await filesIn(path), release, path);
    return { already: true };
  }
  const staging = partialName(path);
  try {
    await stage(release, staging, signal);
    signal.throwIfAborted();
    await lock.requireHeld();
    await rename(staging, path);
  } catch (error) {
    // It may be why the disk is full.
    await rm(staging, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
  await syncDirectory(dirname(path));
  return { already: false };
}

/** Copies a release to `staging`, on the disk and read back. */
async function stage(release: Publishable, staging: string, signal: AbortSignal): Promise<void> {
  await mkdir(staging);
  // Most of the time goes into waiting for the disk.
  await someAtATime(release.files, COPIES_AT_ONCE, async (file) => {
    signal.throwIfAborted();
    await copyFile(release, file, staging);
  });
  await chmod(staging, DIRECTORY_MODE);
  await syncDirectory(staging);
  const other = differingFile(await filesIn(staging), release.files);
  if (other !== undefined)
    throw new PublishError(
      'ASSET_MISMATCH',
      `${join(staging, other)} does not read back as it was written; nothing was published`,
      { where: { file: staging } },
    );
}

async function copyFile(
  { directory, name }: Publishable,
  expected: PublishedFile,
  staging: string,
): Promise<void> {
  const to = join(staging, expected.file);
  const copied = await copyInput(join(directory, expected.file), 'a file of a release', to);
  if (copied.sha256 !== expected.sha256)
    throw new PublishError(
      'ASSET_MISMATCH',
      `${join(name, expected.file)} has changed since the release was verified; nothing was published`,
      { where: { file: join(name, expected.file) } },
    );
  await chmod(to, FILE_MODE);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** What a directory has on disk now; a link, or anything else that is no file, has no digest that could be the right one. */
async function filesIn(path: string): Promise<readonly PublishedFile[]> {
  const entry = await lstat(path);
  if (!entry.isDirectory()) return [];
  const files: PublishedFile[] = [];
  for (const each of await readdir(path, { withFileTypes: true })) {
    const hashed = each.isFile()
      ? await hashInput(join(path, each.name), 'a published file', MOST_BYTES)
      : { size: 0, sha256: '' };
    files.push({ file: each.name, ...hashed });
  }
  return files;
}

/** The first file that is in one list and not, or with another digest, in the other. */
function differingFile(
  found: readonly PublishedFile[],
  expected: readonly PublishedFile[],
): string | undefined {
  const digests = new Map(found.map(({ file, sha256 }) => [file, sha256]));
  return (
    expected.find(({ file, sha256 }) => digests.get(file) !== sha256)?.file ??
    found.find(({ file }) => !expected.some((each) => each.file === file))?.file
  );
}

/** Throws PublishError (RELEASE_EXISTS) unless these are exactly the files of the release. `place` is where they are. */
export function requireSameRelease(
  found: readonly PublishedFile[],
  { files, stem }: Publishable,
  place: string,
): void {
  const other = differingFile(found, files);
  if (other === undefined) return;
  throw new PublishError(
    'RELEASE_EXISTS',
    `${stem} is there already, with another ${other}: what is published never changes`,
    { where: { file: place }, hint: 'Give what you have another version.' },
  );
}
