import { describe, expect, test } from 'vitest';
import { createWorkspace } from '../support/cli.ts';
import { startFakeGitHub } from '../support/fake-github.ts';
import { filesBelow } from '../support/made-tree.ts';
import { privatePem, publicPem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const BOARDS = ['ESP32_GENERIC', 'ESP32_GENERIC_C3'] as const;
const VERSION = '1.3.0-beta.1';

describe('build, publish to GitHub, fetch, verify', () => {
  test('brings what was built, although an upload failed on the way', async () => {
    const github = await startFakeGitHub();
    const work = await createWorkspace();
    const key = aPrivateKey('rsa3072', 'first');
    await work.write('release.pem', privatePem(key), 0o600);
    await work.write('release.pub.pem', publicPem(key));
    const trust = ['--trust', 'release.pub.pem'];
    const run = (...args: readonly string[]) =>
      work.run(args, {
        environment: { ...github.environment, XDG_STATE_HOME: work.path('state') },
      });
    const target = ['publish', '--to', github.spec, '--dry-run'];
    expect(await run(...target)).toMatchObject({ code: 0 });
    github.fail({ on: /generate-notes/, how: { kind: 'status', status: 403 } });
    expect(await run(...target)).toMatchObject({ code: 10 });
    for (const board of BOARDS) {
      const made = await run(
        ...['--board', board, '--firmware', 'drill', '--app-version', VERSION],
        ...['--key', 'release.pem', '--out', 'made'],
      );
      expect(made.code, made.stderr).toBe(0);
    }
    const releases = BOARDS.map((board) => `made/${board}-${VERSION}`);
    const publish = ['publish', ...releases, '--to', github.spec, '--channel', 'beta', ...trust];
    expect(await run(...publish)).toMatchObject({ code: 10 });
    expect(github.releases).toEqual([]);
    github.fail({
      on: /^POST .*assets/,
      skip: 3,
      how: { kind: 'status', status: 502, starter: true },
    });
    const published = await run(...publish, '--drill');
    expect(published.code, published.stderr).toBe(0);
    expect(`${published.stdout}${published.stderr}`).not.toContain(github.token);
    expect(github.published(`v${VERSION}`)).toMatchObject({ isPrerelease: true });
    for (const board of BOARDS) {
      const fetched = await run(
        ...['fetch', github.spec, '--board', board, '--channel', 'beta', '--drill'],
        ...[...trust, '--out', 'got'],
      );
      expect(fetched.code, fetched.stderr).toBe(0);
      const stem = `${board}-${VERSION}`;
      expect(await run('verify', `got/${stem}`, ...trust)).toMatchObject({ code: 0 });
      for (const name of await filesBelow(work.path('made', stem))) {
        const [made, got] = [
          await work.read('made', stem, name),
          await work.read('got', stem, name),
        ];
        expect(got.equals(made), name).toBe(true);
      }
    }
    const again = await run(...publish, '--drill');
    expect(again.stdout).toContain('was there already, the same bytes');
    expect(github.touched).toEqual([]);
  }, 60_000);
});
