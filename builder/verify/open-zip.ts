import { fromBuffer, open, type Entry, type ZipFile } from 'yauzl';
import type { Zip } from './zip-bytes.ts';

export type { Entry as ZipEntry, ZipFile };

/**
 * Opens a zip by its directory, to be closed by the caller. Names that lead elsewhere (`..`, an absolute path, a backslash) and
 * entries that unpack to another size than they say are errors of reading it.
 */
export function openZip(zip: Zip): Promise<ZipFile> {
  const options = { lazyEntries: true, strictFileNames: true, validateEntrySizes: true };
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null, archive: ZipFile): void => {
      if (error === null) resolve(archive);
      else reject(error);
    };
    if (typeof zip === 'string') open(zip, { ...options, autoClose: false }, settle);
    else fromBuffer(zip, options, settle);
  });
}
