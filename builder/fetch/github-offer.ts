import { createHash } from 'node:crypto';
import { FetchError, VerifyError } from '../errors/families.ts';
import { CHECKSUMS } from '../manifest/release-files.ts';
import type { Context } from '../pipeline/context.ts';
import { assetName, stemOfManifestAsset } from '../publish/github/asset-names.ts';
import { channelOf, compareVersions, newestFirst, STABLE } from '../release-index/versions.ts';
import type { Trust } from '../verify/trust.ts';
import { checkListedFiles, listed, unknownRelease, type ListedFile } from './choose-version.ts';
import { parseChecksums } from './checksums.ts';
import { newestOf, rememberedTrust, stillCounts } from './index-trust.ts';
import { openMemory, type Memory, type Seen } from './memory.ts';
import type { Offer } from './offer.ts';
import { channelOfRequest, targetNameOf, type FetchRequest } from './request.ts';
import type { GithubAsset, GithubRelease, GithubReleases } from './sources/github.ts';

const SUMS_LIMIT = 64 * 1024;

/** A release of the target that somebody asks for, in a GitHub release. */
type Candidate = {
  readonly version: string;
  readonly channel: string;
  readonly release: GithubRelease;
};

/**
 * What a repository's releases have of the release that is wanted. There is no signed index: which version a channel has is
 * GitHub's word, so that one older than the newest seen is refused; the release's own signatures prove the rest. Throws
 * FetchError, VerifyError.
 */
export async function findOnGithub(
  context: Context,
  releases: GithubReleases,
  request: FetchRequest,
  trust: Trust | undefined,
): Promise<Offer> {
  const target = targetNameOf(request);
  const memory = openMemory(context.environment, releases.identity, target);
  const recallCounting = async (): Promise<Seen | undefined> => {
    const recalled = await memory.recall();
    return recalled !== undefined && stillCounts(recalled, trust) ? recalled : undefined;
  };
  const seen = await recallCounting();
  const candidate = await choose(releases, request, target);
  const { version, channel, release } = candidate;
  if (request.wanted.kind === 'channel') checkNotOlder(candidate, seen, memory);
  const subject = `${target}-${version}`;
  const assets = assetsOf(release, subject, releases.name);
  const remembered = trust === undefined ? rememberedTrust(seen, memory.file) : undefined;
  const files = await listFiles(releases, assets, subject);
  return {
    source: releases.name,
    version,
    ...channelOfRequest(request),
    subject,
    files,
    remembersKeys: true,
    open: ({ file }, from) => releases.open(required(assets, subject, file), from),
    ...(remembered === undefined ? {} : { remembered }),
    check: () => undefined,
    accept: async ({ manifest }) => {
      // The manifest is signed by a key that counts, so that the keys which it names count from now on.
      const named = manifest.signing?.keys.map(({ digest }) => digest) ?? [];
      const keys = [
        ...new Set([...(remembered === undefined ? [] : (seen?.keys ?? [])), ...named]),
      ];
      // Another run, of another channel or of this one, may have taken something down while this one received its files.
      const now = await recallCounting();
      const channels = newestOf(now?.channels ?? {}, { [channel]: version });
      await memory.keep({ keys, trusted: trust !== undefined, channels }, { afresh: true });
    },
  };
}

async function choose(
  releases: GithubReleases,
  { wanted }: FetchRequest,
  target: string,
): Promise<Candidate> {
  const candidates: Candidate[] = [];
  if (wanted.kind === 'version') {
    const tagged = await releases.ofTag(`v${wanted.version}`);
    const found = candidatesIn(tagged, target).find(({ version }) => version === wanted.version);
    if (found !== undefined) return found;
  }
  for await (const release of releases.all()) candidates.push(...candidatesIn(release, target));
  const [newest] = candidates
    .filter(({ version, channel }) =>
      wanted.kind === 'version' ? version === wanted.version : channel === wanted.channel,
    )
    .sort((a, b) => newestFirst(a.version, b.version));
  if (newest !== undefined) return newest;
  if (candidates.length === 0)
    throw unknownRelease(
      `${releases.name} has no release for ${target}`,
      'A release names its boards; --board and --variant have to be the same.',
    );
  const what =
    wanted.kind === 'version' ? `version ${wanted.version}` : `channel ${wanted.channel}`;
  const there = candidates.map(({ version, channel }) => `${version} (${channel})`);
  throw unknownRelease(
    `${releases.name} has no ${what} for ${target}`,
    `It has ${listed(there)}. --channel or --version choose.`,
  );
}

/** `<target>-<version>` names a release of this target only when the rest is a version: a variant is not. */
function candidatesIn(release: GithubRelease | undefined, target: string): readonly Candidate[] {
  if (release === undefined) return [];
  return release.assets.flatMap(({ name }) => {
    const stem = stemOfManifestAsset(name);
    if (stem?.startsWith(`${target}-`) !== true) return [];
    const version = stem.slice(target.length + 1);
    if (compareVersions(version, version) === undefined) return [];
    const own = channelOf(version) ?? STABLE;
    const prerelease = own === STABLE ? 'prerelease' : own;
    return [{ version, channel: release.prerelease ? prerelease : STABLE, release }];
  });
}

function checkNotOlder(
  { version, channel }: Candidate,
  seen: Seen | undefined,
  { file }: Memory,
): void {
  const newest = seen?.channels[channel];
  if (newest === undefined || (compareVersions(version, newest) ?? 0) >= 0) return;
  throw new VerifyError(
    'INDEX_ROLLED_BACK',
    `channel ${channel} has ${version} now, and ${newest} was seen before: it was rolled back or replayed`,
    {
      hint: `--version ${version} takes it on purpose. If it is to stay so, remove ${file}, which is what was seen before.`,
    },
  );
}

function assetsOf(
  release: GithubRelease,
  stem: string,
  name: string,
): ReadonlyMap<string, GithubAsset> {
  const assets = new Map<string, GithubAsset>();
  for (const asset of release.assets) {
    if (!asset.name.startsWith(`${stem}.`)) continue;
    if (assets.has(asset.name))
      throw mismatch(`release ${release.tag_name} of ${name} has two assets ${asset.name}`);
    assets.set(asset.name, asset);
  }
  return assets;
}

function required(
  assets: ReadonlyMap<string, GithubAsset>,
  stem: string,
  file: string,
): GithubAsset {
  const name = assetName(stem, file);
  const asset = assets.get(name);
  if (asset === undefined || (asset.state ?? 'uploaded') !== 'uploaded')
    throw new FetchError('DOWNLOAD_MISMATCH', `the GitHub release has no asset ${name}`, {
      hint: 'Its upload may not have ended.',
    });
  return asset;
}

/** The files that SHA256SUMS lists, and itself, with the sizes of their assets. */
async function listFiles(
  releases: GithubReleases,
  assets: ReadonlyMap<string, GithubAsset>,
  stem: string,
): Promise<readonly ListedFile[]> {
  const sums = required(assets, stem, CHECKSUMS);
  if (sums.size > SUMS_LIMIT) throw mismatch(`${CHECKSUMS} of ${stem} has ${sums.size} bytes`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of releases.open(sums, 0)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const own = { file: CHECKSUMS, sha256: createHash('sha256').update(bytes).digest('hex') };
  const files = [...parseChecksums(bytes, `${CHECKSUMS} of ${stem}`), own].map(
    ({ file, sha256 }) => {
      const { size, digest } = required(assets, stem, file);
      if (digest?.startsWith('sha256:') === true && digest !== `sha256:${sha256}`)
        throw mismatch(`${file} of ${stem} is another file on GitHub than ${CHECKSUMS} lists`);
      return { file, size, sha256 };
    },
  );
  checkListedFiles(files, `${CHECKSUMS} of ${stem}`);
  return files;
}

function mismatch(message: string): VerifyError {
  return new VerifyError('INDEX_MISMATCH', message);
}
