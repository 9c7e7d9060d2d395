import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { withChunks } from './read-input.ts';

/**
 * Copies a file that a user named to a new file, makes sure that it reached the disk, and returns size in bytes and SHA-256
 * (hex) of what was copied. Holds a piece of it at a time. Throws as `readInput` does, and what the file system throws for
 * the new file.
 */
export async function copyInput(
  from: string,
  what: string,
  to: string,
): Promise<{ readonly size: number; readonly sha256: string }> {
  const file = await open(to, 'wx', 0o644);
  try {
    const hash = createHash('sha256');
    let size = 0;
    await withChunks(from, { what }, async (chunk) => {
      hash.update(chunk);
      await file.writeFile(chunk);
      size += chunk.length;
    });
    await file.sync();
    return { size, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}
