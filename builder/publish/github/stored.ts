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

type AssetAnswer = {
  readonly id: number;
  readonly name: string;
  readonly state: string;
  readonly size: number;
  readonly digest?: string | null;
};

type ReleaseAnswer = {
  readonly id: number;
  readonly tag_name: string;
  readonly draft: boolean;
  readonly prerelease: boolean;
  readonly immutable?: boolean;
  readonly body?: string | null;
  readonly upload_url: string;
  readonly html_url: string;
  readonly published_at: string | null;
  readonly assets: readonly AssetAnswer[];
};

/** Source: REST API, schema release-asset; `digest` is `sha256:` and 64 hex digits. */
export function storedAsset({ id, name, state, size, digest }: AssetAnswer): StoredAsset {
  const [, sha256] = /^sha256:([0-9a-f]{64})$/.exec(digest ?? '') ?? [];
  return { id, name, state, size, sha256 };
}

/** Source: REST API, schema release. */
export function storedRelease(answer: ReleaseAnswer): StoredRelease {
  return {
    id: answer.id,
    tag: answer.tag_name,
    isDraft: answer.draft,
    isPrerelease: answer.prerelease,
    isImmutable: answer.immutable,
    body: answer.body ?? '',
    uploadUrl: answer.upload_url,
    pageUrl: answer.html_url,
    publishedAt: answer.published_at ?? undefined,
    assets: answer.assets.map(storedAsset),
  };
}
