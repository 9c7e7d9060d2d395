import type { SignatureScheme } from './chip.ts';

/** An ESP-IDF release as numbers: [5, 5, 1]. */
type Release = readonly [major: number, minor: number, patch: number];

/** ESP-IDF releases that can be configured for a scheme (components/bootloader/Kconfig.projbuild of each tag). */
const RELEASES: Readonly<
  Record<SignatureScheme, { readonly first: Release; readonly last?: Release }>
> = {
  rsa3072: { first: [4, 1, 0] },
  ecdsa256: { first: [5, 0, 0] },
  ecdsa192: { first: [5, 0, 0], last: [6, 0, 1] },
  ecdsa384: { first: [5, 5, 1] },
};

/**
 * Why firmware that was built with an ESP-IDF of this name (`v5.1.2`, as `git describe` says it) cannot verify a scheme;
 * undefined when it can, and when the name does not tell: commits after a tag, forks and empty names are not judged.
 */
export function unsupportedByRelease(
  scheme: SignatureScheme,
  idfVersion: string,
): string | undefined {
  const release = parseRelease(idfVersion);
  if (release === undefined) return undefined;
  const { first, last } = RELEASES[scheme];
  if (compare(release, first) < 0)
    return `ESP-IDF ${idfVersion} does not know ${scheme}, which came with v${first.join('.')}`;
  if (last !== undefined && compare(release, last) > 0)
    return `ESP-IDF ${idfVersion} no longer knows ${scheme}; v${last.join('.')} was the last that did`;
  return undefined;
}

function parseRelease(name: string): Release | undefined {
  const match = /^v(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?(-dirty)?$/.exec(name);
  if (match === null) return undefined;
  const [, major, minor, patch = '0'] = match;
  return [Number(major), Number(minor), Number(patch)];
}

function compare(a: Release, b: Release): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
