import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export type FakeAsset = {
  id: number;
  name: string;
  state: string;
  bytes: Buffer;
  digest: string | null;
};

export type FakeRelease = {
  id: number;
  tag: string;
  name: string;
  body: string;
  isDraft: boolean;
  isPrerelease: boolean;
  isImmutable: boolean;
  target: string;
  publishedAt: string | null;
  assets: FakeAsset[];
};

export type FakeGitHubOptions = {
  readonly token?: string;
  /** Classic tokens have scopes in the answer's header; others have none. */
  readonly scopes?: string;
  readonly canWrite?: boolean;
  readonly isPrivate?: boolean;
  readonly isArchived?: boolean;
  /** What the repository is called now. */
  readonly fullName?: string;
  readonly immutable?: boolean;
  /** False: an Enterprise Server that says no digests. */
  readonly digests?: boolean;
  /** Stored bytes come from the API itself, without a redirect. */
  readonly direct?: boolean;
  /** Most entries of a page, whatever was asked for. */
  readonly pageSize?: number;
};

export const OWNER = 'acme';
export const REPOSITORY = 'firmware';
export const MAIN_COMMIT = '1'.repeat(40);
const ROOT = `/repos/${OWNER}/${REPOSITORY}`;

export type Answer = {
  readonly status: number;
  readonly json?: unknown;
  readonly text?: string;
  readonly bytes?: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
};

export type Call = {
  readonly method: string;
  readonly url: URL;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly isAllowed: boolean;
  readonly isCorrupted: boolean;
};

/** What a GitHub knows and answers, without a network: see fake-github.ts. */
export class FakeApi {
  readonly touched: string[] = [];
  readonly releases: FakeRelease[] = [];
  readonly tags = new Map<string, string>();
  readonly branches = new Map([['main', MAIN_COMMIT]]);
  apiUrl = '';
  storageUrl = '';
  private latestId = 0;
  private nextId = 100;
  private readonly options: FakeGitHubOptions;

  constructor(options: FakeGitHubOptions) {
    this.options = options;
  }

  readonly latest = (): FakeRelease | undefined =>
    this.releases.find(({ id }) => id === this.latestId);
  readonly published = (tag: string): FakeRelease | undefined =>
    this.releases.find((release) => !release.isDraft && release.tag === tag);
  readonly drafts = (tag: string): readonly FakeRelease[] =>
    this.releases.filter((release) => release.isDraft && release.tag === tag);

  readonly addRelease = (release: Partial<FakeRelease> & { readonly tag: string }): FakeRelease => {
    const isDraft = release.isDraft ?? false;
    const made: FakeRelease = {
      id: this.nextId++,
      name: release.tag,
      body: '',
      isPrerelease: false,
      isImmutable: false,
      target: 'main',
      publishedAt: isDraft ? null : new Date(1_700_000_000_000 + this.nextId * 1000).toISOString(),
      assets: [],
      ...release,
      isDraft,
    };
    this.releases.push(made);
    if (!isDraft) this.tags.set(made.tag, this.commit(made.target) ?? MAIN_COMMIT);
    return made;
  };

  readonly addAsset = (
    release: FakeRelease,
    name: string,
    bytes: Buffer,
    state = 'uploaded',
  ): FakeAsset => {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const hasDigest = this.options.digests !== false && state === 'uploaded';
    const asset = {
      id: this.nextId++,
      name,
      state,
      bytes,
      digest: hasDigest ? `sha256:${sha256}` : null,
    };
    release.assets.push(asset);
    return asset;
  };

  /** An upload that broke off, as GitHub keeps it. */
  readonly addStarter = (path: string): void => {
    const url = new URL(path, this.apiUrl);
    const release = this.byId(/\/releases\/(\d+)\/assets$/.exec(url.pathname)?.[1]);
    const name = url.searchParams.get('name');
    if (release !== undefined && name !== null)
      this.addAsset(release, name, Buffer.alloc(0), 'starter');
  };

  readonly answer = (call: Call, isStorage: boolean): Answer => {
    const { method, path, isAllowed } = call;
    if (!isAllowed && this.options.isPrivate === true && !path.startsWith('/storage/'))
      return NOT_FOUND;
    if (isStorage) return method === 'POST' ? this.upload(call) : this.storage(call);
    if (!path.startsWith(ROOT)) return NOT_FOUND;
    const rest = path.slice(ROOT.length);
    if (method !== 'GET') {
      if (!isAllowed) return NOT_FOUND;
      if (this.options.canWrite === false)
        return { status: 403, json: { message: 'Resource not accessible by integration' } };
      if (rest === '/releases/generate-notes')
        return { status: 200, json: { name: 'v', body: '' } };
      if (this.options.isArchived === true)
        return { status: 403, json: { message: 'Repository was archived so is read-only.' } };
    }
    return (method === 'GET' ? this.read(call, rest) : this.change(call, rest)) ?? NOT_FOUND;
  };

  private read(call: Call, rest: string): Answer | undefined {
    const { isAllowed } = call;
    const visible = this.releases.filter(({ isDraft }) => !isDraft || isAllowed);
    if (rest === '') return this.repository(isAllowed);
    if (rest === '/releases')
      return this.page(
        call,
        visible.toSorted((a, b) => b.id - a.id).map((each) => this.releaseJson(each)),
      );
    if (rest === '/releases/latest') return this.orNotFound(this.latest());
    const tag = /^\/releases\/tags\/(.+)$/.exec(rest)?.[1];
    if (tag !== undefined) return this.orNotFound(this.published(decodeURIComponent(tag)));
    const asset = /^\/releases\/assets\/(\d+)$/.exec(rest)?.[1];
    if (asset !== undefined) return this.asset(call, asset);
    const [, id, list] = /^\/releases\/(\d+)(\/assets)?$/.exec(rest) ?? [];
    const release = visible.find((each) => each.id === Number(id));
    if (release !== undefined && list !== undefined)
      return this.page(
        call,
        release.assets.map((each) => this.assetJson(release, each)),
      );
    if (release !== undefined) return this.orNotFound(release);
    return this.commitAnswer(call, rest);
  }

  private commitAnswer(call: Call, rest: string): Answer | undefined {
    const ref = /^\/commits\/(.+)$/.exec(rest)?.[1];
    if (ref === undefined) return undefined;
    const commit = this.commit(decodeURIComponent(ref));
    if (commit === undefined)
      return { status: 422, json: { message: `No commit found for SHA: ${ref}` } };
    return String(call.headers.accept).includes('.sha')
      ? {
          status: 200,
          text: commit,
          headers: { 'content-type': 'application/vnd.github.sha; charset=utf-8' },
        }
      : { status: 200, json: { sha: commit } };
  }

  private change(call: Call, rest: string): Answer | undefined {
    const { method } = call;
    if (method === 'POST' && rest === '/releases') return this.create(call);
    const assetId = /^\/releases\/assets\/(\d+)$/.exec(rest)?.[1];
    if (method === 'DELETE' && assetId !== undefined) {
      const release = this.releases.find(({ assets }) =>
        assets.some(({ id }) => id === Number(assetId)),
      );
      if (release === undefined) return undefined;
      if (this.isLocked(release, 'remove an asset'))
        return invalid('Cannot delete asset from an immutable release');
      release.assets = release.assets.filter(({ id }) => id !== Number(assetId));
      return { status: 204 };
    }
    const release = this.byId(/^\/releases\/(\d+)$/.exec(rest)?.[1]);
    if (release === undefined) return undefined;
    if (method === 'PATCH') return this.update(call, release);
    if (method !== 'DELETE') return undefined;
    this.isLocked(release, 'remove');
    this.releases.splice(this.releases.indexOf(release), 1);
    return { status: 204 };
  }

  private create(call: Call): Answer {
    const fields = JSON.parse(call.body.toString()) as ReleaseFields;
    const draft = fields.draft === true;
    const tag = fields.tag_name ?? '';
    if (!draft && this.published(tag) !== undefined) return alreadyExists('Release', 'tag_name');
    const release = this.addRelease({
      tag,
      isDraft: true,
      target: fields.target_commitish ?? 'main',
    });
    this.apply(release, fields);
    return { status: 201, json: this.releaseJson(release) };
  }

  private update(call: Call, release: FakeRelease): Answer {
    const fields = JSON.parse(call.body.toString()) as ReleaseFields;
    if (
      this.isLocked(release, 'update') &&
      fields.tag_name !== undefined &&
      fields.tag_name !== release.tag
    )
      return invalid('tag_name cannot be changed on an immutable release');
    const tag = fields.tag_name ?? release.tag;
    const other = this.published(tag);
    if (fields.draft === false && other !== undefined && other !== release)
      return alreadyExists('Release', 'tag_name');
    if (
      fields.draft === false &&
      !this.tags.has(tag) &&
      this.commit(fields.target_commitish ?? release.target) === undefined
    )
      return invalid('Validation Failed', {
        resource: 'Release',
        code: 'invalid',
        field: 'target_commitish',
      });
    this.apply(release, fields);
    return { status: 200, json: this.releaseJson(release) };
  }

  private apply(release: FakeRelease, fields: ReleaseFields): void {
    release.tag = fields.tag_name ?? release.tag;
    release.name = fields.name ?? release.name;
    release.body = fields.body ?? release.body;
    release.isPrerelease = fields.prerelease ?? release.isPrerelease;
    release.target = fields.target_commitish ?? release.target;
    if (fields.draft !== false || !release.isDraft) return;
    release.isDraft = false;
    release.isImmutable = this.options.immutable === true;
    release.publishedAt = new Date().toISOString();
    if (!this.tags.has(release.tag))
      this.tags.set(release.tag, this.commit(release.target) ?? MAIN_COMMIT);
    if (!release.isPrerelease && fields.make_latest !== 'false') this.latestId = release.id;
  }

  private upload(call: Call): Answer {
    if (!call.isAllowed) return NOT_FOUND;
    const release = this.byId(/\/releases\/(\d+)\/assets$/.exec(call.path)?.[1]);
    const asked = call.url.searchParams.get('name') ?? '';
    if (release === undefined) return NOT_FOUND;
    if (call.headers['content-length'] === undefined)
      return { status: 400, json: { message: 'Bad Content-Length' } };
    if (call.body.length === 0)
      return invalid('Validation Failed', {
        resource: 'ReleaseAsset',
        code: 'custom',
        field: 'size',
        message: 'size must be greater than or equal to 1',
      });
    if (this.isLocked(release, 'upload'))
      return invalid('Cannot upload assets to an immutable release.');
    const name = asked.replace(/[^A-Za-z0-9._+-]+/g, '.').replace(/^\.|\.$/g, '');
    if (release.assets.some((each) => each.name === name))
      return alreadyExists('ReleaseAsset', 'name');
    const bytes = call.isCorrupted
      ? Buffer.concat([Buffer.of(0), call.body.subarray(1)])
      : call.body;
    return { status: 201, json: this.assetJson(release, this.addAsset(release, name, bytes)) };
  }

  /** `/storage/ID`, which redirects lead to, and `/OWNER/REPO/releases/download/TAG/NAME`, as browsers ask for it. */
  private storage({ path, headers }: Call): Answer {
    const [, tag, name] = /^\/[^/]+\/[^/]+\/releases\/download\/(.+)\/([^/]+)$/.exec(path) ?? [];
    const assets =
      tag === undefined
        ? this.releases
            .flatMap((release) => release.assets)
            .filter(({ id }) => path === `/storage/${id}`)
        : (this.published(decodeURIComponent(tag))?.assets ?? []).filter(
            (asset) => asset.name === decodeURIComponent(name ?? ''),
          );
    const [asset] = assets;
    return asset === undefined ? NOT_FOUND : stored(asset, headers.range);
  }

  private asset(call: Call, id: string): Answer | undefined {
    const release = this.releases.find(({ assets }) =>
      assets.some((each) => each.id === Number(id)),
    );
    const asset = release?.assets.find((each) => each.id === Number(id));
    if (release === undefined || asset === undefined || (release.isDraft && !call.isAllowed))
      return undefined;
    if (call.headers.accept !== 'application/octet-stream')
      return { status: 200, json: this.assetJson(release, asset) };
    return this.options.direct === true
      ? stored(asset, call.headers.range)
      : { status: 302, headers: { location: `${this.storageUrl}/storage/${asset.id}` } };
  }

  private page({ url }: Call, entries: readonly unknown[]): Answer {
    const asked = Number(url.searchParams.get('per_page') ?? 30);
    const size = Math.min(asked, 100, this.options.pageSize ?? 100);
    const page = Number(url.searchParams.get('page') ?? 1);
    const next = new URL(url);
    next.searchParams.set('page', String(page + 1));
    const hasNext = page * size < entries.length;
    return {
      status: 200,
      json: entries.slice((page - 1) * size, page * size),
      headers: hasNext ? { link: `<${next.href}>; rel="next"` } : {},
    };
  }

  private repository(isAllowed: boolean): Answer {
    const { scopes, fullName, isArchived, isPrivate, canWrite } = this.options;
    return {
      status: 200,
      json: {
        full_name: fullName ?? `${OWNER}/${REPOSITORY}`,
        private: isPrivate === true,
        archived: isArchived === true,
        default_branch: 'main',
        ...(isAllowed ? { permissions: { pull: true, push: canWrite !== false } } : {}),
      },
      headers: scopes === undefined ? {} : { 'x-oauth-scopes': scopes },
    };
  }

  private releaseJson(release: FakeRelease): unknown {
    const shown = release.isDraft ? `untagged-${release.id}` : encodeURIComponent(release.tag);
    return {
      id: release.id,
      url: `${this.apiUrl}${ROOT}/releases/${release.id}`,
      html_url: `${this.storageUrl}/${OWNER}/${REPOSITORY}/releases/tag/${shown}`,
      assets_url: `${this.apiUrl}${ROOT}/releases/${release.id}/assets`,
      upload_url: `${this.storageUrl}${ROOT}/releases/${release.id}/assets{?name,label}`,
      tag_name: release.tag,
      target_commitish: release.target,
      name: release.name,
      body: release.body,
      draft: release.isDraft,
      prerelease: release.isPrerelease,
      immutable: release.isImmutable,
      created_at: '2026-01-01T00:00:00Z',
      published_at: release.publishedAt,
      assets: release.assets.map((asset) => this.assetJson(release, asset)),
    };
  }

  private assetJson(release: FakeRelease, { id, name, state, bytes, digest }: FakeAsset): unknown {
    const tag = release.isDraft ? `untagged-${release.id}` : encodeURIComponent(release.tag);
    return {
      id,
      name,
      state,
      digest,
      label: '',
      size: bytes.length,
      content_type: 'application/octet-stream',
      url: `${this.apiUrl}${ROOT}/releases/assets/${id}`,
      browser_download_url: `${this.storageUrl}/${OWNER}/${REPOSITORY}/releases/download/${tag}/${encodeURIComponent(name)}`,
    };
  }

  /** True when the release is immutable; every change to a published one is taken down. */
  private isLocked(release: FakeRelease, what: string): boolean {
    if (!release.isDraft) this.touched.push(`${what} ${release.tag}`);
    return release.isImmutable;
  }

  private byId(id: string | undefined): FakeRelease | undefined {
    return this.releases.find((release) => release.id === Number(id));
  }

  private commit(ref: string): string | undefined {
    const tag = /^tags\/(.+)$/.exec(ref)?.[1];
    if (tag !== undefined) return this.tags.get(tag);
    const commits = [...this.tags.values(), ...this.branches.values()];
    return (
      this.branches.get(ref) ??
      (ref.length >= 7 ? commits.find((each) => each.startsWith(ref)) : undefined)
    );
  }

  private orNotFound(release: FakeRelease | undefined): Answer | undefined {
    return release === undefined ? undefined : { status: 200, json: this.releaseJson(release) };
  }
}

type ReleaseFields = {
  readonly tag_name?: string;
  readonly target_commitish?: string;
  readonly name?: string;
  readonly body?: string;
  readonly draft?: boolean;
  readonly prerelease?: boolean;
  readonly make_latest?: string;
};

const NOT_FOUND: Answer = { status: 404, json: { message: 'Not Found' } };

function invalid(message: string, ...errors: readonly unknown[]): Answer {
  return { status: 422, json: { message, ...(errors.length === 0 ? {} : { errors }) } };
}

function alreadyExists(resource: string, field: string): Answer {
  return invalid('Validation Failed', { resource, code: 'already_exists', field });
}

function stored({ bytes }: FakeAsset, range: string | undefined): Answer {
  const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1]);
  const headers = { 'content-type': 'application/octet-stream', 'accept-ranges': 'bytes' };
  if (Number.isNaN(from)) return { status: 200, bytes, headers };
  if (from >= bytes.length)
    return { status: 416, headers: { 'content-range': `bytes */${bytes.length}` } };
  const contentRange = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
  return {
    status: 206,
    bytes: bytes.subarray(from),
    headers: { ...headers, 'content-range': contentRange },
  };
}
