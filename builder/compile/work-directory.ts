import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** A directory that one build has for itself. */
export type WorkDirectory = {
  readonly path: string;
  readonly remove: () => Promise<void>;
};

/** That many builds of the same thing at once is a mistake somewhere else. */
const MOST = 64;

/**
 * Makes an empty directory for a build. The same `name` gets the same path every time, unless another build is in it
 * right now: compiler caches recognise sources by their path.
 */
export async function createWorkDirectory(
  cacheDirectory: string,
  name: string,
): Promise<WorkDirectory> {
  const root = join(cacheDirectory, 'work');
  await mkdir(root, { recursive: true });
  const key = createHash('sha256').update(name).digest('hex').slice(0, 12);
  for (let number = 0; number < MOST; number++) {
    const path = join(root, number === 0 ? key : `${key}-${number}`);
    const lock = `${path}.lock`;
    if (!(await takeLock(lock))) continue;
    // What a killed build left there.
    await rm(path, { recursive: true, force: true });
    await mkdir(path);
    return {
      path,
      remove: async () => {
        await rm(path, { recursive: true, force: true });
        await rm(lock, { force: true });
      },
    };
  }
  throw new Error(`${MOST} builds are at work in ${root}`);
}

async function takeLock(lock: string): Promise<boolean> {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const file = await open(lock, 'wx');
      await file.writeFile(String(process.pid));
      await file.close();
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (await isHeld(lock)) return false;
    await rm(lock, { force: true });
  }
  return false;
}

async function isHeld(lock: string): Promise<boolean> {
  const pid = Number(await readFile(lock, 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
