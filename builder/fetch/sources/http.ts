import type { SourceName } from '../source.ts';
import type { Tree, TreePath } from '../tree.ts';
import { get, Patience, readBody } from './http-client.ts';
import { download, statusError } from './http-download.ts';
import type { HttpRequest } from './http-request.ts';

/** The published tree below an address. Nothing is asked of the server yet. */
export function openHttp(source: Extract<SourceName, { kind: 'http' }>, signal: AbortSignal): Tree {
  const request = (path: TreePath): HttpRequest => ({
    url: new URL(path.map(encodeURIComponent).join('/'), source.url),
    signal,
    ...(source.authorization === undefined ? {} : { authorization: source.authorization }),
  });
  return {
    name: source.name,
    identity: source.url.href,
    isOpenToAll: source.url.protocol === 'http:' && !isThisMachine(source.url.hostname),
    read: (path, limit) => readSmall(request(path), limit),
    open: (path, { from, size }) => download({ request: request(path), from, size }),
    targets: () => Promise.resolve([]),
  };
}

function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

async function readSmall(request: HttpRequest, limit: number): Promise<Buffer | undefined> {
  const what = request.url.href;
  const patience = new Patience(request.signal);
  for (;;) {
    try {
      const response = await get(request);
      const { status } = response;
      if (status === 200) return await readBody(response, limit, what);
      response.end();
      if (status === 404 || status === 410) return undefined;
      throw statusError(status, what);
    } catch (error) {
      await patience.waitAfter(error, what);
    }
  }
}
