import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';
import {
  FakeApi,
  OWNER,
  REPOSITORY,
  type Answer,
  type FakeAsset,
  type FakeGitHubOptions,
  type FakeRelease,
} from './fake-github-api.ts';

/**
 * A GitHub on this machine: a loopback server that speaks the calls of the REST API that publish and fetch use, stores and hashes
 * what it gets, holds GitHub's rules, and fails on demand.
 *
 *     const github = await startFakeGitHub({ immutable: true });
 *     await work.run(['publish', …, '--to', github.spec], { environment: github.environment });
 *     expect(github.published('v1.2.3')?.assets.map(({ name }) => name)).toEqual([…]);
 *
 * It ends by itself after the test. There are two hosts, as GitHub has them: the API, and one for uploads and stored bytes.
 *
 * Rules: the token decides what is seen (no token: published releases of a public repository; another token: 401) and done
 * (`canWrite: false`: 403 as GitHub says it); drafts are in lists and under their number only; asset names are unique in a
 * release and sanitised; a tag has one published release; publishing makes the tag; with `immutable`, a published release takes
 * no upload, no removal and no other tag. Lists have pages (`Link`). Stored bytes are handed out with ranges, by a redirect to
 * the other host, which must not see the token (`leaks` lists requests where it does).
 *
 * Failures: `fail({ on, times?, skip?, how })` for requests whose `<METHOD> <path>` matches `on`, such as `/^POST .*assets/`.
 * `requests` lists every request with the status that was answered (0: the connection was cut).
 */
export type FakeGitHub = {
  readonly apiUrl: string;
  /** `github:acme/firmware`. */
  readonly spec: string;
  readonly token: string;
  /** What a command needs to find it: GITHUB_API_URL and GITHUB_TOKEN. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly requests: readonly FakeRequest[];
  /** Requests to the host of stored bytes that had a token with them. */
  readonly leaks: readonly string[];
  /** Changes to published releases, asked for or carried out. */
  readonly touched: readonly string[];
  readonly releases: FakeRelease[];
  /** Commits by tag, and by branch; `main` is the default branch. */
  readonly tags: Map<string, string>;
  readonly branches: Map<string, string>;
  /** The release that GitHub would show as latest. */
  readonly latest: () => FakeRelease | undefined;
  readonly published: (tag: string) => FakeRelease | undefined;
  readonly drafts: (tag: string) => readonly FakeRelease[];
  /** Puts a release there, as if somebody else had made it. */
  readonly addRelease: (release: Partial<FakeRelease> & { readonly tag: string }) => FakeRelease;
  readonly addAsset: (
    release: FakeRelease,
    name: string,
    bytes: Buffer,
    state?: string,
  ) => FakeAsset;
  readonly fail: (failure: Failure) => void;
};

export type FakeRequest = { readonly method: string; readonly path: string; status: number };

export type Failure = {
  readonly on: RegExp;
  /** How many requests fail; one unless said otherwise. */
  readonly times?: number;
  /** How many are let through first. */
  readonly skip?: number;
  readonly how:
    /** An answer without any effect; with `starter`, an upload leaves a half asset behind, as a 502 does; `run` happens first. */
    | {
        readonly kind: 'status';
        readonly status: number;
        readonly message?: string;
        readonly starter?: boolean;
        readonly run?: () => void;
      }
    /** Carried out, and then answered so. */
    | { readonly kind: 'after'; readonly status: number }
    /** The connection is cut in the middle of the body, of an upload (which leaves a half asset) or of an answer. */
    | { readonly kind: 'cut' }
    /** Carried out, and then the connection is cut without an answer. */
    | { readonly kind: 'cut-after' }
    /** 403, x-ratelimit-remaining 0, x-ratelimit-reset. */
    | { readonly kind: 'rate-limit'; readonly seconds: number }
    /** 403 with retry-after. */
    | {
        readonly kind: 'secondary-rate-limit';
        readonly seconds: number;
        readonly status?: number;
        readonly message?: string;
      }
    /** Something else than GitHub would say, without any effect. */
    | { readonly kind: 'answer'; readonly answer: Answer }
    /** Bytes are damaged before they are stored: size and digest are of the damaged ones. */
    | { readonly kind: 'corrupt' }
    | { readonly kind: 'slow'; readonly milliseconds: number }
    /** Something else happens first: another publisher, a person. The request goes on. */
    | { readonly kind: 'meanwhile'; readonly run: () => void };
};

const running = new Set<Server>();

afterEach(async () => {
  const servers = [...running];
  running.clear();
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** Starts one; see above. */
export async function startFakeGitHub(options: FakeGitHubOptions = {}): Promise<FakeGitHub> {
  const token = options.token ?? 'ghp_SecretTokenOfTheTest0123456789abcdef';
  const api = new FakeApi(options);
  const host = new FakeHost(api, token);
  await host.start();
  return {
    spec: `github:${OWNER}/${REPOSITORY}`,
    token,
    apiUrl: api.apiUrl,
    requests: host.requests,
    leaks: host.leaks,
    fail: (failure) => {
      host.failures.push({ ...failure, left: failure.times ?? 1, toSkip: failure.skip ?? 0 });
    },
    environment: {
      GITHUB_API_URL: api.apiUrl,
      GITHUB_TOKEN: token,
      GH_TOKEN: undefined,
      GITHUB_REPOSITORY: undefined,
      GITHUB_SHA: undefined,
    },
    touched: api.touched,
    releases: api.releases,
    tags: api.tags,
    branches: api.branches,
    latest: api.latest,
    published: api.published,
    drafts: api.drafts,
    addRelease: api.addRelease,
    addAsset: api.addAsset,
  };
}

/** The two hosts, and the failures that were asked for. */
class FakeHost {
  readonly requests: FakeRequest[] = [];
  readonly leaks: string[] = [];
  readonly failures: (Failure & { left: number; toSkip: number })[] = [];
  private readonly api: FakeApi;
  private readonly token: string;

  constructor(api: FakeApi, token: string) {
    this.api = api;
    this.token = token;
  }

  async start(): Promise<void> {
    this.api.apiUrl = await this.listen(false);
    this.api.storageUrl = await this.listen(true);
  }

  private async listen(isStorage: boolean): Promise<string> {
    const server = createServer((request, response) => {
      this.serve(request, response, isStorage).catch(() => response.destroy());
    });
    running.add(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  private async serve(
    request: IncomingMessage,
    response: ServerResponse,
    isStorage: boolean,
  ): Promise<void> {
    const { method = '', url: path = '', headers } = request;
    const logged: FakeRequest = { method, path, status: 0 };
    this.requests.push(logged);
    if (isStorage && method === 'GET' && headers.authorization !== undefined) this.leaks.push(path);
    const failure = this.nextFailure(`${method} ${path}`);
    await before(failure);
    if (failure?.kind === 'cut' && method === 'POST') {
      await new Promise((go) => request.once('data', go));
      this.api.addStarter(path);
      request.socket.destroy();
      return;
    }
    const body = await bodyOf(request);
    if (failure?.kind === 'status' && failure.starter === true) this.api.addStarter(path);
    const isCorrupted = failure?.kind === 'corrupt';
    const answer = refusalOf(failure) ?? this.answer({ request, body, isCorrupted }, isStorage);
    logged.status = respond(response, answer, failure);
  }

  private answer(
    {
      request,
      body,
      isCorrupted,
    }: { request: IncomingMessage; body: Buffer; isCorrupted: boolean },
    isStorage: boolean,
  ): Answer {
    const { method = '', headers } = request;
    const url = new URL(request.url ?? '', isStorage ? this.api.storageUrl : this.api.apiUrl);
    const given = headers.authorization?.replace(/^(token|bearer) /i, '');
    const isAllowed = given === this.token;
    if (given !== undefined && !isAllowed)
      return { status: 401, json: { message: 'Bad credentials' } };
    return this.api.answer(
      { method, url, path: url.pathname, headers, body, isAllowed, isCorrupted },
      isStorage,
    );
  }

  private nextFailure(request: string): Failure['how'] | undefined {
    for (const failure of this.failures) {
      if (failure.left === 0 || !failure.on.test(request)) continue;
      if (failure.toSkip > 0) {
        failure.toSkip -= 1;
        continue;
      }
      failure.left -= 1;
      return failure.how;
    }
    return undefined;
  }
}

/** What happens before a request is looked at. */
async function before(failure: Failure['how'] | undefined): Promise<void> {
  if (failure?.kind === 'meanwhile' || failure?.kind === 'status') failure.run?.();
  if (failure?.kind === 'slow') await new Promise((go) => setTimeout(go, failure.milliseconds));
}

/** Sends an answer, or what comes in its place; the status that arrives, 0 when none does. */
function respond(
  response: ServerResponse,
  answer: Answer,
  failure: Failure['how'] | undefined,
): number {
  if (failure?.kind === 'cut-after') {
    response.socket?.destroy();
    return 0;
  }
  if (failure?.kind === 'cut') {
    sendHalf(response, answer);
    return 0;
  }
  if (failure?.kind === 'after')
    return send(response, { status: failure.status, json: { message: 'Server Error' } });
  return send(response, answer);
}

function refusalOf(failure: Failure['how'] | undefined): Answer | undefined {
  if (failure?.kind === 'answer') return failure.answer;
  if (failure?.kind === 'status')
    return { status: failure.status, json: { message: failure.message ?? 'Server Error' } };
  if (failure?.kind === 'rate-limit') {
    const reset = Math.ceil(Date.now() / 1000) + failure.seconds;
    return {
      status: 403,
      json: { message: 'API rate limit exceeded for user ID 1.' },
      headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(reset) },
    };
  }
  if (failure?.kind === 'secondary-rate-limit')
    return {
      status: failure.status ?? 403,
      json: { message: failure.message ?? 'You have exceeded a secondary rate limit.' },
      headers: { 'retry-after': String(failure.seconds) },
    };
  return undefined;
}

/** The first half of an answer, and then nothing more. */
function sendHalf(response: ServerResponse, { status, json, bytes, headers }: Answer): void {
  const payload = bytes ?? Buffer.from(JSON.stringify(json ?? {}));
  response.writeHead(status, { ...headers, 'content-length': payload.length });
  response.write(payload.subarray(0, Math.floor(payload.length / 2)), () => {
    response.socket?.destroy();
  });
}

function send(response: ServerResponse, { status, json, text, bytes, headers }: Answer): number {
  const payload = bytes ?? Buffer.from(text ?? (json === undefined ? '' : JSON.stringify(json)));
  response.writeHead(status, {
    ...(json === undefined ? {} : { 'content-type': 'application/json; charset=utf-8' }),
    ...(status === 204 ? {} : { 'content-length': String(payload.length) }),
    ...headers,
  });
  response.end(payload);
  return status;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
