import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { PublishError } from '../../errors/families.ts';
import type { Publication } from '../target.ts';
import { assetNames } from './asset-names.ts';
import { channelInGitHub } from './release-channel.ts';

/** A file that becomes an asset. */
export type PlannedAsset = {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly size: number;
  /** Hex; what the checker has seen. */
  readonly sha256: string;
};

/** One GitHub release, as it shall be. */
export type ReleasePlan = {
  readonly tag: string;
  readonly version: string;
  readonly channel: string;
  readonly isPrerelease: boolean;
  readonly publications: readonly Publication[];
  readonly assets: readonly PlannedAsset[];
  /** SHA-256 (hex) over names and digests of all assets: what tells drafts of the same bytes from others. */
  readonly digest: string;
};

/** Sources: docs.github.com, About releases, Storage and bandwidth quotas. */
const MOST_ASSETS = 1000;
const ASSET_LIMIT = 2 * 1024 ** 3;
/** What `git check-ref-format` takes, and a bit less. */
const TAG =
  /^(?!.*(?:\.\.|\/\/|\/\.|\.lock(?:\/|$)))[A-Za-z0-9](?:[A-Za-z0-9._+/-]{0,253}[A-Za-z0-9_+-])?$/;

/**
 * The one release that these become. Throws PublishError: TARGET_INVALID for a tag that git does not take, RELEASE_REFUSED for
 * different versions or channels, and for what GitHub could not keep apart.
 */
export function planRelease(
  publications: readonly Publication[],
  tagOverride?: string,
): ReleasePlan {
  const version = only(publications, 'version', ({ release }) => release.manifest.version);
  const channel = only(publications, 'channel', (each) => each.channel);
  const tag = tagOverride ?? tagOfVersion(version);
  requireTag(tag);
  const isPrerelease = channel !== 'stable';
  const kept = channelInGitHub(version, isPrerelease);
  if (kept !== channel)
    throw refusal(
      `version ${version} cannot be in channel ${channel} on GitHub, which knows releases and pre-releases only: it would be read as ${kept}`,
      `Give it a version that says its channel, such as 1.2.3-${channel}.1, or publish it to ${kept}.`,
    );
  const assets = publications.flatMap(assetsOf).sort((a, b) => (a.name < b.name ? -1 : 1));
  requireStorable(assets);
  return {
    tag,
    version,
    channel,
    isPrerelease,
    publications,
    assets,
    digest: digestOf(assets),
  };
}

/** The tag of a version, as the releases of a repository have it. */
export function tagOfVersion(version: string): string {
  return `v${version}`;
}

/** Throws PublishError (TARGET_INVALID) for what cannot be a tag. */
export function requireTag(tag: string): void {
  if (TAG.test(tag)) return;
  throw new PublishError(
    'TARGET_INVALID',
    `${JSON.stringify(tag)} cannot be a tag; letters, digits, ".", "_", "+", "-" and "/" were expected, as in v1.2.3`,
  );
}

function only(
  publications: readonly Publication[],
  what: string,
  of: (publication: Publication) => string,
): string {
  const values = [...new Set(publications.map(of))];
  const [value] = values;
  if (value === undefined) throw refusal('there is nothing to publish');
  if (values.length > 1)
    throw refusal(
      `a GitHub release has one ${what}, and these have ${values.join(', ')}`,
      `Publish each ${what} by a command of its own.`,
    );
  return value;
}

function assetsOf({ release }: Publication): readonly PlannedAsset[] {
  const names = assetNames(
    release.stem,
    release.files.map(({ file }) => file),
  );
  return release.files.map(({ file, size, sha256 }) => ({
    name: names.get(file) ?? file,
    path: join(release.directory, file),
    size,
    sha256,
  }));
}

function requireStorable(assets: readonly PlannedAsset[]): void {
  const twice = assets.find(({ name }, at) => at > 0 && assets[at - 1]?.name === name);
  if (twice !== undefined)
    throw refusal(`${twice.name} would be in the release twice: the same board was named twice`);
  if (assets.length > MOST_ASSETS)
    throw refusal(
      `${assets.length} files are too many: a GitHub release has at most ${MOST_ASSETS} assets`,
    );
  // GitHub takes no empty files: it answers such an upload with 422.
  const odd = assets.find(({ size }) => size === 0 || size >= ASSET_LIMIT);
  if (odd !== undefined)
    throw refusal(
      `${odd.name} has ${odd.size} bytes; an asset has at least 1, and less than 2 GiB`,
    );
}

function digestOf(assets: readonly PlannedAsset[]): string {
  const hash = createHash('sha256');
  for (const { name, size, sha256 } of assets) hash.update(`${sha256} ${size} ${name}\n`);
  return hash.digest('hex');
}

function refusal(message: string, hint?: string): PublishError {
  return new PublishError('RELEASE_REFUSED', message, hint === undefined ? {} : { hint });
}
