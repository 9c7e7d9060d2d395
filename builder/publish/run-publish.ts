import { resolve } from 'node:path';
import { UsageError } from '../errors/families.ts';
import type { SecretOptions } from '../keys/secret-source.ts';
import type { Signer } from '../keys/signer.ts';
import { someAtATime } from '../process/some-at-a-time.ts';
import { channelOf, isChannel, newestFirst } from '../release-index/versions.ts';
import { projectTrust, readTrust, type Trust } from '../verify/trust.ts';
import {
  describeAllowed,
  objectionsTo,
  requireAllowed,
  type Candidate,
  type GateName,
  type Judged,
} from './gates.ts';
import { openIndexSigners } from './open-index-signers.ts';
import { openTarget } from './open-target.ts';
import { checkPublishable, type Publishable } from './publishable.ts';
import type { KnownReleases, Publication, Published, PublishedRelease, Target } from './target.ts';

export type PublishJob = SecretOptions & {
  /** Release directories, as the user wrote them; none for a dry run that asks about the targets alone. */
  readonly releases: readonly string[];
  /** `dir:PATH`, `github:OWNER/REPO`. */
  readonly targets: readonly string[];
  readonly channel?: string;
  /** Tag of a release on GitHub, instead of `v<version>`. */
  readonly tag?: string;
  readonly keys: readonly string[];
  readonly trust?: string;
  readonly allow: ReadonlySet<GateName>;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly note: (message: string) => void;
  readonly warn: (code: string, message: string) => void;
  /** Hears of every release that is out, also when a later one fails. */
  readonly done: (target: string, release: PublishedRelease) => void;
};

/** What was published, or would have been. */
export type PublishOutcome = {
  readonly publications: readonly Publication[];
  readonly published: readonly Published[];
};

/**
 * Publishes release directories: opens the targets, verifies every release as it is on disk, asks the gates, and only then
 * changes anything. A dry run stops there. Without releases it ends with what can be told of targets and keys. Throws PublishError, VerifyError, SigningError, UsageError.
 */
export async function runPublish(job: PublishJob): Promise<PublishOutcome> {
  const trust = await trustOf(job);
  const targets = job.targets.map((name) => openTarget(name, targetOptions(job, trust)));
  for (const target of targets) await target.preflight();
  const releases = await checkReleases(job);
  const signers = await openIndexSigners(job.keys, {
    ...job,
    scheme: releases[0]?.manifest.signing?.scheme ?? 'rsa3072',
  });
  const publications = oldestFirst(releases).map((release) => publicationOf(release, job));
  const judge = judgeOf({ trust, signers });
  const judged: Judged[] = [];
  for (const target of targets) {
    for (const publication of publications) {
      const { targetName } = publication.release;
      const known = await target.known(targetName, signers);
      const earlier = publications.slice(0, publications.indexOf(publication));
      judged.push(judge(target, publication, withEarlier(known, earlier, targetName)));
    }
  }
  requireAllowed(judged, job.allow);
  tellAllowed(judged, job);
  const published: Published[] = [];
  if (job.dryRun) return { publications, published };
  for (const target of targets) {
    const admitted = publications.map((publication) => ({
      ...publication,
      admit: (known: KnownReleases) => {
        requireAllowed([judge(target, publication, known)], job.allow);
      },
    }));
    const done = (release: PublishedRelease): void => {
      job.done(target.name, release);
    };
    published.push(await target.publish(admitted, signers, done));
  }
  return { publications, published };
}

async function trustOf({ projectDirectory, releases, trust: name, warn }: PublishJob) {
  const trust =
    name === undefined
      ? await projectTrust(projectDirectory)
      : await readTrust(resolve(projectDirectory, name), name);
  if (trust === undefined && releases.length > 0)
    warn(
      'TRUST_MISSING',
      'no trust file was given (--trust, or keys/trust.yaml): that releases are whole is checked, not who signed them',
    );
  return trust;
}

function targetOptions(job: PublishJob, trust: Trust | undefined) {
  const { projectDirectory, environment, allow, signal, note, warn, tag } = job;
  return {
    ...{ projectDirectory, environment, allow, signal, note, warn },
    ...(tag === undefined ? {} : { tag }),
    ...(trust === undefined ? {} : { trust: trust.manifest }),
  };
}

async function checkReleases(job: PublishJob): Promise<readonly Publishable[]> {
  const { projectDirectory, trust, signal } = job;
  const releases = await someAtATime(job.releases, CHECKS_AT_ONCE, (name) => {
    signal.throwIfAborted();
    return checkPublishable(name, { projectDirectory, ...(trust === undefined ? {} : { trust }) });
  });
  for (const [index, release] of releases.entries()) {
    const twin = releases.slice(0, index).find(({ stem }) => stem === release.stem);
    if (twin !== undefined)
      throw new UsageError('USAGE', `${twin.name} and ${release.name} are both ${release.stem}`);
  }
  return releases;
}

/** Each has an app in memory. */
const CHECKS_AT_ONCE = 4;

const DRILL_CHANNEL = 'drill';

/** Their `<channel>.json` would take the place of another file of a board. */
const RESERVED_CHANNEL = /^(?:index|esp-web-tools.*)$/;

/** So that of two versions of one board the newer one has the channel afterwards. */
function oldestFirst(releases: readonly Publishable[]): readonly Publishable[] {
  return [...releases].sort((a, b) => {
    if (a.targetName !== b.targetName) return a.targetName < b.targetName ? -1 : 1;
    return newestFirst(b.manifest.version, a.manifest.version);
  });
}

/** What a target will have when the earlier releases of this run are there. */
function withEarlier(
  known: KnownReleases,
  earlier: readonly Publication[],
  targetName: string,
): KnownReleases {
  const added = earlier
    .filter(({ release }) => release.targetName === targetName)
    .map(({ release: { manifest }, channel }) => ({
      version: manifest.version,
      channel,
      secureVersion: manifest.secureVersion,
    }));
  return { ...known, versions: [...known.versions, ...added] };
}

function publicationOf(release: Publishable, { channel: asked, allow }: PublishJob): Publication {
  const { version, source } = release.manifest;
  // Never what a fleet takes by itself, unless that was asked for.
  const channel = asked ?? (source.kind === 'drill' ? DRILL_CHANNEL : channelOf(version));
  if (channel === undefined)
    throw new UsageError(
      'USAGE',
      `version ${version} of ${release.name} says no channel: semver cannot read it`,
      { hint: 'Name the channel with --channel.' },
    );
  if (!isChannel(channel) || RESERVED_CHANNEL.test(channel))
    throw new UsageError(
      'USAGE',
      `'${channel}' cannot be the name of a channel: expected a word of small letters, digits and -, such as beta`,
    );
  return { release, channel, repoint: allow.has('not-newer') };
}

function judgeOf({
  trust,
  signers,
}: {
  readonly trust: Trust | undefined;
  readonly signers: readonly Signer[];
}) {
  return (target: Target, publication: Publication, known: KnownReleases): Judged => {
    const candidate: Candidate = {
      ...publication,
      signers,
      signsIndex: target.signsIndex === true,
      ...(trust === undefined ? {} : { trust: trust.manifest }),
    };
    return { stem: publication.release.stem, objections: objectionsTo(candidate, known) };
  };
}

function tellAllowed(judged: readonly Judged[], { warn }: PublishJob): void {
  const told = judged.flatMap(({ stem, objections }) =>
    objections.map((objection) => describeAllowed(stem, objection)),
  );
  for (const message of new Set(told)) warn('GATE_ALLOWED', message);
}
