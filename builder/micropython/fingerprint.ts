import { createHash } from 'node:crypto';
import { readlink, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { hashInput } from '../files/read-input.ts';
import { someAtATime } from '../process/some-at-a-time.ts';
import { isSource, listSources } from './sources.ts';
import type { Submodules } from './submodules.ts';

const FILES_AT_ONCE = 8;

export type Fingerprint = {
  /** SHA-256 over paths and contents. */
  readonly fingerprint: string;
  /** A link leads to a directory outside of the tree, in which anything may change. */
  readonly readsElsewhere: boolean;
};

/**
 * Reads everything that a build would get of a source tree. Not git's word for it: that says nothing of repositories
 * within the tree, of what links lead to, and of what it was told not to look at. Throws UsageError for a file that cannot be
 * read.
 */
export async function fingerprintOf(
  directory: string,
  submodules: Submodules,
  leaveOut: readonly string[],
): Promise<Fingerprint> {
  const hash = createHash('sha256');
  const top = await realpath(directory);
  let readsElsewhere = false;
  const sources = (await listSources(directory, submodules, leaveOut)).filter(
    // What a build of the host tool left there decides nothing.
    ({ path, kind }) => kind !== 'directory' && isSource(path, leaveOut),
  );
  const entries = await someAtATime(sources, FILES_AT_ONCE, async ({ path, kind }) => {
    const place = join(directory, path);
    const link = kind === 'link' ? `${await readlink(place)}\0` : '';
    const target = kind === 'link' ? await outside(place, top) : 'file';
    if (target === 'directory') readsElsewhere = true;
    const content = target === 'file' ? `${await contentOf(place)}\0` : '';
    return `${path}\0${link}${content}`;
  });
  for (const entry of entries) hash.update(entry);
  return { fingerprint: hash.digest('hex'), readsElsewhere };
}

async function contentOf(place: string): Promise<string> {
  const { sha256 } = await hashInput(place, 'a source file', Number.MAX_SAFE_INTEGER);
  return sha256;
}

/** What a link that leads out of the tree leads to; undefined for one that leads nowhere, or to what is read anyway. */
async function outside(link: string, top: string): Promise<'file' | 'directory' | undefined> {
  const place = await realpath(link).catch(() => undefined);
  if (place === undefined) return undefined;
  const inside = relative(top, place);
  if (!inside.startsWith('..') && !isAbsolute(inside)) return undefined;
  const entry = await stat(place);
  if (entry.isDirectory()) return 'directory';
  return entry.isFile() ? 'file' : undefined;
}
