import { join } from 'node:path';
import { ProfileError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';

/** A MicroPython release, or the preview of one. */
export type MicroPythonVersion = {
  readonly major: number;
  readonly minor: number;
  readonly micro: number;
  readonly preview: boolean;
};

const HEADER = join('py', 'mpconfig.h');
const HEADER_LIMIT = 1024 * 1024;

/**
 * The version that a MicroPython source tree says it is (MICROPY_VERSION_* in py/mpconfig.h). Throws ProfileError when
 * `directory` is no such tree.
 */
export async function readMicroPythonVersion(directory: string): Promise<MicroPythonVersion> {
  const path = join(directory, HEADER);
  const text = await readInput(path, "MicroPython's version header", HEADER_LIMIT).then(
    (bytes) => bytes.toString(),
    (error: unknown) => {
      throw new ProfileError(
        'MICROPYTHON_INVALID',
        `${directory} is no MicroPython source tree: it has no ${HEADER}`,
        {
          where: { file: path },
          hint: 'Name the top directory of a MicroPython checkout, the one with py/ and ports/ in it.',
          cause: error,
        },
      );
    },
  );
  const field = (name: string): number => {
    const match = new RegExp(`^#define MICROPY_VERSION_${name} \\(?(\\d{1,4})\\)?\\s*$`, 'm').exec(
      text,
    );
    if (match !== null) return Number(match[1]);
    throw new ProfileError(
      'MICROPYTHON_INVALID',
      `${path} has no MICROPY_VERSION_${name}: MicroPython before v1.22, or another program`,
      { where: { file: path }, hint: 'Use MicroPython v1.22 to v1.28.' },
    );
  };
  return {
    major: field('MAJOR'),
    minor: field('MINOR'),
    micro: field('MICRO'),
    preview: field('PRERELEASE') !== 0,
  };
}

/** As MicroPython writes it: `v1.28.0`, `v1.29.0-preview`. */
export function micropythonTag({ major, minor, micro, preview }: MicroPythonVersion): string {
  return `v${major}.${minor}.${micro}${preview ? '-preview' : ''}`;
}

/** Reads a release's tag, `v1.28.0` or `v1.22`. Throws ProfileError for any other text. */
export function parseMicroPythonTag(tag: string): MicroPythonVersion {
  const match = /^v(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?$/.exec(tag);
  if (match === null)
    throw new ProfileError('MICROPYTHON_INVALID', `${tag} is no release of MicroPython`);
  const [, major, minor, micro = '0'] = match;
  return { major: Number(major), minor: Number(minor), micro: Number(micro), preview: false };
}
