import { readFileSync } from 'node:fs';
import { mkdir, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createWorkspace, type CliResult, type Workspace } from '../support/cli.ts';
import { findNginx, startNginx, type Nginx } from '../support/nginx.ts';
import { publicPem } from '../support/pem.ts';
import { filesBelow, makeDrillRelease, publishInto } from '../support/made-tree.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const BOARD = 'ESP32_GENERIC';
const STEM = `${BOARD}-1.2.3+lab`;
const key = aPrivateKey('rsa3072', 'first');
const program = findNginx();
if (program === undefined)
  console.log('tests/release/fetch-http: skipped, nginx is not installed (Debian: nginx-light)');

let work: Workspace;
let release: string;
let nginx: Nginx;

describe.skipIf(program === undefined)('fetch from nginx', () => {
  beforeAll(async () => {
    work = await createWorkspace();
    release = await makeDrillRelease({ version: '1.2.3+lab', keys: [key] });
    await work.write('key.pub.pem', publicPem(key));
    await publishInto(work.path('www', 'ota builds'), release, { keys: [key] });
    nginx = await startNginx(work.path('www'), 'location /moved/ { return 302 /ota%20builds/; }');
  });
  afterAll(() => nginx.stop());
  beforeEach(() => rm(work.path('out'), { recursive: true, force: true }));

  const fetchFrom = (path: string, ...args: readonly string[]): Promise<CliResult> =>
    work.run(['fetch', nginx.url + path, '--board', BOARD, '--drill', ...args], {
      environment: { XDG_STATE_HOME: work.path('state') },
    });

  test('brings every file, whatever characters its name has', async () => {
    const { code, stdout, stderr } = await fetchFrom('ota%20builds', '--trust', 'key.pub.pem');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`cd out/${STEM} && esptool`);
    for (const name of await filesBelow(release))
      expect((await work.read('out', STEM, name)).equals(readFileSync(join(release, name)))).toBe(
        true,
      );
    expect(await filesBelow(work.path('out', STEM))).toEqual(await filesBelow(release));
  });

  test('goes on where an earlier run ended, by a range', async () => {
    const app = `${STEM}.app-bin`;
    const bytes = readFileSync(join(release, app));
    const partial = work.path('out', `.${STEM}.999999999-0123456789ab.fetch`);
    await mkdir(partial, { recursive: true });
    await writeFile(join(partial, `${app}.part`), bytes.subarray(0, 1000));
    const before = (await nginx.log()).length;
    const { code, stderr } = await fetchFrom('ota%20builds', '--trust', 'key.pub.pem');
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining('going on') as string,
    });
    const asked = (await nginx.log()).slice(before).filter((line) => line.includes('.app-bin'));
    expect(asked).toEqual([
      `206 GET /ota%20builds/${BOARD}/1.2.3%2Blab/${encodeURIComponent(app)} "bytes=1000-"`,
    ]);
    expect(await readdir(work.path('out'))).toEqual([STEM]);
  });

  test('starts over when what had arrived does not belong to the file', async () => {
    const partial = work.path('out', `.${STEM}.999999999-0123456789ab.fetch`);
    await mkdir(partial, { recursive: true });
    await writeFile(join(partial, `${STEM}.app-bin.part`), 'something else');
    await writeFile(join(partial, 'manifest.json'), '{}');
    await writeFile(join(partial, 'stranger'), '');
    const { code, stderr } = await fetchFrom('ota%20builds', '--trust', 'key.pub.pem');
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('starting over');
    expect(await filesBelow(work.path('out', STEM))).toEqual(await filesBelow(release));
  });

  test('says what a server does not have', async () => {
    expect(await fetchFrom('elsewhere')).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/has nothing for ESP32_GENERIC/) as string,
    });
  });

  test('refuses a file that is missing or shorter than listed', async () => {
    const path = work.path('www', 'ota builds', BOARD, '1.2.3+lab', 'partition-table.bin');
    const bytes = readFileSync(path);
    await truncate(path, 100);
    const short = await fetchFrom('ota%20builds', '--trust', 'key.pub.pem');
    await rename(path, `${path}.away`);
    const missing = await fetchFrom('ota%20builds', '--trust', 'key.pub.pem');
    await writeFile(path, bytes);
    await rm(`${path}.away`);
    expect(short).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/has 100 bytes/) as string,
    });
    expect(missing).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(/is not there/) as string,
    });
    expect(await readdir(work.path('out'))).toEqual([]);
  });
});
