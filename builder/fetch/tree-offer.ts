import type { Context } from '../pipeline/context.ts';
import {
  INDEX,
  parseReleaseIndex,
  type IndexEntry,
  type ReleaseIndex,
} from '../release-index/release-index.ts';
import { compareVersions } from '../release-index/versions.ts';
import type { Trust } from '../verify/trust.ts';
import { checkAgainstIndex, checkPolicy } from './check-arrived.ts';
import { checkListedFiles, chooseVersion, listed, unknownRelease } from './choose-version.ts';
import {
  checkIndexSigners,
  checkSequence,
  rememberIndex,
  stillCounts,
  type IndexJudge,
} from './index-trust.ts';
import { checkSubject } from './index-subject.ts';
import { openMemory, type Seen } from './memory.ts';
import type { Offer } from './offer.ts';
import { readIndex, type FoundIndex } from './read-index.ts';
import { channelOfRequest, targetNameOf, type FetchRequest } from './request.ts';
import type { Tree } from './tree.ts';

/**
 * What a published tree has of the release that is wanted, by its index: signed by a key that counts, not older than the
 * newest that was seen, which it then is. Throws FetchError, VerifyError, FormatError.
 */
export async function findInTree(
  context: Context,
  tree: Tree,
  request: FetchRequest,
  trust: Trust | undefined,
): Promise<Offer> {
  const target = targetNameOf(request);
  if (tree.isOpenToAll && trust === undefined)
    context.warn(
      'PLAIN_HTTP',
      `${tree.name} is plain http: anybody on the way can change what arrives, and without --trust the first time nobody would notice`,
    );
  const subject = `the index of ${target} in ${tree.name}`;
  const found = await readIndex(context, tree, target);
  if (found === undefined) throw await noTarget(tree, target);
  const memory = openMemory(context.environment, tree.identity, target);
  const recalled = await memory.recall();
  const counts = recalled !== undefined && stillCounts(recalled, trust);
  const seen = counts ? recalled : undefined;
  const judge: IndexJudge = {
    subject,
    trust,
    seen,
    allowUnsigned: request.allow.unsigned,
    memoryFile: memory.file,
  };
  const accepted = checkIndexSigners(found, judge);
  // Only now: what anybody can put there is not even parsed.
  const index = parseReleaseIndex(found.bytes, `${INDEX} of ${target}`);
  checkSubject(index, request, subject);
  checkSequence({ ...found, index }, judge);
  const entry = chooseVersion(index, request.wanted, subject);
  warnOfGoingBack(context, seen, request, entry);
  await memory.keep(rememberIndex({ ...found, index }, accepted, judge), { afresh: !counts });
  return offerOf({ tree, target, index, signers: found.signers, entry, request });
}

function offerOf({
  tree,
  target,
  index,
  signers,
  entry,
  request,
}: {
  readonly tree: Tree;
  readonly target: string;
  readonly index: ReleaseIndex;
  readonly signers: FoundIndex['signers'];
  readonly entry: IndexEntry;
  readonly request: FetchRequest;
}): Offer {
  const subject = `${target}-${entry.version}`;
  checkListedFiles(entry.files, `the index entry of ${subject}`);
  const facts = {
    isSigned: entry.keys.length > 0,
    development: entry.development,
    sourceKind: entry.sourceKind,
  };
  checkPolicy(facts, request.allow, subject);
  return {
    source: tree.name,
    version: entry.version,
    ...channelOfRequest(request),
    subject,
    files: entry.files,
    remembersKeys: signers.length > 0,
    open: ({ file, size }, from) => tree.open([target, entry.version, file], { from, size }),
    check: (release) => {
      checkAgainstIndex(release, index, entry);
    },
    accept: () => Promise.resolve(),
  };
}

/** A channel may go back on purpose, when a release turns out bad; devices do not take an older one by themselves. */
function warnOfGoingBack(
  context: Context,
  seen: Seen | undefined,
  { wanted }: FetchRequest,
  { version }: IndexEntry,
): void {
  if (wanted.kind !== 'channel') return;
  const newest = seen?.channels[wanted.channel];
  if (newest === undefined || (compareVersions(version, newest) ?? 0) >= 0) return;
  context.warn(
    'CHANNEL_WENT_BACK',
    `channel ${wanted.channel} went back: it has ${version} now, and ${newest} was seen before`,
  );
}

async function noTarget(tree: Tree, target: string): Promise<Error> {
  const there = await tree.targets();
  return unknownRelease(
    `${tree.name} has nothing for ${target}`,
    there.length === 0
      ? 'Is it the root of a published tree? --board and --variant choose the directory below it.'
      : `It has ${listed([...there].sort())}.`,
  );
}
