import { setTimeout as sleep } from 'node:timers/promises';
import { FetchError } from '../../errors/families.ts';
import { RetriableError } from './retriable-error.ts';
import { requestOnce, type HttpRequest, type HttpResponse } from './http-request.ts';

/** Tries of one request; the pauses between them double. */
const MOST_TRIES = 5;
const FIRST_PAUSE_MS = 200;
/** A server that asks for more patience than this gets none. */
const LONGEST_PAUSE_MS = 30_000;

/** Of a body that does not come as fast as this, the rest is not waited for. A modem is faster. */
const SLOWEST_BYTES_PER_SECOND = 1024;
const LEAST_TIME_MS = 5 * 60_000;

/** Pauses between tries, and says when to give up. */
export class Patience {
  private tries = 0;
  private readonly signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /** To be called after a try that brought something: the next failure is a first one again. */
  renew(): void {
    this.tries = 0;
  }

  /** Waits after a failed try. Throws what interrupted it, FetchError (SOURCE_UNREACHABLE) when it was the last one, and what cannot be mended. */
  async waitAfter(error: unknown, what: string): Promise<void> {
    this.signal.throwIfAborted();
    if (!(error instanceof RetriableError)) throw error;
    this.tries++;
    if (this.tries >= MOST_TRIES || (error.pauseMs ?? 0) > LONGEST_PAUSE_MS)
      throw new FetchError('SOURCE_UNREACHABLE', `${what} cannot be fetched: ${error.message}`, {
        hint: 'Try again later: what has arrived is kept, and not fetched twice.',
      });
    const pause = error.pauseMs ?? FIRST_PAUSE_MS * 2 ** (this.tries - 1);
    await sleep(pause, undefined, { signal: this.signal }).catch(() => undefined);
    this.signal.throwIfAborted();
  }
}

/**
 * Sends a GET request, again where that can help: after a cut connection, a status of 5xx, 408 or 429 (as late as its
 * Retry-After asks). Any other status is an answer. Throws FetchError.
 */
export async function get(request: HttpRequest): Promise<HttpResponse> {
  const patience = new Patience(request.signal);
  for (;;) {
    try {
      const response = await requestOnce(request);
      if (!isBusy(response)) return response;
      response.end();
      const pauseMs = retryAfter(response.headers.get('retry-after'));
      throw new RetriableError(`the server answers ${response.status}`, pauseMs);
    } catch (error) {
      await patience.waitAfter(error, request.url.href);
    }
  }
}

/** GitHub's secondary rate limit is a 403 that says when to come back. */
function isBusy({ status, headers }: HttpResponse): boolean {
  return (
    status >= 500 ||
    status === 408 ||
    status === 429 ||
    (status === 403 && headers.has('retry-after'))
  );
}

/** Milliseconds that a Retry-After header asks for, in seconds or as a date (RFC 9110, 10.2.3). */
export function retryAfter(header: string | null, now = Date.now()): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Milliseconds that so many bytes may take. */
export function patienceFor(bytes: number): number {
  return LEAST_TIME_MS + (bytes / SLOWEST_BYTES_PER_SECOND) * 1000;
}

/**
 * The whole body of a response. Throws FetchError: DOWNLOAD_TOO_LARGE for more than `limit` bytes, SOURCE_UNREACHABLE when it comes
 * in drops; RetriableError when it is cut.
 */
export async function readBody(
  { chunks, headers, end }: HttpResponse,
  limit: number,
  what: string,
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  const start = Date.now();
  let length = Number(headers.get('content-length') ?? 0);
  try {
    if (length > limit) throw tooLarge(what, limit);
    length = 0;
    for await (const chunk of chunks) {
      length += chunk.length;
      if (length > limit) throw tooLarge(what, limit);
      if (Date.now() - start > patienceFor(length)) throw tooSlow(what);
      parts.push(chunk);
    }
    return Buffer.concat(parts);
  } finally {
    end();
  }
}

export function tooLarge(what: string, limit: number): FetchError {
  return new FetchError(
    'DOWNLOAD_TOO_LARGE',
    `${what} has more than the ${limit} bytes that were expected`,
  );
}

export function tooSlow(what: string): FetchError {
  return new FetchError('SOURCE_UNREACHABLE', `${what} comes too slowly to be waited for`, {
    hint: 'Try again later: what has arrived is kept, and not fetched twice.',
  });
}
