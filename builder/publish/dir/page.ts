import { dirname, join } from 'node:path';
import { readInput } from '../../files/read-input.ts';
import type { ReleaseIndex } from '../../release-index/release-index.ts';
import type { HeldLock } from './lock.ts';
import { makePublicDirectories } from './place.ts';
import { replaceFile } from './replace-file.ts';

/** A file of a published tree: its path with forward slashes, below the directory that its list is for. */
export type PageFile = { readonly file: string; readonly bytes: Buffer };

/** What is published beside the releases for those who do not know ota-build. */
export type Page = {
  /** Below the root of the tree, shared by all boards: scripts. Their names change with their contents. */
  readonly assets: readonly PageFile[];
  /** Below the directory of the target name: index.html, esp-web-tools.json, <channel>.json. */
  readonly files: readonly PageFile[];
};

/** Makes the page of a target name from its index; `place` is its directory, where the releases are. */
export type PageMaker = (input: {
  readonly targetName: string;
  readonly index: ReleaseIndex;
  readonly place: string;
}) => Promise<Page>;

/** Writes what of a page is not there yet, scripts first: a page never asks for one that is still missing. */
export async function writePage(place: string, page: Page, lock: HeldLock): Promise<void> {
  for (const { file, bytes } of page.assets) await update(join(dirname(place), file), bytes, lock);
  for (const { file, bytes } of page.files) await update(join(place, file), bytes, lock);
}

async function update(path: string, bytes: Buffer, lock: HeldLock): Promise<void> {
  // Whatever else is there, a pipe or a file without end, is replaced.
  const current = await readInput(path, 'a published page', bytes.length).catch(() => undefined);
  if (current?.equals(bytes) === true) return;
  await makePublicDirectories(dirname(path));
  await replaceFile(path, bytes, lock);
}
