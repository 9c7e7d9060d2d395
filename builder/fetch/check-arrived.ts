import { VerifyError } from '../errors/families.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { IndexEntry, ReleaseIndex } from '../release-index/release-index.ts';
import { errorsOf } from '../verify/finding.ts';
import { describeFindings } from '../verify/report.ts';
import type { Verification } from '../verify/verify-path.ts';
import type { Allowances, FetchRequest } from './request.ts';

/** A release that passed the checker, with its manifest. */
export type HoldingRelease = Verification & { readonly manifest: Manifest };

/** Throws VerifyError with everything that does not hold. */
export function requireHolding(
  verification: Verification,
  { what, hint }: { readonly what: string; readonly hint?: string },
): HoldingRelease {
  const { manifest } = verification;
  const errors = errorsOf(verification.checks);
  if (errors.length > 0 || !verification.ok)
    throw new VerifyError(
      'VERIFICATION_FAILED',
      `${what} does not pass verification:\n${describeFindings(errors)}`,
      hint === undefined ? {} : { hint },
    );
  if (manifest === undefined)
    throw new VerifyError('VERIFICATION_FAILED', `${what} has no manifest`);
  return { ...verification, manifest };
}

/** Throws VerifyError (INDEX_MISMATCH) when a release is not the one that was asked for. */
export function checkAsked(
  { manifest }: HoldingRelease,
  { board, variant }: Pick<FetchRequest, 'board' | 'variant'>,
  version: string,
): void {
  requireSame('what was asked for', [
    ['board', manifest.board, board],
    ['variant', manifest.variant ?? 'none', variant ?? 'none'],
    ['version', manifest.version, version],
  ]);
}

/** Throws VerifyError (INDEX_MISMATCH) when the index says something else about a release than its manifest and its signatures. */
export function checkAgainstIndex(
  { manifest, signedBy }: HoldingRelease,
  index: Pick<ReleaseIndex, 'chip'>,
  entry: IndexEntry,
): void {
  requireSame('the index', [
    ['chip', manifest.chip, index.chip],
    ['version', manifest.version, entry.version],
    ['secure_version', manifest.secureVersion, entry.secureVersion],
    ['source', manifest.source.kind, entry.sourceKind],
    ['development key', String(hasDevelopmentKey(manifest)), String(entry.development)],
    ['keys', sorted(manifest.signing?.keys.map(({ digest }) => digest)), sorted(entry.keys)],
    ['signatures', sorted(signedBy), sorted(entry.keys)],
  ]);
}

function sorted(digests: readonly string[] = []): string {
  return digests.length === 0 ? 'none' : [...digests].sort().join(' and ');
}

type Comparison = readonly [
  what: string,
  found: string | number | undefined,
  expected: string | number,
];

function requireSame(whose: string, comparisons: readonly Comparison[]): void {
  const wrong = comparisons.filter(([, found, expected]) => found !== expected);
  if (wrong.length === 0) return;
  const list = wrong.map(
    ([what, found, expected]) => `${what} ${found ?? 'none'}, not ${expected}`,
  );
  throw new VerifyError(
    'INDEX_MISMATCH',
    `this is another release than ${whose}: ${list.join('; ')}`,
  );
}

function hasDevelopmentKey({ signing }: Manifest): boolean {
  return signing?.keys.some(({ development }) => development === true) ?? false;
}

/** What of a release decides whether it is taken at all. */
export type PolicyFacts = {
  readonly isSigned: boolean;
  readonly development: boolean;
  readonly sourceKind: IndexEntry['sourceKind'];
};

export function policyFactsOf(manifest: Manifest): PolicyFacts {
  return {
    isSigned: manifest.signing !== null,
    development: hasDevelopmentKey(manifest),
    sourceKind: manifest.source.kind,
  };
}

/** Throws VerifyError (POLICY_REFUSED) for what should not have left the house, unless it is taken on purpose. */
export function checkPolicy(facts: PolicyFacts, allow: Allowances, what: string): void {
  if (!facts.isSigned && !allow.unsigned)
    throw refused(`${what} is not signed: nothing proves who made it`, '--allow-unsigned');
  if (facts.development && !allow.development)
    throw refused(`${what} is signed with a development key`, '--allow-development');
  if (facts.sourceKind === 'drill' && !allow.drill)
    throw refused(`${what} is a rollback drill, which is meant to fail on the device`, '--drill');
}

function refused(message: string, flag: string): VerifyError {
  return new VerifyError('POLICY_REFUSED', message, { hint: `${flag} takes it all the same.` });
}
