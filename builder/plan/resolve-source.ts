import { stat } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Chip } from '../chip/chip.ts';
import { ProfileError } from '../errors/families.ts';
import { findBuildFiles } from '../esp-idf/build-files.ts';
import { packageDirectory } from '../files/package-directory.ts';
import { hashInput } from '../files/read-input.ts';
import { shortPath } from '../profile/load-profile.ts';
import type { FinishedSource } from './plan.ts';

/** What `--firmware` says for the built-in rollback drill; a file of that name is `./drill`. */
const DRILL = 'drill';

export type SourceRequest = {
  readonly projectDirectory: string;
  readonly firmware: string;
  readonly chip: Chip;
};

/** Where the app comes from, pinned by its SHA-256. Throws ProfileError or UsageError when there is nothing to take. */
export async function resolveSource(request: SourceRequest): Promise<FinishedSource> {
  const { projectDirectory, firmware } = request;
  const path = firmware === DRILL ? findDrill(request) : resolve(projectDirectory, firmware);
  if (await isDirectory(path)) return resolveBuild(path, shortPath(projectDirectory, path));
  return {
    kind: firmware === DRILL ? 'drill' : 'prebuilt',
    file: shortPath(projectDirectory, path),
    ...(await hashInput(path, 'a firmware image')),
  };
}

/** A directory is an ESP-IDF build, or an error that says so. */
async function resolveBuild(path: string, directory: string): Promise<FinishedSource> {
  const { files } = await findBuildFiles(path, directory);
  return { kind: 'build-directory', directory, files: [...files] };
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}

function findDrill({ chip }: SourceRequest): string {
  // Ours only: a file of the project that takes its place would still be called a drill.
  const path = join(packageDirectory(), 'firmware', 'drill', `${chip.name}.elf`);
  if (existsSync(path)) return path;
  throw new ProfileError('NOT_AVAILABLE', `there is no rollback drill for ${chip.title}`);
}
