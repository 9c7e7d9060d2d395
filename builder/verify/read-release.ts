import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../errors/families.ts';
import { hashInput, readInput } from '../files/read-input.ts';
import { errorFinding, type Finding } from './finding.ts';

/** No release of ours has more files than this; a directory that has more is not one. */
const MOST_FILES = 64;
/** Two full-flash images of 128 MiB, their parts and the zip of all would still fit. */
export const MOST_BYTES = 600 * 1024 * 1024;

/** A zip that is not held in memory. `sha256` is in hex. */
export type ZipOnDisk = { readonly path: string; readonly sha256: string };

/** The contents of a release directory as they are on disk now. */
export type ReleaseFiles = {
  readonly files: ReadonlyMap<string, Buffer>;
  /** Zips, which hold everything else once more: their names, and where they are. */
  readonly zips?: ReadonlyMap<string, ZipOnDisk>;
  readonly findings: readonly Finding[];
};

/**
 * Reads every file of a release directory, zips as far as their digest. Directories, links and other things in it become findings; a directory that
 * cannot be read is a UsageError.
 */
export async function readRelease(directory: string): Promise<ReleaseFiles> {
  const entries = await list(directory);
  if (entries.length > MOST_FILES) {
    throw new UsageError(
      'USAGE',
      `${directory} has ${entries.length} entries: it is not a release directory`,
    );
  }
  const files = new Map<string, Buffer>();
  const zips = new Map<string, ZipOnDisk>();
  const findings: Finding[] = [];
  let total = 0;
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!entry.isFile()) {
      const message = 'is not a regular file; a release has nothing else';
      findings.push(errorFinding('FILE_UNEXPECTED', message, { file: entry.name }));
      continue;
    }
    const path = join(directory, entry.name);
    if (entry.name.endsWith('.zip')) {
      const { size, sha256 } = await hashInput(path, 'the zip of a release', MOST_BYTES - total);
      total += size;
      zips.set(entry.name, { path, sha256 });
      continue;
    }
    const bytes = await readInput(path, 'a file of a release', MOST_BYTES - total);
    total += bytes.length;
    files.set(entry.name, bytes);
  }
  return { files, zips, findings };
}

async function list(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new UsageError(
        'INPUT_MISSING',
        `${directory} does not exist; a release directory was expected`,
        { cause: error },
      );
    }
    throw new UsageError(
      'INPUT_UNREADABLE',
      `${directory} cannot be read as a directory (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`,
      { cause: error },
    );
  }
}
