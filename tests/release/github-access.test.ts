import { beforeAll, describe, expect, test } from 'vitest';
import { PublishError } from '../../builder/errors/families.ts';
import {
  githubTarget,
  type GitHubTargetOptions,
} from '../../builder/publish/github/github-target.ts';
import type { Publishable } from '../../builder/publish/publishable.ts';
import { startFakeGitHub, type FakeGitHub } from '../support/fake-github.ts';
import {
  buildDrills,
  count,
  open,
  publish,
  refused,
  stable,
  UPLOAD,
} from '../support/github-publishing.ts';
import { visibleText } from '../support/thrown.ts';

let esp32: Publishable;

beforeAll(async () => {
  [esp32] = (await buildDrills('ESP32_GENERIC')) as [Publishable];
});

describe('what GitHub has for a board', () => {
  const manifest = (secureVersion: number): Buffer =>
    Buffer.from(JSON.stringify({ secureVersion }));

  test('is read from its releases, and only the manifests that matter', async () => {
    const github = await startFakeGitHub({ pageSize: 2 });
    const add = (version: string, secureVersion: number, isPrerelease = false): void => {
      const release = github.addRelease({ tag: `v${version}`, isPrerelease });
      for (const board of ['X', 'X-SPIRAM'])
        github.addAsset(release, `${board}-${version}.manifest.json`, manifest(secureVersion));
    };
    add('1.9.0', 1);
    add('1.10.0', 3);
    add('1.9.1', 2);
    add('1.2.0', 1);
    add('1.3.0-beta.2', 2, true);
    github.addRelease({ tag: 'other' });
    github.addRelease({ tag: 'v9.0.0', isDraft: true });
    const { versions } = await open(github).target.known('X', []);
    expect(versions).toEqual([
      { version: '1.10.0', channel: 'stable', secureVersion: 3 },
      { version: '1.9.1', channel: 'stable' },
      { version: '1.9.0', channel: 'stable' },
      { version: '1.3.0-beta.2', channel: 'beta', secureVersion: 2 },
      { version: '1.2.0', channel: 'stable', secureVersion: 1 },
    ]);
    expect(count(github, /^GET .*\/releases\/assets\//)).toBe(3);
  });

  test('is asked for once for several boards', async () => {
    const github = await startFakeGitHub();
    const { target } = open(github);
    expect(await target.known('X', [])).toEqual({ versions: [] });
    expect(await target.known('Y', [])).toEqual({ versions: [] });
    expect(github.requests).toHaveLength(1);
  });

  test.each([
    ['not JSON', Buffer.from('{')],
    ['without a secure_version', Buffer.from('{}')],
    ['with a secure_version that is none', Buffer.from('{"secureVersion":-1}')],
    ['too large', Buffer.alloc(2 * 1024 * 1024)],
  ])('is refused when its manifest is %s', async (_, bytes) => {
    const github = await startFakeGitHub();
    github.addAsset(github.addRelease({ tag: 'v1.0.0' }), 'X-1.0.0.manifest.json', bytes);
    const error = await refused(() => open(github).target.known('X', []));
    expect(error.message).toContain('X-1.0.0.manifest.json');
  });

  test('is asked for once more just before publishing, for the gates', async () => {
    const github = await startFakeGitHub();
    const admit = ({ versions }: { versions: readonly { version: string }[] }): void => {
      if (versions.length > 0)
        throw new PublishError('RELEASE_REFUSED', `${versions[0]?.version ?? ''} is there`);
    };
    const run = (): void => {
      const release = github.addRelease({ tag: 'v2.0.0' });
      github.addAsset(release, 'ESP32_GENERIC-2.0.0.manifest.json', manifest(1));
    };
    github.fail({ on: UPLOAD, how: { kind: 'meanwhile', run } });
    const publications = stable(esp32).map((each) => ({ ...each, admit }));
    const error = await refused(() => publish(github, publications));
    expect(error.message).toBe('2.0.0 is there');
    expect(github.published('v1.2.3')).toBeUndefined();
  });
});

describe('before anything is built', () => {
  const preflight = (github: FakeGitHub, options: Partial<GitHubTargetOptions> = {}) =>
    refused(() => open(github, options).target.preflight());

  test.each([
    ['a fine-grained token', {}],
    ['a classic token', { scopes: 'gist, public_repo' }],
    ['a classic token for a private repository', { scopes: 'repo', isPrivate: true }],
  ] as const)('is content with %s', async (_, options) => {
    const github = await startFakeGitHub(options);
    await open(github).target.preflight();
    expect(github.releases).toEqual([]);
  });

  test.each([
    ['the right to write', { canWrite: false }, 'TOKEN_SCOPE', /does not let this token write/],
    ['a scope', { scopes: '' }, 'TOKEN_SCOPE', /has no scope, and repo or public_repo/],
    ['the scope', { scopes: 'gist', isPrivate: true }, 'TOKEN_SCOPE', /the scopes gist, and repo/],
    ['an archive', { isArchived: true }, 'TARGET_INVALID', /is archived/],
    ['its name', { fullName: 'acme/new' }, 'TARGET_INVALID', /is called acme\/new now/],
  ] as const)('refuses for want of, or because of, %s', async (_, options, code, message) => {
    const error = await preflight(await startFakeGitHub(options));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  test('refuses a token that GitHub does not know, and a repository that it does not show', async () => {
    const github = await startFakeGitHub({ isPrivate: true });
    const environment = { ...github.environment, GITHUB_TOKEN: 'ghp_wrong' };
    const unknown = await preflight(github, { environment });
    expect(unknown).toMatchObject({ code: 'TOKEN_SCOPE', details: { status: 401 } });
    const target = githubTarget('github:acme/secret', {
      ...{ environment: github.environment, signal: new AbortController().signal },
      ...{ note: () => undefined, warn: () => undefined, progress: () => undefined },
    });
    const hidden = await refused(() => target.preflight());
    expect(hidden.code).toBe('TARGET_INVALID');
    expect(hidden.message).toContain('has no repository acme/secret');
  });

  test('takes the token from GH_TOKEN when there is no other', async () => {
    const github = await startFakeGitHub();
    const environment = {
      ...github.environment,
      GITHUB_TOKEN: '',
      GH_TOKEN: `${github.token}\n`,
    };
    await open(github, { environment }).target.preflight();
  });

  test.each([
    [{ GITHUB_TOKEN: undefined }, 'TOKEN_MISSING', /needs a token in GITHUB_TOKEN/],
    [{ GITHUB_TOKEN: 'ghp_a b' }, 'TOKEN_MISSING', /holds no token/],
    [{ GITHUB_API_URL: 'http://api.example.com' }, 'TARGET_INVALID', /is not https/],
    [{ GITHUB_API_URL: 'https://u:p@example.com' }, 'TARGET_INVALID', /password in it/],
    [{ GITHUB_API_URL: 'nonsense' }, 'TARGET_INVALID', /is not an address/],
  ])('refuses an environment with %j', async (added, code, message) => {
    const github = await startFakeGitHub();
    const environment = { ...github.environment, ...added };
    const error = await refused(() => Promise.resolve(open(github, { environment })));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(visibleText(error)).not.toContain('ghp_a b');
  });

  test.each(['github:', 'github:acme', 'github:acme/a/b', 'github:a b/c', 'github:acme/..', 'x'])(
    'refuses the target %s',
    async (spec) => {
      const options = {
        ...{ environment: {}, signal: new AbortController().signal },
        ...{ note: () => undefined, warn: () => undefined, progress: () => undefined },
      };
      const error = await refused(() => Promise.resolve(githubTarget(spec, options)));
      expect(error.code).toBe('TARGET_INVALID');
    },
  );
});

describe('the token', () => {
  test('is in nothing that is said or thrown, even when the server says it', async () => {
    const github = await startFakeGitHub();
    const said: string[] = [];
    const tell = (text: string): number => said.push(text);
    for (const status of [400, 401, 403, 404, 409, 422, 500]) {
      const message = `no ${github.token}\u001b[2J\n`;
      github.fail({ on: /^GET .*\/firmware$/, times: 4, how: { kind: 'status', status, message } });
      const { target } = open(github, { note: tell, warn: tell, progress: tell });
      const error = await refused(() => target.preflight());
      said.push(visibleText(error), JSON.stringify(error), String(error));
      expect(error.message).not.toContain('\u001b');
    }
    await publish(github, stable(esp32), { note: tell, warn: tell, progress: tell });
    expect(said.join('\n')).not.toContain(github.token);
  });

  test('goes to the host of stored bytes only to upload', async () => {
    const github = await startFakeGitHub({ digests: false });
    await publish(github, stable(esp32));
    expect(count(github, /^GET \/storage\//)).toBeGreaterThan(0);
    expect(github.leaks).toEqual([]);
  });
});
