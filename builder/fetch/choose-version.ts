import { FetchError, VerifyError } from '../errors/families.ts';
import { CHECKSUMS, MANIFEST } from '../manifest/release-files.ts';
import type { IndexEntry, ReleaseIndex } from '../release-index/release-index.ts';
import { MOST_BYTES } from '../verify/read-release.ts';
import type { Wanted } from './request.ts';

const MOST_NAMED = 12;

/** The entry of the version that is wanted. `subject` names the index. Throws FetchError (RELEASE_UNKNOWN) with what there is. */
export function chooseVersion(index: ReleaseIndex, wanted: Wanted, subject: string): IndexEntry {
  const version = wanted.kind === 'version' ? wanted.version : index.channels[wanted.channel];
  const entry = index.versions.find((each) => each.version === version);
  if (entry !== undefined) return entry;
  const { versions } = index;
  if (wanted.kind === 'version')
    throw unknownRelease(
      `${subject} has no version ${wanted.version}`,
      `It has ${listed(versions.map((each) => each.version))}.`,
    );
  const channels = Object.entries(index.channels).map(([name, current]) => `${name} (${current})`);
  throw unknownRelease(
    `${subject} has no channel ${wanted.channel}`,
    `It has ${listed(channels)}. --channel or --version choose.`,
  );
}

/** `a, b, c and 3 more`: what there is, in a sentence. */
export function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const rest = names.length - MOST_NAMED;
  return names.slice(0, MOST_NAMED).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

export function unknownRelease(message: string, hint: string): FetchError {
  return new FetchError('RELEASE_UNKNOWN', message, { hint });
}

/** Files that are received: their names as they will be on disk, bytes, and SHA-256 in hex. */
export type ListedFile = {
  readonly file: string;
  readonly size: number;
  readonly sha256: string;
};

/**
 * Throws VerifyError (INDEX_MISMATCH) for a list of files that no release has: the same name twice, also where a file system
 * takes two names for one, no manifest, no SHA256SUMS (which the zip of a release does not hold), or more
 * bytes than any release.
 */
export function checkListedFiles(
  files: readonly Pick<ListedFile, 'file' | 'size'>[],
  subject: string,
  { hasChecksums = true } = {},
): void {
  const seen = new Map<string, string>();
  for (const { file } of files) {
    const other = seen.get(file.toLowerCase());
    if (other !== undefined)
      throw mismatch(`${subject} lists ${file === other ? file : `${other} and ${file}`} twice`);
    seen.set(file.toLowerCase(), file);
  }
  for (const needed of hasChecksums ? [MANIFEST, CHECKSUMS] : [MANIFEST]) {
    if (!files.some(({ file }) => file === needed))
      throw mismatch(`${subject} lists no ${needed}: it is not a release`);
  }
  const total = files.reduce((sum, { size }) => sum + size, 0);
  if (total > MOST_BYTES)
    throw mismatch(`${subject} lists ${total} bytes; a release has at most ${MOST_BYTES}`);
}

function mismatch(message: string): VerifyError {
  return new VerifyError('INDEX_MISMATCH', message);
}
