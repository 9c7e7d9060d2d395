import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The root of our own package: the nearest folder above this file with a package.json, as source and when built. */
export function packageDirectory(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder))
    folder = dirname(folder);
  return folder;
}
