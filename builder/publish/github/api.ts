import { createHash } from 'node:crypto';
import type { ReadableStream } from 'node:stream/web';
import { z } from '../../schema/schema.ts';
import { answerOf, entriesOf } from './answer.ts';
import { statusOf } from './failure.ts';
import { guardedCall } from './guarded-call.ts';
import type { Octokit } from './octokit.ts';
import { requireUploadAddress, type GitHubPlace } from './repository.ts';
import { attemptOnce } from './retry.ts';
import { storedAsset, storedRelease, type StoredAsset, type StoredRelease } from './stored.ts';
import { wholeFetch } from './whole-fetch.ts';

// Source: REST API, schema full-repository.
const repositorySchema = z.object({
  full_name: z.string(),
  private: z.boolean(),
  archived: z.boolean(),
  permissions: z.object({ push: z.boolean() }).optional(),
});

/** What GitHub says of a repository and of the token that asks. */
export type RepositoryFacts = {
  /** `OWNER/REPO`; another one when the repository was renamed. */
  readonly fullName: string;
  readonly isPrivate: boolean;
  readonly isArchived: boolean;
  /** The user may push. Absent or false for tokens of an installation, whatever they may. */
  readonly push: boolean | undefined;
  /** Scopes of a classic token (X-OAuth-Scopes); other kinds have none. */
  readonly scopes: readonly string[] | undefined;
};

export type NewRelease = {
  readonly tag: string;
  readonly title: string;
  readonly body: string;
  readonly prerelease: boolean;
  /** Commit that the tag is made at when it does not exist. */
  readonly commit?: string;
};

/** Where an asset's bytes come from: `open` is called anew for every attempt. */
export type AssetSource = {
  readonly name: string;
  readonly size: number;
  readonly open: () => ReadableStream<Uint8Array>;
};

/** An upload that crawls is given up after this, and tried again. */
const UPLOAD_BASE_MS = 300_000;
const UPLOAD_BYTES_PER_MS = 50;

/** The calls of GitHub's REST API that publishing needs. All throw PublishError with the answer's status in its details. */
export class GitHubApi {
  readonly place: GitHubPlace;
  private readonly octokit: Octokit;
  private readonly token: string;
  private readonly signal: AbortSignal;

  constructor(
    octokit: Octokit,
    { place, token, signal }: { place: GitHubPlace; token: string; signal: AbortSignal },
  ) {
    this.octokit = octokit;
    this.place = place;
    this.token = token;
    this.signal = signal;
  }

  /** `OWNER/REPO`. */
  get repository(): string {
    return `${this.place.owner}/${this.place.repo}`;
  }

  async facts(): Promise<RepositoryFacts> {
    return this.call(`look at ${this.repository}`, async () => {
      const { data, headers } = await this.octokit.rest.repos.get(this.parameters());
      const facts = answerOf(repositorySchema, data);
      const scopes = headers['x-oauth-scopes'];
      return {
        fullName: facts.full_name,
        isPrivate: facts.private,
        isArchived: facts.archived,
        push: facts.permissions?.push,
        scopes: scopes === undefined ? undefined : scopes.split(',').map((scope) => scope.trim()),
      };
    });
  }

  /**
   * Asks for generated release notes, which are saved nowhere: the one call without an effect that needs the right to write
   * contents (REST API, Generate release notes content for a release).
   */
  async requireWriteAccess(tag: string): Promise<void> {
    await this.call(`write releases of ${this.repository}`, () =>
      this.octokit.rest.repos.generateReleaseNotes({ ...this.parameters(), tag_name: tag }),
    );
  }

  /** Every release that the token may see, drafts among them, newest first; `take` keeps what is wanted of a page. */
  async releases<T>(take: (release: StoredRelease) => readonly T[]): Promise<readonly T[]> {
    return this.call(`list the releases of ${this.repository}`, async () => {
      const pages = this.octokit.paginate.iterator(this.octokit.rest.repos.listReleases, {
        ...this.parameters(),
        // Every release comes with its assets, of which there can be a thousand.
        per_page: 30,
      });
      const taken: T[] = [];
      for await (const release of entriesOf(pages)) taken.push(...take(storedRelease(release)));
      return taken;
    });
  }

  /** The published release of a tag; undefined when there is none. Drafts are not found by their tag. */
  async releaseOfTag(tag: string): Promise<StoredRelease | undefined> {
    return this.orMissing(`look for release ${tag} of ${this.repository}`, async () => {
      const { data } = await this.octokit.rest.repos.getReleaseByTag({
        ...this.parameters(),
        tag,
      });
      return storedRelease(data);
    });
  }

  /** A release by its number, draft or not; undefined when it is not there. */
  async release(id: number): Promise<StoredRelease | undefined> {
    return this.orMissing(`look at release ${id} of ${this.repository}`, async () => {
      const { data } = await this.octokit.rest.repos.getRelease({
        ...this.parameters(),
        release_id: id,
      });
      return storedRelease(data);
    });
  }

  /** The commit (hex) that a branch, `tags/TAG` or an abbreviated commit stands for; undefined when there is none. */
  async commitOf(ref: string): Promise<string | undefined> {
    return this.orMissing(
      `look up ${ref} of ${this.repository}`,
      async () => {
        const { data } = await this.octokit.rest.repos.getCommit({
          ...this.parameters(),
          ref,
          mediaType: { format: 'sha' },
        });
        return answerOf(z.string(), data);
      },
      422,
    );
  }

  /** Not repeated when it fails: whether a draft was made has to be looked up first. */
  async createDraft(release: NewRelease): Promise<StoredRelease> {
    return this.callOnce(`make a draft release in ${this.repository}`, async () => {
      const { data } = await this.octokit.rest.repos.createRelease({
        ...this.parameters(),
        ...releaseFields(release),
        draft: true,
      });
      return storedRelease(data);
    });
  }

  /** Publishes a draft. Not repeated when it fails: whether it happened has to be looked up first. */
  async publishDraft(
    id: number,
    release: NewRelease & { readonly isLatest: boolean },
  ): Promise<StoredRelease> {
    return this.callOnce(`publish release ${release.tag} of ${this.repository}`, async () => {
      const { data } = await this.octokit.rest.repos.updateRelease({
        ...this.parameters(),
        release_id: id,
        ...releaseFields(release),
        draft: false,
        make_latest: release.isLatest ? 'true' : 'false',
      });
      return storedRelease(data);
    });
  }

  async deleteRelease(id: number): Promise<void> {
    await this.orMissing(`remove draft ${id} of ${this.repository}`, () =>
      this.octokit.rest.repos.deleteRelease({ ...this.parameters(), release_id: id }),
    );
  }

  async assets(releaseId: number): Promise<readonly StoredAsset[]> {
    return this.call(`list the assets of a release of ${this.repository}`, async () => {
      const pages = this.octokit.paginate.iterator(this.octokit.rest.repos.listReleaseAssets, {
        ...this.parameters(),
        release_id: releaseId,
        per_page: 100,
      });
      const assets: StoredAsset[] = [];
      for await (const asset of entriesOf(pages)) assets.push(storedAsset(asset));
      return assets;
    });
  }

  /** Uploads once. Not repeated when it fails, but for a rate limit: whether it was stored has to be looked up first. */
  async upload(release: StoredRelease, source: AssetSource): Promise<StoredAsset> {
    requireUploadAddress(release.uploadUrl, this.place);
    const limit = AbortSignal.timeout(
      UPLOAD_BASE_MS + Math.ceil(source.size / UPLOAD_BYTES_PER_MS),
    );
    return this.callOnce(`upload ${source.name}`, async () => {
      const { data } = await this.octokit.rest.repos.uploadReleaseAsset({
        ...this.parameters({
          signal: AbortSignal.any([this.signal, limit]),
          // A stream can be read once; a request that a rate limit has turned away is sent again.
          fetch: (url: string, init: RequestInit) =>
            wholeFetch(url, { ...init, body: source.open(), duplex: 'half' }),
        }),
        url: release.uploadUrl,
        release_id: release.id,
        name: source.name,
        headers: {
          'content-type': 'application/octet-stream',
          'content-length': source.size,
        },
        data: '',
      });
      return storedAsset(data);
    });
  }

  /** SHA-256 (hex) of what is stored; of its first bytes when there are more than GitHub says. */
  async hashAsset(asset: StoredAsset): Promise<string> {
    return this.download(asset, () => {
      const hash = createHash('sha256');
      return { take: (chunk) => hash.update(chunk), result: () => hash.digest('hex') };
    });
  }

  /** What is stored: as many bytes as GitHub says, or one piece more when there are more. For small assets. */
  async readAsset(asset: StoredAsset): Promise<Buffer> {
    return this.download(asset, () => {
      const chunks: Uint8Array[] = [];
      return { take: (chunk) => chunks.push(chunk), result: () => Buffer.concat(chunks) };
    });
  }

  /** Reads an asset from its beginning, again when the connection breaks off: `collect` is called for each attempt. */
  private async download<T>(
    { id, name, size }: StoredAsset,
    collect: () => { readonly take: (chunk: Uint8Array) => void; readonly result: () => T },
  ): Promise<T> {
    const attempt = async (): Promise<T> => {
      const { data } = await this.octokit.rest.repos.getReleaseAsset({
        ...this.parameters({ parseSuccessResponseBody: false }),
        asset_id: id,
        headers: { accept: 'application/octet-stream' },
      });
      const { take, result } = collect();
      let received = 0;
      for await (const chunk of data as unknown as ReadableStream<Uint8Array>) {
        take(chunk);
        received += chunk.length;
        if (received > size) break;
      }
      return result();
    };
    return this.call(`download ${name}`, attempt);
  }

  async deleteAsset({ id, name }: Pick<StoredAsset, 'id' | 'name'>): Promise<void> {
    await this.orMissing(`remove ${name} from a draft`, () =>
      this.octokit.rest.repos.deleteReleaseAsset({ ...this.parameters(), asset_id: id }),
    );
  }

  private parameters(request: Readonly<Record<string, unknown>> = {}): {
    readonly owner: string;
    readonly repo: string;
    readonly request: { signal: AbortSignal };
  } {
    const { owner, repo } = this.place;
    return { owner, repo, request: { signal: this.signal, ...request } };
  }

  /** What can be asked any number of times is asked again when there is no answer. */
  private call<T>(doing: string, request: () => Promise<T>): Promise<T> {
    return attemptOnce({
      signal: this.signal,
      attempt: () => this.callOnce(doing, request),
      find: () => Promise.resolve(undefined),
    });
  }

  private callOnce<T>(doing: string, request: () => Promise<T>): Promise<T> {
    return guardedCall({ signal: this.signal, token: this.token }, doing, request);
  }

  private async orMissing<T>(
    doing: string,
    request: () => Promise<T>,
    ...alsoMissing: readonly number[]
  ): Promise<T | undefined> {
    try {
      return await this.call(doing, request);
    } catch (error) {
      const status = statusOf(error);
      if (status === 404 || (status !== undefined && alsoMissing.includes(status)))
        return undefined;
      throw error;
    }
  }
}

function releaseFields({ tag, title, body, prerelease, commit }: NewRelease): {
  tag_name: string;
  name: string;
  body: string;
  prerelease: boolean;
  target_commitish?: string;
} {
  return {
    tag_name: tag,
    name: title,
    body,
    prerelease,
    ...(commit === undefined ? {} : { target_commitish: commit }),
  };
}
