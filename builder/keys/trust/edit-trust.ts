import { UsageError, VerifyError } from '../../errors/families.ts';
import {
  keysOfTrustFile,
  TRUST_ROLES,
  trustFileSchema,
  type TrustFile,
  type TrustFileKey,
  type TrustRole,
} from '../../schema/trust-file.ts';
import { changeYaml, parseYamlFile, type YamlChange } from '../../schema/yaml-file.ts';
import { roleTrust } from '../../verify/trust-policy.ts';

/** A trust file as it is now: its text, which edits keep with its comments, and what it says. */
export type TrustText = {
  /** The file as messages show it. */
  readonly name: string;
  readonly text: string;
};

const HEADER = '# Whose signatures count: keys/README.md of ota-build explains it.\n';

/** What a trust file says. Throws VerifyError for one that is not valid. */
export function parseTrust({ name, text }: TrustText): TrustFile {
  return parseYamlFile(
    name,
    text,
    trustFileSchema,
    (message, options) => new VerifyError('TRUST_INVALID', message, options),
  );
}

/**
 * A trust file with more keys at its end; a new one where there is none (`text` is undefined then). Throws UsageError for a
 * key that is listed for one of its roles already, revoked or not.
 */
export function addTrustedKeys(
  { name, text }: { readonly name: string; readonly text?: string },
  keys: readonly TrustFileKey[],
): string {
  const listed = text === undefined ? [] : keysOfTrustFile(parseTrust({ name, text }));
  for (const [index, key] of keys.entries())
    refuseListed(key, [...listed, ...keys.slice(0, index)]);
  return text === undefined
    ? `${HEADER}${changeYaml('', [{ kind: 'set', path: [], value: { schema: 2, keys } }])}`
    : changed({ name, text }, () =>
        keys.map((value) => ({ kind: 'append', path: ['keys'], value })),
      );
}

function refuseListed({ digest, roles }: TrustFileKey, listed: readonly TrustFileKey[]): void {
  const twin = listed.find(
    (key) => key.digest === digest && key.roles.some((role) => roles.includes(role)),
  );
  if (twin === undefined) return;
  if (twin.revoked === undefined) {
    const hint = 'Edit the file to change what is said of it.';
    throw new UsageError(
      'USAGE',
      `key ${digest} is listed for ${twin.roles.join(' and ')} already`,
      {
        hint,
      },
    );
  }
  throw new UsageError('USAGE', `key ${digest} was revoked on ${twin.revoked}: ${twin.why ?? ''}`, {
    hint: 'A key that was revoked does not come back: make a new one.',
  });
}

export type Revocation = {
  readonly digest: string;
  /** The day from which on nothing that it signed counts, as in 2026-05-20. */
  readonly revoked: string;
  readonly why: string;
  /** Revoke the key even if no other key counts for one of its roles then. */
  readonly mayBeLast: boolean;
};

/**
 * A trust file in which a key is revoked for all that it was listed for. Throws UsageError for a key that is not listed or is
 * revoked already, and for the last key that counts for a role.
 */
export function revokeTrustedKey(
  file: TrustText,
  { digest, revoked, why, mayBeLast }: Revocation,
  now: Date,
): string {
  const keys = keysOfTrustFile(parseTrust(file));
  const own = keys.filter((key) => key.digest === digest);
  if (own.length === 0) {
    throw new UsageError('USAGE', `${file.name} does not list key ${digest}`, {
      hint: 'A key that is not listed does not count: there is nothing to revoke.',
    });
  }
  const earlier = own.find((key) => key.revoked !== undefined);
  if (earlier !== undefined)
    throw new UsageError(
      'USAGE',
      `key ${digest} is revoked already, on ${earlier.revoked ?? ''}: ${earlier.why ?? ''}`,
    );
  if (!mayBeLast) refuseLast(keys, { digest, revoked }, now);
  return changed(file, ({ keys: entries }) =>
    entries.flatMap((entry, index): YamlChange[] =>
      entry.digest === digest
        ? [
            { kind: 'set', path: ['keys', index, 'revoked'], value: revoked },
            { kind: 'set', path: ['keys', index, 'why'], value: why },
          ]
        : [],
    ),
  );
}

/** A role without a key refuses everything that comes, and the next key could not be told from a forged one. */
function refuseLast(
  keys: readonly TrustFileKey[],
  { digest, revoked }: Pick<Revocation, 'digest' | 'revoked'>,
  now: Date,
): void {
  const day = new Date(Math.max(now.getTime(), Date.parse(`${revoked}T00:00:00Z`)));
  const others = keys.filter((key) => key.digest !== digest);
  const counts = (among: readonly TrustFileKey[], role: TrustRole): boolean =>
    roleTrust(among, role, day).trustedKeys.length > 0;
  const role = TRUST_ROLES.find((each) => counts(keys, each) && !counts(others, each));
  if (role === undefined) return;
  throw new UsageError(
    'USAGE',
    `no other key counts for ${role === 'image' ? 'images' : 'release manifests'} on ${day.toISOString().slice(0, 10)}: without this one, every release would be refused`,
    { hint: 'Add the next key first (keys trust add), or say --last.' },
  );
}

/** The text with some changes, in the words of version 2, and proved to be a trust file still. */
function changed(file: TrustText, changesOf: (trust: TrustFile) => readonly YamlChange[]): string {
  const trust = parseTrust(file);
  const text = changeYaml(file.text, [...toVersion2(trust), ...changesOf(trust)]);
  parseTrust({ name: file.name, text });
  return text;
}

function toVersion2({ schema, keys }: TrustFile): readonly YamlChange[] {
  if (schema === 2) return [];
  return [
    { kind: 'set', path: ['schema'], value: 2 },
    ...keys.map((_, index): YamlChange => {
      return { kind: 'set', path: ['keys', index, 'roles'], value: [...TRUST_ROLES] };
    }),
  ];
}
