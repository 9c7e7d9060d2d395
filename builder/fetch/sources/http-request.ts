import { FetchError } from '../../errors/families.ts';
import { RetriableError } from './retriable-error.ts';

export type HttpRequest = {
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to the host of `url` only, never to one that it redirects to. */
  readonly authorization?: string;
  readonly signal: AbortSignal;
};

export type HttpResponse = {
  readonly status: number;
  readonly headers: Headers;
  /** The body as it comes. Throws RetriableError when it is cut, or nothing comes for a while. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Lets go of the connection; to be called when the body is not wanted to its end. */
  readonly end: () => void;
};

const MOST_REDIRECTS = 5;
/** For a connection and the first bytes of an answer, and for every next piece of a body. */
const IDLE_MS = 30_000;

/**
 * Sends one GET request and follows redirects: at most five, never from https to anything else. Throws FetchError for what
 * another try cannot mend, RetriableError for the rest.
 */
export async function requestOnce(request: HttpRequest): Promise<HttpResponse> {
  let { url } = request;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const response = await send(request, url);
    const location = REDIRECTS.has(response.status) ? response.headers.get('location') : null;
    if (location === null) return response;
    response.end();
    url = redirected(url, location);
  }
  throw unreachable(`${request.url.href} redirects more than ${MOST_REDIRECTS} times`);
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

function redirected(from: URL, location: string): URL {
  if (!URL.canParse(location, from.href)) throw unreachable(`${from.href} redirects to no address`);
  const to = new URL(location, from);
  to.username = '';
  to.password = '';
  if (from.protocol === 'https:' && to.protocol !== 'https:')
    throw unreachable(`${from.href} redirects from https to ${to.protocol}//${to.host}`);
  if (to.protocol !== 'https:' && to.protocol !== 'http:')
    throw unreachable(`${from.href} redirects to ${to.protocol}, which is not HTTP`);
  return to;
}

async function send(request: HttpRequest, url: URL): Promise<HttpResponse> {
  const { headers, authorization, signal } = request;
  const idle = new IdleTimer();
  try {
    const response = await fetch(url, {
      redirect: 'manual',
      signal: AbortSignal.any([signal, idle.signal]),
      headers: {
        'user-agent': 'ota-build',
        // Sizes and ranges are those of the files themselves.
        'accept-encoding': 'identity',
        'cache-control': 'no-cache',
        ...headers,
        ...(authorization !== undefined && url.origin === request.url.origin
          ? { authorization }
          : {}),
      },
    });
    const encoding = response.headers.get('content-encoding') ?? 'identity';
    if (encoding !== 'identity') {
      idle.end();
      throw unreachable(`${url.href} comes in the encoding ${encoding}, which nobody asked for`);
    }
    return {
      status: response.status,
      headers: response.headers,
      chunks: chunksOf(response, { idle, signal, url }),
      end: () => {
        idle.end();
      },
    };
  } catch (error) {
    idle.stop();
    throw describe(error, { signal, idle, url });
  }
}

async function* chunksOf(
  response: Response,
  around: { readonly idle: IdleTimer; readonly signal: AbortSignal; readonly url: URL },
): AsyncGenerator<Uint8Array> {
  const { idle } = around;
  if (response.body === null) return;
  const reader = response.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  try {
    for (;;) {
      idle.restart();
      const { done, value } = await reader.read();
      idle.stop();
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw describe(error, around);
  } finally {
    idle.end();
  }
}

/** Ends a request when nothing comes for a while. */
class IdleTimer {
  private readonly controller = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  isOver = false;

  constructor() {
    this.restart();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  restart(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.isOver = true;
      this.controller.abort();
    }, IDLE_MS);
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  end(): void {
    this.stop();
    this.controller.abort();
  }
}

/** Certificates that do not hold and addresses that are none: the same tomorrow. */
const FINAL = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|ERR_INVALID_URL|ERR_UNESCAPED/;

function describe(
  error: unknown,
  {
    signal,
    idle,
    url,
  }: { readonly signal: AbortSignal; readonly idle: IdleTimer; readonly url: URL },
): unknown {
  if (error instanceof FetchError || error instanceof RetriableError) return error;
  if (signal.aborted) return signal.reason;
  if (idle.isOver)
    return new RetriableError(`${url.host} sent nothing for ${IDLE_MS / 1000} seconds`);
  const problem = causeOf(error);
  if (FINAL.test(problem)) return unreachable(`${url.href} cannot be fetched: ${problem}`);
  return new RetriableError(`${url.host}: ${problem}`);
}

/** What is below "fetch failed": a code of the system where there is one; those of the HTTP client say less than its messages. */
function causeOf(error: unknown): string {
  const { cause, message, code } = error as Error & { readonly code?: unknown };
  if (cause instanceof Error) return causeOf(cause);
  return typeof code === 'string' && !code.startsWith('UND_ERR_') ? code : message;
}

function unreachable(message: string): FetchError {
  return new FetchError('SOURCE_UNREACHABLE', message);
}
