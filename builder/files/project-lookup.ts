import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { packageDirectory } from './package-directory.ts';

/** A file found for a user: where it is, and how to name it in messages. */
export type FoundFile = { readonly path: string; readonly from: 'project' | 'package' };

/**
 * Finds `folder/name` in the user's project first, then in our package. Undefined when neither has it.
 * `folder` and `name` are ours to choose: callers check names that come from outside.
 */
export async function findInProject(
  projectDirectory: string,
  folder: string,
  name: string,
): Promise<FoundFile | undefined> {
  for (const [from, root] of roots(projectDirectory)) {
    const path = join(root, folder, name);
    const isFile = await stat(path).then(
      (entry) => entry.isFile(),
      () => false,
    );
    if (isFile) return { path, from };
  }
  return undefined;
}

/** The sorted names, without extension, of every file with `extension` in `folder` of the project or the package. */
export async function listInProject(
  projectDirectory: string,
  folder: string,
  extension: string,
): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const [, root] of roots(projectDirectory)) {
    for (const entry of await readdir(join(root, folder)).catch(() => [])) {
      if (entry.endsWith(extension)) names.add(entry.slice(0, -extension.length));
    }
  }
  return [...names].sort();
}

function roots(projectDirectory: string): readonly (readonly [FoundFile['from'], string])[] {
  return [
    ['project', projectDirectory],
    ['package', packageDirectory()],
  ];
}
