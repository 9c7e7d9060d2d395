import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a directory and those above it that are missing; `made` is told of each. Returns the outermost that was made, undefined
 * when there was nothing to make. Not by `mkdir` with `recursive`, which never ends where the file system says ENOENT for a
 * directory whose parent is there, as /proc does. Throws what the file system throws.
 */
export async function makeDirectories(
  path: string,
  options: { readonly mode?: number; readonly made?: (path: string) => Promise<void> } = {},
): Promise<string | undefined> {
  const entry = await stat(path).catch(() => undefined);
  if (entry !== undefined) return undefined;
  const above = dirname(path);
  const outermost = path === above ? undefined : await makeDirectories(above, options);
  try {
    await mkdir(path, options.mode);
  } catch (error) {
    // Somebody else made it, or it is a file or a link that leads nowhere, which is told by who looks next.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return outermost;
    throw error;
  }
  await options.made?.(path);
  return outermost ?? path;
}
