import { join } from 'node:path';
import { readInput } from '../files/read-input.ts';

/**
 * Submodules that the esp32 port builds from (GIT_SUBMODULES in extmod/extmod.cmake, py/mkrules.cmake and
 * ports/esp32/esp32_common.cmake of v1.22 to v1.28; tinyusb in v1.24 and v1.25), with a file that is there once it is fetched.
 */
const NEEDED = [
  { path: 'lib/berkeley-db-1.xx', proof: 'README' },
  { path: 'lib/micropython-lib', proof: 'README.md' },
  { path: 'lib/tinyusb', proof: 'README.rst' },
] as const;

export type Submodules = {
  /** Paths that the esp32 port needs, and what proves that they were fetched. */
  readonly needed: readonly { readonly path: string; readonly proof: string }[];
  /** Paths of all the others. */
  readonly others: readonly string[];
};

/** Reads .gitmodules of a MicroPython tree; a tree without one (an unpacked archive) has no submodules. */
export async function readSubmodules(directory: string): Promise<Submodules> {
  const text = await readInput(
    join(directory, '.gitmodules'),
    'the list of submodules',
    1024 * 1024,
  )
    .then((bytes) => bytes.toString())
    .catch(() => '');
  const paths = [...text.matchAll(/^\s*path\s*=\s*(\S+)\s*$/gm)].map(([, path = '']) => path);
  const usesTinyUsb = await mentionsTinyUsb(directory);
  const needed = NEEDED.filter(
    ({ path }) => paths.includes(path) && (path !== 'lib/tinyusb' || usesTinyUsb),
  );
  const others = paths.filter((path) => !needed.some((each) => each.path === path));
  return { needed, others };
}

async function mentionsTinyUsb(directory: string): Promise<boolean> {
  const file = join(directory, 'ports', 'esp32', 'esp32_common.cmake');
  return readInput(file, "the port's CMake file", 1024 * 1024).then(
    (bytes) => bytes.includes('lib/tinyusb'),
    () => false,
  );
}
