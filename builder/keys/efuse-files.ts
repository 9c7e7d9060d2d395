import { basename, join, resolve } from 'node:path';
import { SigningError, UsageError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import { writeFileAtomically } from '../files/write-file.ts';
import type { EfusePlan } from './efuse-plan.ts';

/**
 * Where the digest file of a key goes: `keys/release.pub.pem` becomes `release.digest.bin` in `directory`, or
 * `release.digest16.bin` for a chip that stores 16 bytes of it only.
 */
export function digestFileName(directory: string, keyFile: string, length: number): string {
  const stem = basename(keyFile).replace(/(\.pub)?\.(pem|der)$/, '');
  const path = join(directory, `${stem}.digest${length === 32 ? '' : length}.bin`);
  return path.startsWith('-') ? `./${path}` : path;
}

/**
 * Writes the digest files of a plan. One that is there already stays when it holds the same: burnt is what a file held when
 * it was read, so no file ever changes. Throws SigningError when it holds something else, or is there for two keys.
 */
export async function writeDigestFiles(
  projectDirectory: string,
  { files }: Pick<EfusePlan, 'files'>,
): Promise<void> {
  for (const [index, { file, key }] of files.entries()) {
    const twin = files.slice(0, index).find((other) => other.file === file);
    if (twin !== undefined)
      throw new SigningError(
        'KEY_EXISTS',
        `the digests of ${twin.key} and ${key} would both be ${file}`,
        {
          hint: 'Give the keys files of different names.',
        },
      );
  }
  for (const { file, contents } of files) {
    const path = resolve(projectDirectory, file);
    const present = await readIfThere(path);
    if (present?.equals(contents) === true) continue;
    if (present !== undefined)
      throw new SigningError('KEY_EXISTS', `${file} is there already, and holds something else`, {
        hint: 'Move it away, or name another directory with --output.',
      });
    await writeFileAtomically(path, contents, { exclusive: true });
  }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readInput(path, 'a digest file');
  } catch (error) {
    if (error instanceof UsageError && error.code === 'INPUT_MISSING') return undefined;
    throw error;
  }
}
