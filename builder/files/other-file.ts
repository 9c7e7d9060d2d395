import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { UsageError } from '../errors/families.ts';

/**
 * Throws UsageError when `output` is one of the files that are read, by its path or as another name of the same file:
 * an input is lost once its output is in its place, and some inputs are keys. Names are relative to `directory`.
 */
export async function requireOtherFile(
  directory: string,
  inputs: readonly string[],
  output: string,
): Promise<void> {
  const target = await identity(resolve(directory, output));
  for (const input of inputs) {
    if ((await identity(resolve(directory, input))) !== target) continue;
    throw new UsageError('USAGE', `${output} is ${input} itself, which is read and was kept`, {
      hint: 'Write to another file.',
    });
  }
}

async function identity(path: string): Promise<string> {
  return stat(path).then(
    ({ dev, ino }) => `${dev}:${ino}`,
    () => path,
  );
}
