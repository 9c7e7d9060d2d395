import { createHash } from 'node:crypto';
import { VerifyError } from '../errors/families.ts';
import { INDEX_SIGNATURE, type ReleaseIndex } from '../release-index/release-index.ts';
import { compareVersions } from '../release-index/versions.ts';
import { refusalsOf } from '../verify/trust-policy.ts';
import type { Trust } from '../verify/trust.ts';
import type { Seen } from './memory.ts';
import type { FoundIndex } from './read-index.ts';

/** What an index is held against. */
export type IndexJudge = {
  /** As messages name the index: its target name and source. */
  readonly subject: string;
  readonly trust: Trust | undefined;
  /** What was seen before, as far as it counts: see `stillCounts`. */
  readonly seen: Seen | undefined;
  readonly allowUnsigned: boolean;
  /** Where it is remembered, for hints. */
  readonly memoryFile: string;
};

/** An index that counts, and what it says. */
export type ReadIndex = FoundIndex & { readonly index: ReleaseIndex };

/**
 * False for what was taken down when nobody had said whose signatures count, by keys that do not count now: it must not
 * decide what a trusted index may say.
 */
export function stillCounts(seen: Seen, trust: Trust | undefined): boolean {
  if (trust === undefined || seen.trusted) return true;
  const trusted = trust.manifest.trustedKeys.map((key) => key.toString('hex'));
  return seen.keys.some((key) => trusted.includes(key));
}

/**
 * Returns the signers of an index that count: by the trust file in the role manifest, without one those that signed before
 * (trust on first use). Throws VerifyError (INDEX_UNTRUSTED) when none does.
 */
export function checkIndexSigners(found: FoundIndex, judge: IndexJudge): readonly string[] {
  const { subject, trust, seen } = judge;
  const { signers } = found;
  if (trust !== undefined) return checkTrusted(signers, trust, subject);
  if (signers.length === 0) {
    if ((seen?.keys.length ?? 0) > 0)
      throw untrusted(`${subject} was signed before, and is not any more`, CHANGED_HINT);
    if (judge.allowUnsigned) return [];
    throw untrusted(
      `${subject} is not signed: there is no ${INDEX_SIGNATURE}`,
      'Nothing proves who made it. --allow-unsigned takes it all the same.',
    );
  }
  if (seen === undefined || seen.keys.length === 0) return signers;
  const known = signers.filter((key) => seen.keys.includes(key));
  if (known.length > 0) return known;
  throw untrusted(
    `${subject} is signed by other keys than before: ${signers.join(', ')}; before, by ${seen.keys.join(', ')}`,
    CHANGED_HINT,
  );
}

/**
 * The keys that a release has to be signed by where no index is signed and no trust file says so: those that signed what was
 * fetched before. Undefined when there was nothing signed before.
 */
export function rememberedTrust(seen: Seen | undefined, file: string): Trust | undefined {
  if (seen === undefined || seen.keys.length === 0) return undefined;
  const trusted = { trustedKeys: seen.keys.map((key) => Buffer.from(key, 'hex')) };
  return { file: `the keys of earlier fetches (${file})`, image: trusted, manifest: trusted };
}

/** What to do about a change of keys, where nobody said whose signatures count. */
export const CHANGED_HINT =
  'If its publisher says so too, name the key whose signatures count: --trust KEY.pub.pem or a trust.yaml.';

function checkTrusted(
  signers: readonly string[],
  { manifest, file }: Trust,
  subject: string,
): readonly string[] {
  const trusted = manifest.trustedKeys.map((key) => key.toString('hex'));
  const counting = signers.filter((key) => trusted.includes(key));
  if (counting.length > 0) return counting;
  throw untrusted(
    signers.length === 0
      ? `${subject} is not signed, and ${file} says whose signatures count`
      : `${subject} is not signed by a key that ${file} trusts for release manifests: it is by ${signers.join(', ')}${refusalsOf(manifest.refusedKeys, signers)}`,
  );
}

/** Throws VerifyError (INDEX_ROLLED_BACK) for an index older than the newest seen, or another one with its number. */
export function checkSequence({ index, bytes }: ReadIndex, judge: IndexJudge): void {
  const { seen, subject, memoryFile } = judge;
  if (seen?.index === undefined) return;
  const { sequence, sha256 } = seen.index;
  const hint = `If its publisher says so too, remove ${memoryFile}, which is what was seen before.`;
  if (index.sequence < sequence)
    throw new VerifyError(
      'INDEX_ROLLED_BACK',
      `${subject} is an old one: its sequence is ${index.sequence}, and ${sequence} was seen already; it was rolled back or replayed`,
      { hint },
    );
  if (index.sequence === sequence && digestOf(bytes) !== sha256)
    throw new VerifyError(
      'INDEX_ROLLED_BACK',
      `${subject} is not the one with sequence ${sequence} that was seen before: there are two of them`,
      { hint },
    );
}

/**
 * What to remember of an index once it has been accepted. The list of signatures is not signed itself, so that anybody can
 * add one: a key counts from now on only if it counted before, or if the accepted index names it as a release's.
 */
export function rememberIndex(
  { index, bytes, signers }: ReadIndex,
  accepted: readonly string[],
  { seen, trust }: IndexJudge,
): Seen {
  const named = new Set(index.versions.flatMap(({ keys }) => keys));
  const endorsed = signers.filter((key) => named.has(key));
  const isFirst = (seen?.keys.length ?? 0) === 0;
  const before = trust === undefined ? (seen?.keys ?? []) : accepted;
  const first = endorsed.length > 0 ? endorsed : signers;
  const keys = isFirst && trust === undefined ? first : [...before, ...endorsed];
  return {
    index: { sequence: index.sequence, sha256: digestOf(bytes) },
    keys: [...new Set(keys)].sort(),
    trusted: trust !== undefined,
    channels: newestOf(seen?.channels ?? {}, index.channels),
  };
}

/** The newest version of each channel, of those seen before and those of an index. */
export function newestOf(
  seen: Readonly<Record<string, string>>,
  now: ReleaseIndex['channels'],
): Record<string, string> {
  const newest: Record<string, string> = { ...seen };
  for (const [channel, version] of Object.entries(now)) {
    const before = seen[channel];
    const isOlder = before !== undefined && (compareVersions(version, before) ?? 1) < 0;
    if (!isOlder) newest[channel] = version;
  }
  return newest;
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function untrusted(message: string, hint?: string): VerifyError {
  return new VerifyError('INDEX_UNTRUSTED', message, hint === undefined ? {} : { hint });
}
