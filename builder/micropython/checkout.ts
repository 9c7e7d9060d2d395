import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ProfileError } from '../errors/families.ts';
import { hashInput } from '../files/read-input.ts';
import { gitFacts } from './git-facts.ts';
import { readSubmodules } from './submodules.ts';
import { listSources } from './sources.ts';
import { micropythonTag, readMicroPythonVersion, type MicroPythonVersion } from './version.ts';

/** A MicroPython source tree that something can be built from. */
export type Checkout = {
  readonly directory: string;
  readonly version: MicroPythonVersion;
  /** What MicroPython shall say of itself: `v1.28.0`, `v1.28.0-3-g0123456789-dirty`. */
  readonly described: string;
  /** Absent for sources that are in no git repository. */
  readonly commit?: string;
  readonly dirty: boolean;
  /** In seconds since 1970; for sources that no git dates, the first day of 1980. */
  readonly committedAt: number;
  /** SHA-256: equal for equal sources. */
  readonly fingerprint: string;
};

/** 1980-01-01, the earliest date that a zip file can hold. */
const UNDATED = 315_532_800;

/**
 * Looks at a MicroPython source tree without changing a byte of it. Throws ProfileError when it is none, or when the
 * submodules that the esp32 port needs were never fetched; UsageError when the directory is not there.
 */
export async function openCheckout(directory: string): Promise<Checkout> {
  const version = await readMicroPythonVersion(directory);
  await requireEsp32Port(directory);
  const { needed } = await readSubmodules(directory);
  for (const { path, proof } of needed) {
    if (await exists(join(directory, path, proof))) continue;
    throw new ProfileError(
      'MICROPYTHON_INVALID',
      `${directory} has nothing in ${path}: its submodules were not fetched`,
      {
        where: { file: join(directory, path) },
        hint: `Run: git -C ${directory} submodule update --init ${needed.map((each) => each.path).join(' ')}`,
      },
    );
  }
  const git = await gitFacts(directory);
  if (git === undefined) {
    const described = micropythonTag(version);
    const fingerprint = await hashTree(directory);
    return { directory, version, described, dirty: false, committedAt: UNDATED, fingerprint };
  }
  const { commit, committedAt, described, dirty, fingerprint } = git;
  return {
    directory,
    version,
    described: `${described}${dirty ? '-dirty' : ''}`,
    commit,
    dirty,
    committedAt,
    fingerprint,
  };
}

async function requireEsp32Port(directory: string): Promise<void> {
  const file = join(directory, 'ports', 'esp32', 'CMakeLists.txt');
  if (await exists(file)) return;
  throw new ProfileError('MICROPYTHON_INVALID', `${directory} has no ports/esp32/CMakeLists.txt`, {
    where: { file },
    hint: 'Name the top directory of a MicroPython checkout, the one with py/ and ports/ in it.',
  });
}

async function hashTree(directory: string): Promise<string> {
  const hash = createHash('sha256');
  for (const { path, kind } of await listSources(directory)) {
    if (kind !== 'file') continue;
    const { sha256 } = await hashInput(join(directory, path), 'a source file');
    hash.update(`${path}\0${sha256}\0`);
  }
  return hash.digest('hex');
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
