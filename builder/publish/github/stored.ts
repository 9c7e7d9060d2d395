import { z } from '../../schema/schema.ts';
import { answerOf } from './answer.ts';

/** An asset as GitHub has it. */
export type StoredAsset = {
  readonly id: number;
  readonly name: string;
  /** `uploaded` for a whole one; one that broke off is `starter`. */
  readonly state: string;
  readonly size: number;
  /** SHA-256 in hex; undefined where GitHub does not say (Enterprise Server, assets from before 2025). */
  readonly sha256: string | undefined;
};

/** A release as GitHub has it. */
export type StoredRelease = {
  readonly id: number;
  readonly tag: string;
  readonly isDraft: boolean;
  readonly isPrerelease: boolean;
  /** Assets and tag are locked; undefined where GitHub does not know of that. */
  readonly isImmutable: boolean | undefined;
  readonly body: string;
  /** RFC 6570 template: `https://uploads.github.com/…/assets{?name,label}`. */
  readonly uploadUrl: string;
  /** Page of the release. */
  readonly pageUrl: string;
  readonly publishedAt: string | undefined;
  readonly assets: readonly StoredAsset[];
};

/** docs.github.com, About releases. */
const MOST_ASSETS = 1000;

// What is used of an answer; there is much more in it. Source: REST API, schemas release and release-asset.
const assetSchema = z.object({
  id: z.number().int(),
  name: z.string(),
  state: z.string(),
  size: z.number().int().nonnegative(),
  digest: z.string().nullish(),
});
const releaseSchema = z.object({
  id: z.number().int(),
  tag_name: z.string(),
  draft: z.boolean(),
  prerelease: z.boolean(),
  immutable: z.boolean().nullish(),
  body: z.string().nullish(),
  upload_url: z.string(),
  html_url: z.string(),
  published_at: z.string().nullish(),
  assets: z.array(assetSchema).max(MOST_ASSETS),
});

/** `digest` is `sha256:` and 64 hex digits. Throws Error for an answer that is no asset. */
export function storedAsset(answer: unknown): StoredAsset {
  return assetIn(answerOf(assetSchema, answer));
}

function assetIn({ id, name, state, size, digest }: z.infer<typeof assetSchema>): StoredAsset {
  const [, sha256] = /^sha256:([0-9a-f]{64})$/.exec(digest ?? '') ?? [];
  return { id, name, state, size, sha256 };
}

/** Throws Error for an answer that is no release. */
export function storedRelease(answer: unknown): StoredRelease {
  const release = answerOf(releaseSchema, answer);
  return {
    id: release.id,
    tag: release.tag_name,
    isDraft: release.draft,
    isPrerelease: release.prerelease,
    isImmutable: release.immutable ?? undefined,
    body: release.body ?? '',
    uploadUrl: release.upload_url,
    pageUrl: release.html_url,
    publishedAt: release.published_at ?? undefined,
    assets: release.assets.map(assetIn),
  };
}
