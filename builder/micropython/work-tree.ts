import { constants } from 'node:fs';
import { copyFile, mkdir, readlink, stat, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { listSources } from './sources.ts';

export type WorkTreeOptions = {
  /** mpy-cross as somebody built it for this machine is taken along; a container needs one of its own. */
  readonly withHostTools: boolean;
  readonly throwIfInterrupted: () => void;
};

/** Where MicroPython's Makefile puts its cross-compiler for Python files. */
const HOST_TOOL = /^mpy-cross\/build(\/|$)/;

/**
 * Copies what the esp32 port is built from to `target`, a directory that is not there yet. A build writes into its
 * source tree (lockfiles, managed components, mpy-cross): it gets one of its own. Times of files are kept, so that make
 * takes along what is up to date; a file system that can share blocks does.
 */
export async function copyWorkTree(
  directory: string,
  target: string,
  { withHostTools, throwIfInterrupted }: WorkTreeOptions,
): Promise<void> {
  await mkdir(target, { recursive: true });
  for (const { path, kind } of await listSources(directory)) {
    throwIfInterrupted();
    if (!withHostTools && HOST_TOOL.test(path)) continue;
    const [from, to] = [join(directory, path), join(target, path)];
    if (kind === 'directory') await mkdir(to);
    else if (kind === 'link') await symlink(await readlink(from), to);
    else {
      await copyFile(from, to, constants.COPYFILE_FICLONE);
      const { atime, mtime } = await stat(from);
      await utimes(to, atime, mtime);
    }
  }
}
