import { createHash, randomBytes } from 'node:crypto';
import { copyFile, mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { clearOld, describeCacheFailure, makeCacheDirectory } from '../files/cache-directory.ts';
import { hashInput, readInput } from '../files/read-input.ts';
import { writeAndSync } from '../files/write-file.ts';

/** Finished builds, by the key of all that went into them. */
export type BuildCache = {
  /** The directory of a finished build whose every file is as it was put there; undefined when there is none. */
  readonly find: (key: string) => Promise<string | undefined>;
  /**
   * Keeps the files of a build directory (paths relative to it) and returns where. Without a key nothing finds them again:
   * they are there for the release that is being made.
   */
  readonly keep: (
    key: string | undefined,
    build: string,
    files: readonly string[],
  ) => Promise<string>;
  /** Forgets a build that no release can be made of: the next one like it has to be compiled. */
  readonly discard: (directory: string) => Promise<void>;
};

/** A build is about 30 MB, most of it the ELF file. */
const KEPT = 12;
const LIST = 'ota-build-files.json';

/** What an entry without a key is called, and how long the release that it is for may take. */
const ONCE = /^once-[0-9a-f]{12}$/;
const ONCE_MS = 60 * 60_000;

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
      await makeCacheDirectory(root);
      const suffix = randomBytes(6).toString('hex');
      const target = join(root, key ?? `once-${suffix}`);
      const aside = `${target}.${suffix}.partial`;
      try {
        await copyFiles(build, aside, files);
        if (!(await holdsSame(target, aside)))
          await putInPlace(aside, target, `${target}.${suffix}.old.partial`);
      } catch (error) {
        throw describeCacheFailure(error, root);
      } finally {
        await rm(aside, { recursive: true, force: true });
      }
      await removeOldest(root);
      await clearOld(root, /\.partial$/);
      await clearOld(root, ONCE, ONCE_MS);
      return target;
    },
    discard: (directory) => rm(directory, { recursive: true, force: true, maxRetries: 5 }),
  };
}

/** Files that the chip runs: equal ones make an equal build. */
const FIRMWARE = ['micropython.bin', 'bootloader/bootloader.bin'];

/** True when a whole entry holds the same firmware: it is left alone, for a release that is being made of it. */
async function holdsSame(target: string, aside: string): Promise<boolean> {
  if (!(await isWhole(target))) return false;
  const [kept, made] = await Promise.all([target, aside].map(readList));
  return FIRMWARE.every((file) => kept?.get(file) === made?.get(file));
}

/** Another build of the same may put its own there at any time: the last one wins, and both are as good. */
async function putInPlace(aside: string, target: string, old: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    await rename(target, old).catch(() => undefined);
    try {
      await rename(aside, target);
      break;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (attempt >= 5 || (code !== 'ENOTEMPTY' && code !== 'EEXIST')) throw error;
    } finally {
      await rm(old, { recursive: true, force: true });
    }
  }
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
    const list = await readList(directory);
    for (const [file, sha256] of list) {
      const found = await hashInput(join(directory, file), 'a file of a build');
      if (found.sha256 !== sha256) return false;
    }
    return list.size > 0;
  } catch {
    return false;
  }
}

async function readList(directory: string): Promise<ReadonlyMap<string, string>> {
  const bytes = await readInput(join(directory, LIST), 'a list of files', 1024 * 1024);
  return new Map(Object.entries(JSON.parse(bytes.toString()) as Record<string, string>));
}

async function removeOldest(root: string): Promise<void> {
  const names = (await readdir(root)).filter((name) => /^[0-9a-f]{64}$/.test(name));
  const dated = await Promise.all(
    names.map(async (name) => {
      const entry = await stat(join(root, name)).catch(() => undefined);
      return { name, time: entry?.mtimeMs ?? 0 };
    }),
  );
  dated.sort((a, b) => b.time - a.time);
  for (const { name } of dated.slice(KEPT))
    await rm(join(root, name), { recursive: true, force: true });
}
