import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  createWorkspace,
  environmentOf,
  MAIN,
  type CliResult,
  type Workspace,
} from '../support/cli.ts';
import { filesBelow, makeDrillRelease, publishInto } from '../support/made-tree.ts';
import { publicPem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';
import { serve } from '../support/unsteady-server.ts';

const BOARD = 'ESP32_GENERIC';
const STEM = `${BOARD}-1.2.3`;
const APP = `/${BOARD}/1.2.3/${STEM}.app-bin`;
const key = aPrivateKey('rsa3072', 'first');

let work: Workspace;
let release: string;

beforeAll(async () => {
  work = await createWorkspace();
  release = await makeDrillRelease({ version: '1.2.3', keys: [key] });
  await work.write('key.pub.pem', publicPem(key));
  await publishInto(work.path('tree'), release, { keys: [key] });
});

beforeEach(async () => {
  for (const name of ['out', 'state']) await rm(work.path(name), { recursive: true, force: true });
});

const fetch = (url: string, ...args: readonly string[]): Promise<CliResult> =>
  work.runHere(['fetch', url, '--board', BOARD, '--drill', '--trust', 'key.pub.pem', ...args], {
    environment: { XDG_STATE_HOME: work.path('state') },
  });

async function expectWhole(): Promise<void> {
  const names = await filesBelow(release);
  expect(await filesBelow(work.path('out'))).toEqual(names.map((name) => `${STEM}/${name}`));
  for (const name of names)
    expect((await work.read('out', STEM, name)).equals(readFileSync(join(release, name)))).toBe(
      true,
    );
}

/** Those of the requests that were for the app. */
const forApp = (asked: readonly string[]): readonly string[] =>
  asked.filter((each) => each.startsWith(APP)).map((each) => each.slice(APP.length).trim());

describe('a connection that is cut', () => {
  test('is taken up where it ended', async () => {
    const server = await serve(work.path('tree'), ({ path, count }) =>
      path === APP && count < 4 ? { cutAfter: 1000 } : undefined,
    );
    const { code, stderr } = await fetch(server.url);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(forApp(server.asked)).toEqual(['', 'from 1000', 'from 2000', 'from 3000']);
    expect(server.headers.some((each) => each['if-range'] === '"1"')).toBe(true);
    await expectWhole();
  });

  test('is taken up by a server without ranges, from which the beginning is skipped', async () => {
    const server = await serve(
      work.path('tree'),
      ({ path, count }) => (path === APP && count < 3 ? { cutAfter: 2500 } : undefined),
      { ranges: false },
    );
    expect((await fetch(server.url)).code).toBe(0);
    await expectWhole();
  });

  test('for good leaves what arrived to the next run', async () => {
    let isBroken = true;
    const server = await serve(work.path('tree'), ({ path, count }) => {
      if (!isBroken || path !== APP) return undefined;
      return count === 1 ? { cutAfter: 1500 } : { cutAfter: 0 };
    });
    const first = await fetch(server.url);
    expect(first).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/cannot be fetched/) as string,
    });
    expect(first.stderr).toContain('what has arrived is kept');
    const [partial = '', ...others] = await readdir(work.path('out'));
    expect(partial).toMatch(/^\.ESP32_GENERIC-1\.2\.3\..*\.fetch$/);
    expect(others).toEqual([]);
    isBroken = false;
    const asked = server.asked.length;
    expect((await fetch(server.url)).code).toBe(0);
    expect(forApp(server.asked.slice(asked))).toEqual(['from 1500']);
    await expectWhole();
  });

  test('by Ctrl-C leaves what arrived to the next run, too', async () => {
    const running: { child?: ChildProcess } = {};
    const server = await serve(work.path('tree'), ({ path, count }, response) => {
      if (path !== APP || count > 1) return undefined;
      response.writeHead(200).write(Buffer.from('the beginning of something else'), () => {
        running.child?.kill('SIGINT');
      });
      return 'handled';
    });
    const args = ['fetch', server.url, '--board', BOARD, '--drill', '--trust', 'key.pub.pem'];
    const env = environmentOf({ XDG_STATE_HOME: work.path('state') });
    running.child = spawn(process.execPath, [MAIN, ...args], {
      cwd: work.directory,
      env,
      stdio: 'ignore',
    });
    const [code] = (await once(running.child, 'exit')) as [number | null];
    expect(code).toBe(130);
    expect(await readdir(work.path('out'))).toEqual([expect.stringMatching(/^\..*\.fetch$/)]);
    expect((await fetch(server.url)).code).toBe(0);
    await expectWhole();
  });

  test('in the index is asked for again', async () => {
    const server = await serve(work.path('tree'), ({ path, count }) =>
      path.endsWith('index.json') && count === 1 ? { cutAfter: 10 } : undefined,
    );
    expect((await fetch(server.url)).code).toBe(0);
  });
});

describe('a server', () => {
  test('that is busy is asked again, as late as it says', async () => {
    const server = await serve(work.path('tree'), ({ path, count }, response) => {
      if (path !== APP || count > 2) return undefined;
      response.writeHead(count === 1 ? 503 : 429, { 'retry-after': '0' }).end();
      return 'handled';
    });
    expect((await fetch(server.url)).code).toBe(0);
    expect(forApp(server.asked)).toHaveLength(3);
  });

  test('that sends more than is listed is cut off', async () => {
    const server = await serve(work.path('tree'), ({ path }, response) => {
      if (path !== APP) return undefined;
      response.writeHead(200);
      const flood = (): void => {
        while (response.write(Buffer.alloc(65536)));
        response.once('drain', flood);
      };
      flood();
      return 'handled';
    });
    expect(await fetch(server.url)).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/has more than the \d+ bytes/) as string,
    });
    expect(await readdir(work.path('out'))).toEqual([]);
  });

  test('that sends an index without end is cut off', async () => {
    const server = await serve(work.path('tree'), ({ path }, response) => {
      if (!path.endsWith('.sig')) return undefined;
      response.writeHead(200);
      response.end(Buffer.alloc(40_000, 0x20));
      return 'handled';
    });
    expect(await fetch(server.url)).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/index\.json\.sig has more than/) as string,
    });
  });

  test('that compresses what it was not asked to compress is refused', async () => {
    const server = await serve(work.path('tree'), ({ path }, response) => {
      if (path !== APP) return undefined;
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('x');
      return 'handled';
    });
    expect(await fetch(server.url)).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/encoding gzip/) as string,
    });
    expect(server.headers.every((each) => each['accept-encoding'] === 'identity')).toBe(true);
  });

  test('that answers with another range than was asked for is refused', async () => {
    const server = await serve(work.path('tree'), ({ path, range }, response) => {
      if (path !== APP) return undefined;
      if (range === undefined) return { cutAfter: 1000 };
      response.writeHead(206, { 'content-range': 'bytes 0-9/10' }).end('0123456789');
      return 'handled';
    });
    expect(await fetch(server.url)).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/the range/) as string,
    });
  });

  test('that redirects is followed, five times at most, with the password left at home', async () => {
    const target = await serve(work.path('tree'));
    const server = await serve(work.path('tree'), ({ path }, response) => {
      response.writeHead(302, { location: `${target.url.slice(0, -1)}${encodeURI(path)}` }).end();
      return 'handled';
    });
    const address = server.url.replace('//', '//qa:sec%20ret@');
    const { code, stdout, stderr } = await fetch(address, '--json');
    expect(code).toBe(0);
    expect(stdout + stderr).not.toMatch(/sec(%20| )ret|qa:/);
    const basic = `Basic ${Buffer.from('qa:sec ret').toString('base64')}`;
    expect(server.headers.map(({ authorization }) => authorization)).toContain(basic);
    expect(target.headers.every(({ authorization }) => authorization === undefined)).toBe(true);

    const circle = await serve(work.path('tree'), ({ path }, response) => {
      response.writeHead(307, { location: path }).end();
      return 'handled';
    });
    expect(await fetch(circle.url)).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/redirects more than 5 times/) as string,
    });
    expect(circle.asked).toHaveLength(6);
  });

  test.each(['file:///etc/passwd', 'ftp://127.0.0.1/', 'http://'])(
    'that redirects to %s is refused',
    async (location) => {
      const server = await serve(work.path('tree'), (_, response) => {
        response.writeHead(302, { location }).end();
        return 'handled';
      });
      expect(await fetch(server.url)).toMatchObject({
        code: 5,
        stderr: expect.stringMatching(/redirects to/) as string,
      });
    },
  );

  test('that is not there is given up after some tries', async () => {
    expect(await fetch('http://127.0.0.1:9/')).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/ECONNREFUSED|bad port/) as string,
    });
  });
});
