import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Submodules } from './submodules.ts';

/** Something in a source tree; `path` is relative to its top, with forward slashes. */
export type SourceEntry = {
  readonly path: string;
  readonly kind: 'directory' | 'file' | 'link';
};

/** Nothing that the esp32 port builds from: other ports, what tests and documents, and what builds and we leave there. */
const LEFT_OUT = [
  /(^|\/)\.git$/,
  /^\.github$/,
  /^docs$/,
  /^tests$/,
  /^(out|keys|node_modules)$/,
  /^ports\/(?!esp32(\/|$))[^/]+$/,
  /^ports\/esp32\/build([-_].*)?$/,
  /(^|\/)__pycache__$/,
];

/**
 * Everything of a MicroPython tree that the esp32 port is built from, directories before what is in them, sorted. The
 * submodules of other ports alone would be ten times as much. `leaveOut` are further paths.
 */
export async function listSources(
  directory: string,
  { others }: Submodules,
  leaveOut: readonly string[],
): Promise<readonly SourceEntry[]> {
  const leftOut = new Set([...others, ...leaveOut]);
  const found: SourceEntry[] = [];
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(join(directory, folder), { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (isLeftOut(path) || leftOut.has(path)) continue;
      if (entry.isSymbolicLink()) found.push({ path, kind: 'link' });
      else if (entry.isFile()) found.push({ path, kind: 'file' });
      else if (entry.isDirectory()) {
        found.push({ path, kind: 'directory' });
        await visit(path);
      }
    }
  };
  await visit('');
  return found;
}

/** What a host's build of mpy-cross leaves: taken along, but no source. */
const HOST_TOOL = 'mpy-cross/build';

/** True for a file that `listSources` would list and that decides what is built. */
export function isSource(path: string, leaveOut: readonly string[]): boolean {
  const parts = path.split('/');
  return parts.every((_, index) => {
    const folder = parts.slice(0, index + 1).join('/');
    return !isLeftOut(folder) && !leaveOut.includes(folder) && folder !== HOST_TOOL;
  });
}

function isLeftOut(path: string): boolean {
  return LEFT_OUT.some((pattern) => pattern.test(path));
}
