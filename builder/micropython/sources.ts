import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readSubmodules } from './submodules.ts';

/** Something in a source tree; `path` is relative to its top, with forward slashes. */
export type SourceEntry = {
  readonly path: string;
  readonly kind: 'directory' | 'file' | 'link';
};

/** Nothing that the esp32 port builds from: other ports, what tests and documents, and what earlier builds left. */
const LEFT_OUT = [
  /^\.git$/,
  /^\.github$/,
  /^docs$/,
  /^tests$/,
  /^ports\/(?!esp32(\/|$))[^/]+$/,
  /^ports\/esp32\/build([-_].*)?$/,
  /(^|\/)__pycache__$/,
];

/**
 * Everything of a MicroPython tree that the esp32 port is built from, directories before what is in them, sorted. The
 * submodules of other ports alone would be ten times as much.
 */
export async function listSources(directory: string): Promise<readonly SourceEntry[]> {
  const { others } = await readSubmodules(directory);
  const leftOut = new Set(others);
  const found: SourceEntry[] = [];
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(join(directory, folder), { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (leftOut.has(path) || LEFT_OUT.some((pattern) => pattern.test(path))) continue;
      // A submodule's .git file points into the repository that it came from.
      if (entry.name === '.git') continue;
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
