import { join, resolve } from 'node:path';
import { PublishError } from '../../errors/families.ts';
import type { Signer } from '../../keys/signer.ts';
import { withEntry, type ReleaseIndex } from '../../release-index/release-index.ts';
import { someAtATime } from '../../process/some-at-a-time.ts';
import type { RoleTrust } from '../../verify/trust-policy.ts';
import type { GateName } from '../gates.ts';
import { entryOf, subjectOf } from '../index-entry.ts';
import type { Publication, PublishedRelease, KnownReleases, Target } from '../target.ts';
import { differencesFrom } from './compare-tree.ts';
import { takeLock, type HeldLock, type LockOptions } from './lock.ts';
import { writePage, type PageMaker } from './page.ts';
import { describePlaceFailure, openPlace, requirePublishableDirectory } from './place.ts';
import { clearLeftovers, placeRelease, requireSameRelease } from './place-release.ts';
import { readIndex, type CurrentIndex } from './read-index.ts';
import { writeIndex } from './write-index.ts';

export type DirTargetOptions = LockOptions & {
  readonly projectDirectory: string;
  readonly allow: ReadonlySet<GateName>;
  /** Whose signatures on an index count. */
  readonly trust?: RoleTrust;
  readonly page?: PageMaker;
  readonly warn?: (code: string, message: string) => void;
  readonly now?: () => Date;
};

/** `dir:PATH`: a static tree that any web server serves, with an index for each board and variant. */
export function dirTarget(name: string, directory: string, options: DirTargetOptions): Target {
  const root = resolve(options.projectDirectory, directory);
  const policy = (signers: readonly Signer[]) => ({
    signers,
    ...(options.trust === undefined ? {} : { trust: options.trust }),
    allowUnverified: options.allow.has('unverified'),
  });
  return {
    name,
    signsIndex: true,
    preflight: () => requirePublishableDirectory(root),
    known: async (targetName, signers) => {
      const current = await readIndex(join(root, targetName), policy(signers)).catch(
        (error: unknown) => {
          throw describePlaceFailure(error, join(root, targetName));
        },
      );
      return knownReleases(current);
    },
    publish: async (publications, signers, done) => {
      const boards = [...new Set(publications.map(({ release }) => release.targetName))];
      // Boards have nothing to do with each other, and most of the time goes into waiting for the disk.
      const releases = await someAtATime(boards, BOARDS_AT_ONCE, async (targetName) => {
        const ofBoard = publications.filter(({ release }) => release.targetName === targetName);
        return publishAll(await openPlace(root, targetName), ofBoard, {
          work: { options, signers, read: (place) => readIndex(place, policy(signers)) },
          done,
        });
      });
      return { target: name, releases: releases.flat() };
    },
  };
}

const BOARDS_AT_ONCE = 4;

type Work = {
  readonly options: DirTargetOptions;
  readonly signers: readonly Signer[];
  readonly read: (place: string) => Promise<CurrentIndex | undefined>;
};

/** The versions of one board, one after the other: the last one has the channel. */
async function publishAll(
  place: string,
  publications: readonly Publication[],
  { work, done }: { readonly work: Work; readonly done: (release: PublishedRelease) => void },
): Promise<readonly PublishedRelease[]> {
  const releases: PublishedRelease[] = [];
  for (const publication of publications) {
    work.options.signal.throwIfAborted();
    const published = await publishOne(place, publication, work);
    releases.push(published);
    done(published);
  }
  return releases;
}

async function publishOne(
  place: string,
  publication: Publication,
  work: Work,
): Promise<PublishedRelease> {
  try {
    const lock = await takeLock(place, work.options);
    try {
      return await publishLocked(place, publication, { ...work, lock });
    } finally {
      await lock.release();
    }
  } catch (error) {
    throw describePlaceFailure(error, place);
  }
}

/** Every step can be the last: what is there then is the old state or the new one, and the next run goes on from it. */
async function publishLocked(
  place: string,
  publication: Publication,
  work: Work & { readonly lock: HeldLock },
): Promise<PublishedRelease> {
  const { options, signers, lock } = work;
  const { release, channel } = publication;
  const current = await readAdmitting(place, publication, work);
  const placed = await placeRelease(place, release, { lock, signal: options.signal });
  const isListed = isListedAlready(current?.index, publication);
  let index = current?.index;
  if (index === undefined || !isListed) {
    const publishedAt = (options.now?.() ?? new Date()).toISOString();
    index = withEntry(index, subjectOf(release), entryOf(release, channel, publishedAt));
    await writeIndex(place, index, { current, signers, lock });
  }
  if (options.page !== undefined) {
    const { targetName } = release;
    await writePage(place, await options.page({ targetName, index, place }), lock);
  }
  return {
    stem: release.stem,
    channel,
    place: join(place, release.manifest.version),
    already: placed.already && isListed,
  };
}

/** The index as it is now that nobody else changes it; throws when it does not admit this release. */
async function readAdmitting(
  place: string,
  publication: Publication,
  { options, read }: Work,
): Promise<CurrentIndex | undefined> {
  const { release } = publication;
  await clearLeftovers(place);
  const current = await read(place);
  publication.admit?.(knownReleases(current));
  requireSameSubject(current?.index, publication, place);
  const { version } = release.manifest;
  const entry = current?.index.versions.find((each) => each.version === version);
  if (entry !== undefined) requireSameRelease(entry.files, release, place);
  for (const message of await differencesFrom(place, current?.index, version))
    options.warn?.('TREE_INCOMPLETE', message);
  return current;
}

function isListedAlready(index: ReleaseIndex | undefined, publication: Publication): boolean {
  const { release, channel } = publication;
  const { version } = release.manifest;
  const entry = index?.versions.find((each) => each.version === version);
  return entry?.channel === channel && !isToBeRepointed(index, publication);
}

function isToBeRepointed(
  index: ReleaseIndex | undefined,
  { release, channel, repoint }: Publication,
): boolean {
  return repoint === true && index?.channels[channel] !== release.manifest.version;
}

function requireSameSubject(
  index: ReleaseIndex | undefined,
  { release }: Publication,
  place: string,
): void {
  const subject = subjectOf(release);
  if (
    index === undefined ||
    (index.board === subject.board &&
      index.variant === subject.variant &&
      index.chip === subject.chip)
  )
    return;
  const what = [index.board, index.variant].filter((part) => part !== undefined).join('-');
  throw new PublishError(
    'TARGET_INVALID',
    `${place} has releases of ${what} for ${index.chip}; ${release.stem} is for ${subject.chip}`,
    { where: { file: place } },
  );
}

function knownReleases(current: CurrentIndex | undefined): KnownReleases {
  const index = current?.index;
  const versions = index?.versions ?? [];
  // A channel can point to a version that was published to another channel since.
  const pointedTo = Object.entries(index?.channels ?? {}).flatMap(([channel, version]) =>
    versions
      .filter((each) => each.version === version && each.channel !== channel)
      .map(({ secureVersion }) => ({ version, channel, secureVersion })),
  );
  const hasSignedIndex = (current?.signatures.length ?? 0) > 0;
  return { versions: [...versions, ...pointedTo], hasSignedIndex };
}
