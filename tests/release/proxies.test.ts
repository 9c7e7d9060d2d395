import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer as createPlain } from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWorkspace, type CliResult, type Workspace } from '../support/cli.ts';
import { expectSentence } from '../support/leaves-nothing.ts';
import { makeDrillRelease, publishInto } from '../support/made-tree.ts';
import { publicPem } from '../support/pem.ts';
import { startProxy, type Proxy } from '../support/proxy.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const HOST = 'ota.example.com';
const key = aPrivateKey('rsa3072', 'first');

let work: Workspace;
let plain: Proxy;
let secure: Proxy;
let guarded: Proxy;
let onTheWay: Proxy;
let publishing: Promise<CliResult>;
const closers: (() => void)[] = [];

/** Serves the tree below `root`; returns the port. */
async function serve(root: string, tls?: { key: Buffer; cert: Buffer }): Promise<number> {
  const server = tls === undefined ? createPlain() : createSecure(tls);
  server.on('request', (request, response) => {
    try {
      const { pathname } = new URL(request.url ?? '/', 'http://nowhere');
      response.end(readFileSync(join(root, normalize(decodeURIComponent(pathname)))));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

beforeAll(async () => {
  work = await createWorkspace();
  await work.write('key.pub.pem', publicPem(key));
  const release = await makeDrillRelease({ version: '1.2.3', keys: [key] });
  await publishInto(work.path('tree'), release, { keys: [key] });
  execFileSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc'],
    ...['-days', '2', '-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST}`],
    ...['-keyout', work.path('tls.pem'), '-out', work.path('tls.crt')],
  ]);
  const tls = { key: await work.read('tls.pem'), cert: await work.read('tls.crt') };
  const [httpPort, httpsPort] = [
    await serve(work.path('tree')),
    await serve(work.path('tree'), tls),
  ];
  plain = await startProxy(httpPort);
  secure = await startProxy(httpsPort);
  guarded = await startProxy(httpPort, 'open sesame');
  onTheWay = await startProxy(httpsPort);
  closers.push(plain.close, secure.close, guarded.close, onTheWay.close);
  // It tries for a while: what it finds behind the proxy is not GitHub.
  publishing = work.run(['publish', '--dry-run', '--to', 'github:acme/firmware'], {
    environment: {
      ...{ GITHUB_TOKEN: 'x', GITHUB_API_URL: '', NO_PROXY: '', no_proxy: '' },
      https_proxy: onTheWay.url,
    },
  });
});

afterAll(() => {
  for (const close of closers) close();
});

let runs = 0;
function fetch(source: string, environment: Readonly<Record<string, string>>): Promise<CliResult> {
  const number = String(runs++);
  const args = ['fetch', source, '--board', 'ESP32_GENERIC', '--drill', '--trust', 'key.pub.pem'];
  return work.run([...args, '--out', `out${number}`], {
    environment: {
      ...{ http_proxy: '', HTTP_PROXY: '', https_proxy: '', HTTPS_PROXY: '', no_proxy: '' },
      ...{ NO_PROXY: '', XDG_STATE_HOME: work.path(`state${number}`) },
      ...environment,
    },
  });
}

describe('a proxy in the environment', () => {
  test('forwards what is asked for over http', async () => {
    const before = plain.asked.length;
    const { code, stderr } = await fetch(`http://${HOST}/`, { HTTP_PROXY: plain.url });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(plain.asked.slice(before)).toContain(`GET http://${HOST}/ESP32_GENERIC/index.json`);
  });

  test('makes a tunnel for https, and sees no more than the host', async () => {
    const { code, stderr } = await fetch(`https://${HOST}/`, {
      https_proxy: secure.url,
      NODE_EXTRA_CA_CERTS: work.path('tls.crt'),
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(new Set(secure.asked)).toEqual(new Set([`CONNECT ${HOST}:443`]));
  });

  test('does not make a certificate good that is not', async () => {
    const result = await fetch(`https://${HOST}/`, { HTTPS_PROXY: secure.url });
    expectSentence(result, { code: 5, says: /cannot be fetched: DEPTH_ZERO_SELF_SIGNED_CERT/ });
  });

  test('gets the name and the password of its address, and nobody else does', async () => {
    const { code } = await fetch(`http://${HOST}/`, { HTTP_PROXY: guarded.url });
    expect(code).toBe(0);
    const wrong = await fetch(`http://${HOST}/`, {
      HTTP_PROXY: guarded.url.replace('sesame', 'says-me'),
    });
    expectSentence(wrong, { code: 5, says: /407/ });
    expect(wrong.stderr).not.toContain('says-me');
  });

  test('is not asked for a host in NO_PROXY, nor for this machine', async () => {
    const before = plain.asked.length;
    const excepted = await fetch(`http://${HOST}/`, { HTTP_PROXY: plain.url, NO_PROXY: HOST });
    expect(excepted.code).toBe(5);
    const port = await serve(work.path('tree'));
    const own = await fetch(`http://127.0.0.1:${port}/`, { HTTP_PROXY: plain.url });
    expect(own.code, own.stderr).toBe(0);
    expect(plain.asked).toHaveLength(before);
  });

  test.each(['socks5://127.0.0.1:1080', 'http://:hidden@', '//'])(
    'is refused when it is none: %s',
    async (url) => {
      const result = await fetch(`http://${HOST}/`, { HTTP_PROXY: url });
      expectSentence(result, { code: 2, says: /HTTP_PROXY names no proxy that can be used/ });
      expect(result.stderr).not.toContain('hidden');
    },
  );

  test('is on the way to GitHub too', async () => {
    expect((await publishing).code).toBe(10);
    expect(onTheWay.asked).toContain('CONNECT api.github.com:443');
  });
});
