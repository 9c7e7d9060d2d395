import { PublishError, VerifyError } from '../errors/families.ts';
import type { Signer } from '../keys/signer.ts';
import { compareVersions, newestFirst } from '../release-index/versions.ts';
import { errorsOf } from '../verify/finding.ts';
import { describeFinding } from '../verify/report.ts';
import type { RoleTrust } from '../verify/trust-policy.ts';
import type { Publishable } from './publishable.ts';
import type { KnownReleases } from './target.ts';

/** What is refused unless `--allow-<name>` says that it is meant. */
export const GATES = [
  'unsigned',
  'unverified',
  'development',
  'drill',
  'secure-version',
  'not-newer',
  'dirty',
] as const;
export type GateName = (typeof GATES)[number];

/** A reason not to publish, as a clause that goes on after the name of the release. */
export type Objection = {
  readonly gate: GateName;
  readonly problem: string;
  /** What the problem consists of, where that is more than one thing: each a line of its own. */
  readonly findings?: readonly string[];
};

/** What the gates judge: a release, the channel that it is meant for, and who signs the index that lists it. */
export type Candidate = {
  readonly release: Publishable;
  readonly channel: string;
  /** The channel gets this version even when it had it before. */
  readonly repoint?: boolean;
  readonly signers: readonly Signer[];
  /** The target has an index, which needs a signature. */
  readonly signsIndex: boolean;
  /** Whose signatures on manifests and indexes count. */
  readonly trust?: RoleTrust;
};

/** Everything that speaks against publishing, whether it is allowed or not. */
export function objectionsTo(candidate: Candidate, known: KnownReleases): readonly Objection[] {
  return [
    ...unsigned(candidate, known),
    ...unverified(candidate),
    ...development(candidate),
    ...drill(candidate),
    ...againstChannel(candidate, known),
    ...dirty(candidate),
  ];
}

/** What speaks against one release. */
export type Judged = { readonly stem: string; readonly objections: readonly Objection[] };

/**
 * Throws when something that was not allowed speaks against these releases, and names all of it with the flags that allow it:
 * VerifyError when one does not pass the checker, else PublishError (RELEASE_REFUSED).
 */
export function requireAllowed(judged: readonly Judged[], allow: ReadonlySet<GateName>): void {
  const refused = judged.flatMap(({ stem, objections }) => {
    const gates = objections.filter(({ gate }) => !allow.has(gate));
    return gates.length === 0 ? [] : [{ stem, gates }];
  });
  if (refused.length === 0) return;
  const gates = refused.flatMap((each) => each.gates.map(({ gate }) => gate));
  const blocks = refused.map(({ stem, gates: failed }) => [
    `${stem} is not to be published:`,
    ...failed.flatMap(describeRefusal),
  ]);
  const flags = [...new Set(gates)].map((gate) => `--allow-${gate}`).join(' ');
  const options = {
    hint: `Mend it, or say that you mean it: ${flags}`,
    details: { refused },
  };
  // Several targets object to one release in the same words.
  const message = [...new Set(blocks.map((lines) => lines.join('\n')))].join('\n');
  throw gates.includes('unverified')
    ? new VerifyError('VERIFICATION_FAILED', message, options)
    : new PublishError('RELEASE_REFUSED', message, options);
}

function describeRefusal({ gate, problem, findings }: Objection): readonly string[] {
  const flag = `(--allow-${gate})`;
  return findings === undefined
    ? [`  - it ${problem} ${flag}`]
    : [`  - it ${problem}:`, ...findings.map((finding) => `    - ${finding}`), `    ${flag}`];
}

/** What is said of an objection that was allowed, on one line. */
export function describeAllowed(stem: string, { gate, problem, findings }: Objection): string {
  const list = findings === undefined ? '' : ` (${findings.join('; ')})`;
  return `${stem} ${problem}${list}; --allow-${gate} was given`;
}

function unsigned(
  { release, signers, signsIndex }: Candidate,
  { hasSignedIndex }: KnownReleases,
): readonly Objection[] {
  const isUnsigned = release.manifest.signing === null;
  const problem =
    hasSignedIndex === true
      ? 'would take the signature from an index that has one'
      : 'would stand in an index that nobody signs';
  return [
    ...objection(isUnsigned, 'unsigned', 'is not signed: nothing proves who made it'),
    ...objection(
      signsIndex && signers.length === 0,
      'unsigned',
      `${problem}: name the key with --key`,
    ),
  ];
}

function unverified({ release, signers, signsIndex, trust }: Candidate): readonly Objection[] {
  const errors = errorsOf(release.verification.checks);
  const counts = ({ digest }: Signer): boolean =>
    trust === undefined || trust.trustedKeys.some((key) => key.equals(digest));
  const strangers = signsIndex ? signers.filter((signer) => !counts(signer)) : [];
  return [
    ...(errors.length === 0
      ? []
      : [
          {
            gate: 'unverified' as const,
            problem: 'does not pass `ota-build verify`',
            findings: errors.map(describeFinding),
          },
        ]),
    ...strangers.map(({ reference, digest }) => ({
      gate: 'unverified' as const,
      problem: `would stand in an index signed by ${reference} (${digest.toString('hex')}), which the trust file does not trust for manifests`,
    })),
  ];
}

function development({ release, signers, signsIndex }: Candidate): readonly Objection[] {
  const keys = release.manifest.signing?.keys ?? [];
  return [
    ...objection(
      keys.some((key) => key.development === true),
      'development',
      'is signed with a development key, which is for trying out',
    ),
    ...objection(
      signsIndex && signers.some((signer) => signer.development),
      'development',
      'would stand in an index signed with a development key',
    ),
  ];
}

function drill({ release }: Candidate): readonly Objection[] {
  return objection(
    release.manifest.source.kind === 'drill',
    'drill',
    'is the rollback drill, firmware that is meant to fail',
  );
}

/** What devices of the channel have already, as far as it is known. */
function againstChannel(
  { release, channel, repoint }: Candidate,
  known: KnownReleases,
): readonly Objection[] {
  const { version, secureVersion } = release.manifest;
  const published = known.versions.filter((each) => each.channel === channel);
  // Once more what is there already: nothing changes for anybody.
  if (repoint !== true && published.some((each) => each.version === version)) return [];
  const highest = Math.max(0, ...published.map((each) => each.secureVersion ?? 0));
  const [newest] = published.map((each) => each.version).sort(newestFirst);
  return [
    ...objection(
      secureVersion < highest,
      'secure-version',
      `has secure_version ${secureVersion}, and channel ${channel} had ${highest} already: devices that burnt it would not start this`,
    ),
    ...notNewer(version, newest, channel),
  ];
}

function notNewer(
  version: string,
  newest: string | undefined,
  channel: string,
): readonly Objection[] {
  if (compareVersions(version, '0.0.0') === undefined)
    return objection(true, 'not-newer', `has a version that semver cannot compare: '${version}'`);
  const order = newest === undefined ? undefined : compareVersions(version, newest);
  return objection(
    order !== undefined && order <= 0,
    'not-newer',
    `is not newer than ${newest ?? ''}, which channel ${channel} has already`,
  );
}

/** As `git describe --dirty` marks what differs from its commit. */
const DIRTY = /-dirty(?:$|[.+-])/;

function dirty({ release: { manifest } }: Candidate): readonly Objection[] {
  const { source, version } = manifest;
  const isSourceDirty =
    source.kind === 'micropython' && (source.dirty || DIRTY.test(source.version));
  const said =
    source.kind === 'prebuilt' ? [source.micropython?.version, source.project?.version] : [];
  const found = said.find((text) => text !== undefined && DIRTY.test(text));
  return [
    ...objection(
      isSourceDirty,
      'dirty',
      'was compiled from sources with changes that no commit holds',
    ),
    ...objection(
      found !== undefined,
      'dirty',
      `is made of firmware that says that it was made from a dirty tree: ${found ?? ''}`,
    ),
    ...objection(
      DIRTY.test(version),
      'dirty',
      `has a version that says that it was made from a dirty tree: ${version}`,
    ),
  ];
}

function objection(isMet: boolean, gate: GateName, problem: string): readonly Objection[] {
  return isMet ? [{ gate, problem }] : [];
}
