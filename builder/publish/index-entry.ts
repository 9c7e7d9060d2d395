import type { IndexEntry, IndexSubject } from '../release-index/release-index.ts';
import type { Publishable } from './publishable.ts';

/** What an index with this release is about. */
export function subjectOf({ manifest: { board, variant, chip } }: Publishable): IndexSubject {
  return { board, ...(variant === undefined ? {} : { variant }), chip };
}

/** The entry of a release in an index. `publishedAt` is ISO 8601 in UTC. */
export function entryOf(
  { manifest, verification, files }: Publishable,
  channel: string,
  publishedAt: string,
): IndexEntry {
  return {
    version: manifest.version,
    channel,
    publishedAt,
    secureVersion: manifest.secureVersion,
    sourceKind: manifest.source.kind,
    development: manifest.signing?.keys.some(({ development }) => development === true) ?? false,
    keys: [...verification.signedBy],
    files: files.map(({ file, size, sha256 }) => ({ file, size, sha256 })),
  };
}
