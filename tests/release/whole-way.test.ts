import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWorkspace, type CliResult, type Workspace } from '../support/cli.ts';
import { findNginx, startNginx, type Nginx } from '../support/nginx.ts';
import { privatePem, publicPem } from '../support/pem.ts';
import { filesBelow } from '../support/made-tree.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const BOARDS = ['ESP32_GENERIC', 'ESP32_GENERIC_C3'] as const;
const VERSIONS = ['1.2.3', '1.3.0-beta.1'] as const;
const program = findNginx();
if (program === undefined)
  console.log('tests/release/whole-way: skipped, nginx is not installed (Debian: nginx-light)');

// The commands as users run them, one after the other: nothing in between is made by the test.
describe.skipIf(program === undefined)('build, publish, serve, fetch, verify', () => {
  let work: Workspace;
  let nginx: Nginx;
  const run = async (...args: readonly string[]): Promise<CliResult> => {
    const result = await work.run(args, { environment: { XDG_STATE_HOME: work.path('state') } });
    expect(result.code, result.stderr).toBe(0);
    return result;
  };

  beforeAll(async () => {
    work = await createWorkspace();
    const key = aPrivateKey('rsa3072', 'first');
    await work.write('release.pem', privatePem(key), 0o600);
    await work.write('release.pub.pem', publicPem(key));
    for (const board of BOARDS)
      for (const version of VERSIONS)
        await run(
          ...['--board', board, '--firmware', 'drill', '--app-version', version],
          ...['--key', 'release.pem', '--out', 'made'],
        );
    for (const version of VERSIONS)
      await run(
        ...['publish', ...BOARDS.map((board) => `made/${board}-${version}`), '--to', 'dir:www'],
        ...['--channel', version === '1.2.3' ? 'stable' : 'beta', '--drill'],
        ...['--key', 'release.pem', '--trust', 'release.pub.pem'],
      );
    nginx = await startNginx(work.path('www'));
  }, 60_000);
  afterAll(() => nginx.stop());

  test.each(
    BOARDS.flatMap((board) => [
      [board, 'stable', '1.2.3'] as const,
      [board, 'beta', '1.3.0-beta.1'] as const,
    ]),
  )('%s gets from channel %s what was built', async (board, channel, version) => {
    const stem = `${board}-${version}`;
    await run(
      ...['fetch', nginx.url, '--board', board, '--channel', channel, '--drill'],
      ...['--trust', 'release.pub.pem', '--out', 'got'],
    );
    await run('verify', `got/${stem}`, '--trust', 'release.pub.pem');
    const names = await filesBelow(work.path('made', stem));
    expect(await filesBelow(work.path('got', stem))).toEqual(names);
    for (const name of names) {
      const [made, got] = [await work.read('made', stem, name), await work.read('got', stem, name)];
      expect(got.equals(made), name).toBe(true);
    }
  });

  test('devices find the app of their channel, with its SHA-256', async () => {
    const folder = `${nginx.url}${BOARDS[1]}/`;
    const answer = await fetch(`${folder}stable.json`);
    const { firmware, sha, length } = (await answer.json()) as Record<string, string | number>;
    const app = await fetch(new URL(String(firmware), folder));
    const bytes = Buffer.from(await app.arrayBuffer());
    expect(bytes.length).toBe(length);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha);
    const stem = `${BOARDS[1]}-1.2.3`;
    expect(bytes.equals(await readFile(work.path('made', stem, `${stem}.app-bin`)))).toBe(true);
  });

  test('people find a page', async () => {
    const page = await (await fetch(`${nginx.url}${BOARDS[0]}/index.html`)).text();
    expect(page).toContain(BOARDS[0]);
    expect(page).toContain('1.3.0-beta.1');
  });
});
