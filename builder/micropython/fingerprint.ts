import { createHash } from 'node:crypto';
import { readlink, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { hashInput } from '../files/read-input.ts';
import { someAtATime } from '../process/some-at-a-time.ts';
import type { SourceTree } from './source-tree.ts';
import { isSource, listSources, type SourceEntry } from './sources.ts';

const FILES_AT_ONCE = 8;

export type Fingerprint = {
  /** SHA-256 over paths and contents. */
  readonly fingerprint: string;
  /** A link leads to a directory outside of the tree, in which anything may change. */
  readonly readsElsewhere: boolean;
};

/** What one file or link adds to the fingerprint of its tree. */
export type Trace = { readonly text: string; readonly readsElsewhere: boolean };

/**
 * Reads everything that a build would get of a source tree. Not git's word for it: that says nothing of repositories
 * within the tree, of what links lead to, and of what it was told not to look at. Throws UsageError for a file that cannot be
 * read.
 */
export async function fingerprintOf(tree: SourceTree): Promise<Fingerprint> {
  const { directory, submodules, leaveOut } = tree;
  const top = await realpath(directory);
  const sources = (await listSources(directory, submodules, leaveOut)).filter((entry) =>
    isTraced(entry, tree),
  );
  return joinTraces(
    await someAtATime(sources, FILES_AT_ONCE, (entry) =>
      traceOf(entry, { place: join(directory, entry.path), top }),
    ),
  );
}

/** True for what a fingerprint covers: what a build of the host tool left there decides nothing. */
export function isTraced({ path, kind }: SourceEntry, { leaveOut }: SourceTree): boolean {
  return kind !== 'directory' && isSource(path, leaveOut);
}

/**
 * Reads one file or link of the tree whose real path is `top`. `place` is where it lies, for a file also where a copy of it
 * does. Throws UsageError when it cannot be read.
 */
export async function traceOf(
  { path, kind }: SourceEntry,
  { place, top }: { readonly place: string; readonly top: string },
): Promise<Trace> {
  const link = kind === 'link' ? `${await readlink(place)}\0` : '';
  const target = kind === 'link' ? await outside(place, top) : 'file';
  const content = target === 'file' ? `${await contentOf(place)}\0` : '';
  return { text: `${path}\0${link}${content}`, readsElsewhere: target === 'directory' };
}

/** The fingerprint of a tree, from what its files and links add to it, in the order in which `listSources` has them. */
export function joinTraces(traces: readonly Trace[]): Fingerprint {
  const hash = createHash('sha256');
  for (const { text } of traces) hash.update(text);
  return {
    fingerprint: hash.digest('hex'),
    readsElsewhere: traces.some(({ readsElsewhere }) => readsElsewhere),
  };
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
