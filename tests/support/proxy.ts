import { createServer, request as forward } from 'node:http';
import { connect, type AddressInfo } from 'node:net';

/** An HTTP proxy on the loopback interface that finds every host there, at one port; `asked` are the requests that it got. */
export type Proxy = {
  readonly url: string;
  readonly asked: readonly string[];
  readonly close: () => void;
};

/** Starts it: it forwards plain requests to `port`, and makes tunnels to it. With `password` it wants one. */
export async function startProxy(port: number, password?: string): Promise<Proxy> {
  const asked: string[] = [];
  const wanted = `Basic ${Buffer.from(`me:${password ?? ''}`).toString('base64')}`;
  const mayPass = (given: string | undefined): boolean =>
    password === undefined || given === wanted;
  const server = createServer((request, response) => {
    asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
    if (!mayPass(request.headers['proxy-authorization'])) {
      response.writeHead(407).end();
      return;
    }
    const { pathname } = new URL(request.url ?? '', 'http://nowhere');
    const { headers } = request;
    forward({ host: '127.0.0.1', port, path: pathname, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    }).end();
  });
  server.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url ?? ''}`);
    if (!mayPass(request.headers['proxy-authorization'])) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    const tunnel = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(tunnel).pipe(socket);
    });
    for (const end of [socket, tunnel]) end.on('error', () => tunnel.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: own } = server.address() as AddressInfo;
  const login = password === undefined ? '' : `me:${password}@`;
  return {
    url: `http://${login}127.0.0.1:${own}`,
    asked,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
