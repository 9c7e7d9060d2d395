import { createHash, randomBytes } from 'node:crypto';
import { copyFile, mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hashInput, readInput } from '../files/read-input.ts';
import { writeAndSync } from '../files/write-file.ts';

/** Finished builds, by the key of all that went into them. */
export type BuildCache = {
  /** The directory of a finished build whose every file is as it was put there; undefined when there is none. */
  readonly find: (key: string) => Promise<string | undefined>;
  /** Keeps the files of a build directory (paths relative to it) and returns where. */
  readonly keep: (key: string, build: string, files: readonly string[]) => Promise<string>;
};

/** A build is about 30 MB, most of it the ELF file. */
const KEPT = 12;
const LIST = 'ota-build-files.json';

/** The cache under `cacheDirectory`. Entries appear whole or not at all; the least recently used ones go first. */
export function buildCache(cacheDirectory: string): BuildCache {
  const root = join(cacheDirectory, 'builds');
  return {
    find: async (key) => {
      const directory = join(root, key);
      if (!(await isWhole(directory))) return undefined;
      const now = new Date();
      await utimes(directory, now, now).catch(() => undefined);
      return directory;
    },
    keep: async (key, build, files) => {
      const target = join(root, key);
      const aside = `${target}.${randomBytes(6).toString('hex')}.partial`;
      try {
        await copyFiles(build, aside, files);
        await rm(target, { recursive: true, force: true });
        await rename(aside, target);
      } finally {
        await rm(aside, { recursive: true, force: true });
      }
      await removeOldest(root);
      return target;
    },
  };
}

/** SHA-256 (hex) of everything that decides what a build makes. */
export function cacheKey(parts: Readonly<Record<string, unknown>>): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

async function copyFiles(from: string, to: string, files: readonly string[]): Promise<void> {
  const list: Record<string, string> = {};
  for (const file of files) {
    await mkdir(dirname(join(to, file)), { recursive: true });
    await copyFile(join(from, file), join(to, file));
    list[file] = (await hashInput(join(to, file), 'a file of a build')).sha256;
  }
  await writeAndSync(join(to, LIST), Buffer.from(`${JSON.stringify(list, null, 2)}\n`), 0o644);
}

/** Somebody may have tidied up, or the disk may have been full: what is not as it was is not there. */
async function isWhole(directory: string): Promise<boolean> {
  try {
    const text = (
      await readInput(join(directory, LIST), 'a list of files', 1024 * 1024)
    ).toString();
    const list = Object.entries(JSON.parse(text) as Record<string, string>);
    for (const [file, sha256] of list) {
      const found = await hashInput(join(directory, file), 'a file of a build');
      if (found.sha256 !== sha256) return false;
    }
    return list.length > 0;
  } catch {
    return false;
  }
}

async function removeOldest(root: string): Promise<void> {
  const names = (await readdir(root)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  const dated = await Promise.all(
    names.map(async (name) => ({ name, time: (await stat(join(root, name))).mtimeMs })),
  );
  dated.sort((a, b) => b.time - a.time);
  for (const { name } of dated.slice(KEPT))
    await rm(join(root, name), { recursive: true, force: true });
}
