import type { TrustFileKey, TrustRole } from '../schema/trust-file.ts';

/** Whose signatures count in one role now, and why those of other known keys do not. */
export type RoleTrust = {
  /** SHA-256 digests of the keys that count. */
  readonly trustedKeys: readonly Buffer[];
  /** A sentence for each key that is known and does not count, by its digest in hex. */
  readonly refusedKeys?: ReadonlyMap<string, string>;
};

/**
 * What the keys of a trust file come to at `now`, for images or for manifests. A key is refused before its first day,
 * from the day of its revocation on (whenever the signature was made: its date is the signer's own word), and in a role
 * that it is not listed for.
 */
export function roleTrust(keys: readonly TrustFileKey[], role: TrustRole, now: Date): RoleTrust {
  const trustedKeys: Buffer[] = [];
  const refusedKeys = new Map<string, string>();
  for (const digest of new Set(keys.map((key) => key.digest))) {
    const entry = keys.find((key) => key.digest === digest && key.roles.includes(role));
    const problem = entry === undefined ? wrongRole(keys, digest, role) : outOfTime(entry, now);
    if (problem === undefined) trustedKeys.push(Buffer.from(digest, 'hex'));
    else refusedKeys.set(digest, `${nameOf(keys, digest)} ${problem}`);
  }
  return { trustedKeys, refusedKeys };
}

/** Why known keys among these (digests in hex) do not count, as the end of a sentence: empty, or '; key … was …'. */
export function refusalsOf(
  refusedKeys: ReadonlyMap<string, string> | undefined,
  digests: readonly string[],
): string {
  const reasons = new Set(digests.map((digest) => refusedKeys?.get(digest)));
  return [...reasons].map((reason) => (reason === undefined ? '' : `; ${reason}`)).join('');
}

function nameOf(keys: readonly TrustFileKey[], digest: string): string {
  const comment = keys.find((key) => key.digest === digest && key.comment !== undefined)?.comment;
  return comment === undefined ? `key ${digest}` : `key ${digest} (${comment})`;
}

function wrongRole(keys: readonly TrustFileKey[], digest: string, role: TrustRole): string {
  const roles = keys.filter((key) => key.digest === digest).flatMap((key) => key.roles);
  return `is trusted for ${roles.map(plural).join(' and ')} only, not for ${plural(role)}`;
}

function outOfTime({ from, revoked, why }: TrustFileKey, now: Date): string | undefined {
  if (revoked !== undefined && now >= startOf(revoked))
    return `was revoked on ${revoked}: ${why ?? ''}`;
  if (from !== undefined && now < startOf(from)) return `does not count before ${from}`;
  return undefined;
}

const plural = (role: TrustRole): string => (role === 'image' ? 'images' : 'release manifests');
const startOf = (day: string): Date => new Date(`${day}T00:00:00Z`);
