import { fingerprintOf } from './fingerprint.ts';
import { gitFacts } from './git-facts.ts';
import { openSourceTree, type SourceTree } from './source-tree.ts';
import { micropythonTag } from './version.ts';

/** A source tree, and what is in it. */
export type Checkout = SourceTree & {
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

/** Finds a source tree as `openSourceTree` does, throws as it does, and reads all that is in it. */
export async function openCheckout(directory: string, cacheDirectory: string): Promise<Checkout> {
  const tree = await openSourceTree(directory, cacheDirectory);
  const [git, { fingerprint }] = await Promise.all([gitFacts(tree), fingerprintOf(tree)]);
  if (git === undefined) {
    const described = micropythonTag(tree.version);
    return { ...tree, fingerprint, described, dirty: false, committedAt: UNDATED };
  }
  const { commit, committedAt, described, dirty } = git;
  return {
    ...tree,
    fingerprint,
    described: `${described}${dirty ? '-dirty' : ''}`,
    commit,
    dirty,
    committedAt,
  };
}
