import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The root of our own package: the nearest folder above this file with a package.json, as source and when built. */
export function packageDirectory(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder))
    folder = dirname(folder);
  return folder;
}

/** Our own version. */
export function packageVersion(): string {
  const text = readFileSync(join(packageDirectory(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
