import { TRUST_ROLES, type TrustFileKey, type TrustRole } from '../../schema/trust-file.ts';
import { roleTrust } from '../../verify/trust-policy.ts';
import type { Colours } from '../output.ts';
import { printable } from './printable.ts';
import { renderTable } from './table.ts';

/** Keys of a trust file as --json prints them: what the file says, and for which roles they count now. */
export function trustJson(keys: readonly TrustFileKey[], now: Date): readonly unknown[] {
  return keys.map((key) => ({ ...key, counts: countsFor(key, now) }));
}

/** One line for each entry of a trust file: the whole digest, its roles, and whether it counts now or why not. */
export function renderTrust(keys: readonly TrustFileKey[], now: Date, colours: Colours): string {
  const columns = ['digest', 'roles', 'counts', 'comment'].map((title) => ({ title }));
  const rows = keys.map((key) => [
    key.digest,
    key.roles.join(', '),
    stateOf(key, now, colours),
    printable(key.comment ?? ''),
  ]);
  return renderTable(columns, rows, colours);
}

function stateOf(key: TrustFileKey, now: Date, colours: Colours): string {
  const { from, revoked, why = '' } = key;
  const isNow = countsFor(key, now).length > 0;
  if (revoked !== undefined && !isNow && now >= new Date(`${revoked}T00:00:00Z`))
    return colours.red(`no: revoked on ${revoked}, ${printable(why)}`);
  const since = from === undefined ? '' : ` from ${from}`;
  const until = revoked === undefined ? '' : ` until ${revoked}, ${printable(why)}`;
  return isNow ? colours.green(`yes${since}${until}`) : `not yet:${since}${until}`;
}

/** Roles of one entry in which it counts. */
function countsFor(key: TrustFileKey, now: Date): readonly TrustRole[] {
  return TRUST_ROLES.filter((role) => roleTrust([key], role, now).trustedKeys.length > 0);
}
