import { FetchError, UsageError } from '../../errors/families.ts';
import { untilTime } from '../../publish/github/rate-limit-end.ts';
import { checkSchema, z } from '../../schema/schema.ts';
import type { SourceName } from '../source.ts';
import { get, Patience, readBody } from './http-client.ts';
import { download, statusError } from './http-download.ts';
import type { HttpRequest, HttpResponse } from './http-request.ts';

const API = 'https://api.github.com';
/** Releases on a page of the list: each may have hundreds of assets. */
const PER_PAGE = 20;
const MOST_PAGES = 50;
const LARGEST_PAGE = 64 * 1024 * 1024;
/** Sources: GitHub REST API, "Using pagination"; docs.github.com, "About releases". */
const MOST_PER_PAGE = 100;
const MOST_ASSETS = 1000;
const NO_CONTENT: ReadonlySet<number> = new Set([404, 410]);

// What we read of a release; the API sends much more. Source: GitHub REST API, "Releases" and "Release assets".
const assetSchema = z.object({
  id: z.number().int().nonnegative(),
  name: z.string(),
  size: z.number().int().nonnegative(),
  state: z.string().optional(),
  digest: z.string().nullish(),
});
const releaseSchema = z.object({
  tag_name: z.string(),
  draft: z.boolean(),
  prerelease: z.boolean(),
  assets: z.array(assetSchema).max(MOST_ASSETS),
});

export type GithubRelease = z.infer<typeof releaseSchema>;
export type GithubAsset = z.infer<typeof assetSchema>;

/** The releases of a repository. Everything throws FetchError. */
export type GithubReleases = {
  readonly name: string;
  /** What the repository is remembered by. */
  readonly identity: string;
  /** The published release of a tag; undefined when there is none. */
  readonly ofTag: (tag: string) => Promise<GithubRelease | undefined>;
  /** Every published release, newest first, as many as are asked for. */
  readonly all: () => AsyncIterable<GithubRelease>;
  readonly open: (asset: GithubAsset, from: number) => AsyncIterable<Uint8Array>;
};

/**
 * The releases of a repository, by the REST API at GITHUB_API_URL, with the token in GITHUB_TOKEN where there is one. Nothing is
 * asked yet. Throws UsageError for an API address that is none, or that a token would be sent to in the open.
 */
export function openGithub(
  { owner, repository, name }: Extract<SourceName, { kind: 'github' }>,
  environment: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): GithubReleases {
  const api = apiAddress(environment);
  const token = environment['GITHUB_TOKEN'] ?? '';
  const base = `${api}/repos/${owner}/${repository}/releases`;
  const request = (path: string, accept: string): HttpRequest => ({
    url: new URL(base + path),
    signal,
    headers: { accept, 'x-github-api-version': '2022-11-28' },
    ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
  });
  const json = (path: string): HttpRequest => request(path, 'application/vnd.github+json');
  const repositoryName = `${owner}/${repository}`.toLowerCase();
  return {
    name,
    identity: `github:${api === API ? '' : `${api}/`}${repositoryName}`,
    ofTag: async (tag) => {
      const value = await readJson(json(`/tags/${encodeURIComponent(tag)}`), name);
      return value === undefined ? undefined : published([parsed(releaseSchema, value, name)])[0];
    },
    all: () => pages(json, name),
    open: ({ id, size }, from) =>
      download({ request: request(`/assets/${id}`, 'application/octet-stream'), from, size }),
  };
}

function apiAddress(environment: Readonly<Record<string, string | undefined>>): string {
  const text = environment['GITHUB_API_URL'] ?? '';
  if (text === '') return API;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && url.username + url.password !== '')
    throw new UsageError('USAGE', 'GITHUB_API_URL has a user name or password in it', {
      hint: 'A token belongs into GITHUB_TOKEN.',
    });
  const isLocal = url?.hostname === '127.0.0.1' || url?.hostname === 'localhost';
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal))
    return text.replace(/\/+$/, '');
  throw new UsageError('USAGE', 'GITHUB_API_URL is not an https address');
}

async function* pages(
  request: (path: string) => HttpRequest,
  name: string,
): AsyncGenerator<GithubRelease> {
  for (let page = 1; page <= MOST_PAGES; page++) {
    const value = await readJson(request(`?per_page=${PER_PAGE}&page=${page}`), name);
    if (value === undefined)
      throw new FetchError('SOURCE_UNREACHABLE', `${name} is not there, or may not be read`, {
        hint: 'GITHUB_TOKEN has to hold a token for a private repository.',
      });
    const releases = parsed(z.array(releaseSchema).max(MOST_PER_PAGE), value, name);
    yield* published(releases);
    if (releases.length < PER_PAGE) return;
  }
}

/** Drafts are shown to those who may publish them. */
function published(releases: readonly GithubRelease[]): readonly GithubRelease[] {
  return releases.filter(({ draft }) => !draft);
}

async function readJson(request: HttpRequest, name: string): Promise<unknown> {
  const patience = new Patience(request.signal);
  for (;;) {
    try {
      const response = await get(request);
      if (NO_CONTENT.has(response.status)) {
        response.end();
        return undefined;
      }
      if (response.status !== 200) throw refusal(response, name);
      const body = await readBody(response, LARGEST_PAGE, name);
      return parseJson(body, name);
    } catch (error) {
      await patience.waitAfter(error, name);
    }
  }
}

function refusal({ status, headers, end }: HttpResponse, name: string): FetchError {
  end();
  if (headers.get('x-ratelimit-remaining') !== '0') return statusError(status, name);
  const until = untilTime(Number(headers.get('x-ratelimit-reset') ?? 0) * 1000);
  return new FetchError('SOURCE_UNREACHABLE', `GitHub answers no more requests${until}`, {
    hint: 'With a token in GITHUB_TOKEN it answers many more.',
  });
}

function parseJson(bytes: Buffer, name: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw unexpected(name, 'it is not JSON');
  }
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, name: string): T {
  const result = checkSchema(schema, value);
  if (result.ok) return result.value;
  const [first] = result.issues;
  throw unexpected(name, `${first?.path.join('.') ?? ''}: ${first?.message ?? ''}`);
}

function unexpected(name: string, problem: string): FetchError {
  return new FetchError(
    'SOURCE_UNREACHABLE',
    `the answer about ${name} is not GitHub's: ${problem}`,
  );
}
