import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const PLACES = ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/usr/bin/nginx'];

/** The web server that Debian's nginx-light brings; undefined where it is not installed. */
export function findNginx(): string | undefined {
  return PLACES.find((path) => existsSync(path));
}

export type Nginx = {
  /** Of its root, with a slash at the end. */
  readonly url: string;
  /** Lines of its access log: status, method, path, and the Range that was asked for. */
  readonly log: () => Promise<readonly string[]>;
  readonly stop: () => Promise<void>;
};

/** Starts nginx on a free port of this machine, as whoever runs the test, with a directory as its root. */
export async function startNginx(root: string, locations = ''): Promise<Nginx> {
  const program = findNginx();
  if (program === undefined) throw new Error('nginx is not installed');
  const directory = await mkdtemp(join(tmpdir(), 'ota-build-nginx-'));
  const port = await freePort();
  const path = (name: string): string => join(directory, name);
  await writeFile(path('nginx.conf'), configuration({ path, port, root, locations }));
  const options = ['-p', directory, '-c', path('nginx.conf'), '-e', path('error.log')];
  execFileSync(program, ['-t', '-q', ...options]);
  const child = spawn(program, options, { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) =>
    child.once('exit', () => {
      resolve();
    }),
  );
  const url = `http://127.0.0.1:${port}/`;
  await untilUp(url);
  return {
    url,
    log: async () => (await readFile(path('access.log'), 'utf8')).split('\n').filter(Boolean),
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function configuration({
  path,
  port,
  root,
  locations,
}: {
  readonly path: (name: string) => string;
  readonly port: number;
  readonly root: string;
  readonly locations: string;
}): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${path(name)};`)
    .join(' ');
  // Started by root, its workers would be nobody, who may not read a directory of the tests.
  const user = process.getuid?.() === 0 ? 'user root root;' : '';
  return `
${user}
daemon off;
worker_processes 1;
pid ${path('nginx.pid')};
events { worker_connections 64; }
http {
  ${temporary}
  log_format short '$status $request_method $request_uri "$http_range"';
  access_log ${path('access.log')} short;
  types { application/json json; }
  default_type application/octet-stream;
  server { listen 127.0.0.1:${port}; root "${root}"; ${locations} }
}
`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function untilUp(url: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const isUp = await fetch(url).then(
      () => true,
      () => false,
    );
    if (isUp) return;
    await sleep(25);
  }
  throw new Error('nginx does not answer');
}
