import { createHash } from 'node:crypto';
import { PublishError } from '../../errors/families.ts';
import { channelOf, newestFirst } from '../../release-index/versions.ts';
import type { KnownReleases } from '../target.ts';
import type { GitHubApi } from './api.ts';
import { stemOfManifestAsset } from './asset-names.ts';
import { channelInGitHub } from './release-channel.ts';
import type { StoredAsset } from './stored.ts';

/** A release directory in a published GitHub release. */
export type ListedRelease = {
  readonly stem: string;
  readonly isPrerelease: boolean;
  readonly publishedAt: string;
  readonly manifest: StoredAsset;
};

const MANIFEST_LIMIT = 1024 * 1024;

/** Every release directory that is published: those that have a manifest. */
export async function listReleases(api: GitHubApi): Promise<readonly ListedRelease[]> {
  return api.releases(({ isDraft, isPrerelease, publishedAt, assets }) =>
    isDraft
      ? []
      : assets.flatMap((manifest) => {
          const stem = stemOfManifestAsset(manifest.name);
          return stem === undefined
            ? []
            : [{ stem, isPrerelease, publishedAt: publishedAt ?? '', manifest }];
        }),
  );
}

/**
 * What is published for a board. The secure_version is read for the newest version of each channel and for the one that was
 * published last: no release before them has a higher one, unless a gate was opened for it.
 */
export async function knownReleases(
  api: GitHubApi,
  listed: readonly ListedRelease[],
  targetName: string,
): Promise<KnownReleases> {
  const versions = listed.flatMap((release) => {
    const version = versionOf(release.stem, targetName);
    return version === undefined
      ? []
      : [{ ...release, version, channel: channelInGitHub(version, release.isPrerelease) }];
  });
  const newest = versions.toSorted((a, b) => newestFirst(a.version, b.version));
  const last = versions.toSorted((a, b) => (a.publishedAt < b.publishedAt ? 1 : -1));
  const matters = new Set(
    [...new Set(versions.map(({ channel }) => channel))].flatMap((channel) => [
      newest.find((each) => each.channel === channel),
      last.find((each) => each.channel === channel),
    ]),
  );
  const known: KnownReleases['versions'][number][] = [];
  for (const release of newest) {
    const { version, channel } = release;
    const secureVersion = matters.has(release) ? await secureVersionOf(api, release) : undefined;
    known.push({ version, channel, ...(secureVersion === undefined ? {} : { secureVersion }) });
  }
  return { versions: known };
}

/** The version in `<target name>-<version>`; undefined when that is another board's, such as one of its variants. */
function versionOf(stem: string, targetName: string): string | undefined {
  if (!stem.startsWith(`${targetName}-`)) return undefined;
  const version = stem.slice(targetName.length + 1);
  return channelOf(version) === undefined ? undefined : version;
}

async function secureVersionOf(api: GitHubApi, { stem, manifest }: ListedRelease): Promise<number> {
  const bytes = await readManifest(api, manifest);
  const secureVersion = bytes === undefined ? undefined : secureVersionIn(bytes);
  if (secureVersion !== undefined) return secureVersion;
  throw new PublishError(
    'RELEASE_REFUSED',
    `${manifest.name} in ${api.repository} cannot be read, so it is not known which secure_version ${stem} has`,
    { hint: 'Look at that release: something has changed its manifest.' },
  );
}

/** The manifest's bytes; undefined when it is too large, or not what GitHub says that it is. */
async function readManifest(api: GitHubApi, asset: StoredAsset): Promise<Buffer | undefined> {
  if (asset.size > MANIFEST_LIMIT) return undefined;
  const bytes = await api.readAsset(asset);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return bytes.length === asset.size && (asset.sha256 ?? sha256) === sha256 ? bytes : undefined;
}

/** Of a manifest of this or a later version of ours; its signature was checked by whoever published it, and is by whoever fetches. */
function secureVersionIn(bytes: Buffer): number | undefined {
  try {
    const { secureVersion } = JSON.parse(bytes.toString()) as { secureVersion?: unknown };
    return Number.isSafeInteger(secureVersion) && (secureVersion as number) >= 0
      ? (secureVersion as number)
      : undefined;
  } catch {
    return undefined;
  }
}
