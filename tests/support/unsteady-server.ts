import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** How a server answers a request instead of just sending the file; undefined sends it. */
export type Misbehaviour = (
  request: { readonly path: string; readonly range: number | undefined; readonly count: number },
  response: ServerResponse,
) => 'handled' | { readonly cutAfter: number } | undefined;

export type UnsteadyServer = {
  readonly url: string;
  /** Paths that were asked for, with the first byte of their range. */
  readonly asked: readonly string[];
  readonly headers: readonly IncomingMessage['headers'][];
};

/** Serves a directory on a free port of this machine, with ranges, as badly as a test wants. Ends with the test. */
export async function serve(
  root: string,
  misbehave: Misbehaviour = () => undefined,
  { ranges = true, etag = '"1"' }: { readonly ranges?: boolean; readonly etag?: string } = {},
): Promise<UnsteadyServer> {
  const asked: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/');
    const start = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
    const range = start === undefined ? undefined : Number(start);
    const count = (counts.get(path) ?? 0) + 1;
    counts.set(path, count);
    asked.push(range === undefined ? path : `${path} from ${range}`);
    headers.push(request.headers);
    const misbehaviour = misbehave({ path, range, count }, response);
    if (misbehaviour === 'handled') return;
    const bytes = read(root, path);
    if (bytes === undefined) {
      response.writeHead(404).end();
      return;
    }
    const honoured = ranges && range !== undefined && range < bytes.length;
    const from = honoured ? range : 0;
    response.writeHead(honoured ? 206 : 200, {
      etag,
      'content-length': bytes.length - from,
      ...(honoured ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
    });
    if (misbehaviour === undefined) {
      response.end(bytes.subarray(from));
      return;
    }
    response.write(bytes.subarray(from, from + misbehaviour.cutAfter), () => {
      response.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked, headers };
}

function read(root: string, path: string): Buffer | undefined {
  try {
    return readFileSync(join(root, path));
  } catch {
    return undefined;
  }
}
