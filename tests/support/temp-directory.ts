import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** An empty directory outside any repository, removed when the running test ends. */
export async function tempDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'ota-build-test-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A directory with these files in it, by their paths; removed when the running test ends. */
export async function tempProject(
  files: Readonly<Record<string, string | Uint8Array>> = {},
): Promise<string> {
  const root = await tempDirectory();
  for (const [path, contents] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), contents);
  }
  return root;
}

/** True for a user whom no file permission stops: what to put in the name of a test that is skipped then. */
export const IS_ROOT = process.getuid?.() === 0;
