import { channelOf, STABLE } from '../../release-index/versions.ts';

/**
 * The channel of a version in a GitHub release, which knows releases and pre-releases only: stable for a release, else the
 * channel that the version says by itself, `prerelease` where it says none.
 */
export function channelInGitHub(version: string, isPrerelease: boolean): string {
  if (!isPrerelease) return STABLE;
  const said = channelOf(version) ?? STABLE;
  return said === STABLE ? 'prerelease' : said;
}
