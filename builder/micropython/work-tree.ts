import { constants } from 'node:fs';
import {
  chmod,
  copyFile,
  mkdir,
  readlink,
  realpath,
  stat,
  symlink,
  utimes,
} from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { someAtATime } from '../process/some-at-a-time.ts';
import { isTraced, joinTraces, traceOf, type Fingerprint } from './fingerprint.ts';
import type { SourceTree } from './source-tree.ts';
import { listSources } from './sources.ts';

export type WorkTreeOptions = {
  /** mpy-cross as somebody built it for this machine is taken along; a container needs one of its own. */
  readonly withHostTools: boolean;
  readonly throwIfInterrupted: () => void;
};

const FILES_AT_ONCE = 8;

/** Where MicroPython's Makefile puts its cross-compiler for Python files. */
const HOST_TOOL = /^mpy-cross\/build(\/|$)/;

/**
 * Copies what the esp32 port is built from to `target`, a directory that is not there yet. A build writes into its
 * source tree (lockfiles, managed components, mpy-cross): it gets one of its own. Times of files are kept, so that make
 * takes along what is up to date; a file system that can share blocks does. The fingerprint is that of the copy: of what
 * is built, whoever changes the original meanwhile.
 */
export async function copyWorkTree(
  tree: SourceTree,
  target: string,
  { withHostTools, throwIfInterrupted }: WorkTreeOptions,
): Promise<Fingerprint> {
  const { directory, submodules, leaveOut } = tree;
  await mkdir(target, { recursive: true });
  const top = await realpath(directory);
  const sources = (await listSources(directory, submodules, leaveOut)).filter(
    ({ path }) => withHostTools || !HOST_TOOL.test(path),
  );
  for (const { path, kind } of sources) if (kind === 'directory') await mkdir(join(target, path));
  const files = sources.filter(({ kind }) => kind !== 'directory');
  // Thousands of small files: the time goes into the file system, which does several at once.
  const traces = await someAtATime(files, FILES_AT_ONCE, async (entry) => {
    throwIfInterrupted();
    const { path, kind } = entry;
    const [from, to] = [join(directory, path), join(target, path)];
    if (kind === 'link') await symlink(await targetOf(from, top), to);
    else await copySource(from, to);
    if (!isTraced(entry, tree)) return [];
    return [await traceOf(entry, { place: kind === 'link' ? from : to, top })];
  });
  return joinTraces(traces.flat());
}

async function copySource(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  const { atimeMs, mtimeMs, mode } = await stat(from);
  // A checkout may be read-only; the copy is for writing.
  if ((mode & 0o200) === 0) await chmod(to, mode | 0o200);
  // In seconds: a Date would round to milliseconds, and make compares more than those.
  await utimes(to, atimeMs / 1000, mtimeMs / 1000);
}

/** A relative link that leads out of the tree leads elsewhere from the copy: there it is an absolute one. */
async function targetOf(link: string, top: string): Promise<string> {
  const text = await readlink(link);
  const place = await realpath(link).catch(() => undefined);
  if (place === undefined) return text;
  const inside = relative(top, place);
  const isInside = !inside.startsWith('..') && !isAbsolute(inside);
  return isInside && !isAbsolute(text) ? text : place;
}
