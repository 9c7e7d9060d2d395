import { FetchError } from '../../errors/families.ts';
import { get, Patience, patienceFor, tooLarge, tooSlow } from './http-client.ts';
import { RetriableError } from './retriable-error.ts';
import type { HttpRequest, HttpResponse } from './http-request.ts';

export type Download = {
  readonly request: HttpRequest;
  readonly from: number;
  /** Of the whole file. */
  readonly size: number;
};

/**
 * The bytes of a file from `from` on. A connection that is cut is taken up again where it ended (RFC 9110, 14.2: Range, and
 * 13.1.5: If-Range); where the server has no ranges, what is there already is skipped. Yields never more than `size` minus
 * `from` bytes. Throws FetchError.
 */
export async function* download({ request, from, size }: Download): AsyncGenerator<Uint8Array> {
  const what = request.url.href;
  const patience = new Patience(request.signal);
  const deadline = Date.now() + patienceFor(size);
  let at = from;
  let etag: string | undefined;
  while (at < size) {
    try {
      const response = await get({ ...request, headers: headersFor(at, etag, request) });
      etag ??= strongEtag(response);
      for await (const chunk of bodyFrom(response, { at, size, what })) {
        if (at + chunk.length > size) throw tooLarge(what, size);
        if (Date.now() > deadline) throw tooSlow(what);
        at += chunk.length;
        patience.renew();
        yield chunk;
      }
      if (at < size)
        throw new RetriableError(`the connection was cut after ${at} of ${size} bytes`);
    } catch (error) {
      await patience.waitAfter(error, what);
      if (Date.now() > deadline) throw tooSlow(what);
    }
  }
}

function headersFor(
  at: number,
  etag: string | undefined,
  { headers }: HttpRequest,
): Record<string, string> {
  if (at === 0) return { ...headers };
  return {
    ...headers,
    range: `bytes=${at}-`,
    ...(etag === undefined ? {} : { 'if-range': etag }),
  };
}

/** If-Range takes no weak validators. */
function strongEtag({ headers }: HttpResponse): string | undefined {
  const etag = headers.get('etag');
  return etag?.startsWith('"') === true ? etag : undefined;
}

/** The bytes of an answer from `at` on. */
async function* bodyFrom(
  response: HttpResponse,
  { at, size, what }: { readonly at: number; readonly size: number; readonly what: string },
): AsyncGenerator<Uint8Array> {
  const { status, headers, chunks, end } = response;
  try {
    if (status === 206) requireRange(headers.get('content-range'), at, what);
    else if (status !== 200) throw statusError(status, what);
    const start = status === 206 ? at : 0;
    const length = headers.get('content-length');
    if (length !== null && start + Number(length) !== size)
      throw otherSize(what, start + Number(length), size);
    let skip = at - start;
    for await (const chunk of chunks) {
      if (skip < chunk.length) yield chunk.subarray(skip);
      skip = Math.max(0, skip - chunk.length);
    }
  } finally {
    end();
  }
}

function requireRange(header: string | null, at: number, what: string): void {
  const start = /^bytes (\d+)-\d+\/(?:\d+|\*)$/.exec(header ?? '')?.[1];
  if (Number(start) === at) return;
  throw new FetchError(
    'DOWNLOAD_MISMATCH',
    `${what}: the server was asked for the bytes from ${at} on, and answers with the range ${JSON.stringify(header)}`,
  );
}

/** What a status other than success says of a file that has to be there. */
export function statusError(status: number, what: string): FetchError {
  if (status === 404 || status === 410)
    return new FetchError('DOWNLOAD_MISMATCH', `${what} is not there (${status})`);
  if (status === 416)
    return new FetchError('DOWNLOAD_MISMATCH', `${what} is shorter than it should be (416)`);
  if (status === 401 || status === 403)
    return new FetchError('SOURCE_UNREACHABLE', `${what} may not be read: ${status}`, {
      hint: 'Is the user or the token the right one, and allowed to read it?',
    });
  return new FetchError('SOURCE_UNREACHABLE', `${what}: the server answers ${status}`);
}

function otherSize(what: string, length: number, size: number): FetchError {
  const code = length > size ? 'DOWNLOAD_TOO_LARGE' : 'DOWNLOAD_MISMATCH';
  return new FetchError(code, `${what} has ${length} bytes; the index says that it has ${size}`);
}
