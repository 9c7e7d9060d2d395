import { open } from 'node:fs/promises';

/**
 * Makes sure that the names in a directory reached the disk: what was made, renamed or removed there. File systems that
 * know no such thing are passed over. Throws what the file system throws.
 */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } catch (error) {
    if (!/^(EINVAL|ENOTSUP|EOPNOTSUPP)$/.test((error as NodeJS.ErrnoException).code ?? ''))
      throw error;
  } finally {
    await directory.close();
  }
}
