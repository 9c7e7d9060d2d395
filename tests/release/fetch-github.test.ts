import { readFileSync, writeFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { assetNames } from '../../builder/publish/github/asset-names.ts';
import { createWorkspace, type CliResult, type Workspace } from '../support/cli.ts';
import { startFakeGitHub, type FakeGitHub } from '../support/fake-github.ts';
import { expectSentence } from '../support/leaves-nothing.ts';
import { filesBelow, makeDrillRelease } from '../support/made-tree.ts';
import { publicPem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const BOARD = 'ESP32_GENERIC';
const key = aPrivateKey('rsa3072', 'first');
const attacker = aPrivateKey('rsa3072', 'attacker');

let work: Workspace;
/** Release directories by what they are. */
let made: Readonly<Record<'older' | 'newer' | 'beta' | 'otherBoard' | 'forged', string>>;
let github: FakeGitHub;

beforeAll(async () => {
  work = await createWorkspace();
  const board = 'ESP32_GENERIC_C3';
  made = {
    older: await makeDrillRelease({ version: '1.2.2', keys: [key] }),
    newer: await makeDrillRelease({ version: '1.2.3', keys: [key] }),
    beta: await makeDrillRelease({ version: '1.3.0-beta.1', keys: [key] }),
    otherBoard: await makeDrillRelease({ board, version: '1.2.3', keys: [key] }),
    forged: await makeDrillRelease({ version: '1.2.3', keys: [attacker] }),
  };
  await work.write('key.pub.pem', publicPem(key));
});

beforeEach(async () => {
  github = await startFakeGitHub();
  for (const name of ['out', 'state']) await rm(work.path(name), { recursive: true, force: true });
});

async function add(
  tag: string,
  directories: readonly string[],
  isPrerelease = false,
): Promise<ReturnType<FakeGitHub['addRelease']>> {
  const release = github.addRelease({ tag, isPrerelease, isDraft: false });
  for (const directory of directories) {
    const stem = directory.split('/').at(-1) ?? '';
    for (const [file, asset] of assetNames(stem, await filesBelow(directory)))
      github.addAsset(release, asset, readFileSync(join(directory, file)));
  }
  return release;
}

const fetch = (...args: readonly string[]): Promise<CliResult> =>
  work.runHere(['fetch', github.spec, '--board', BOARD, '--drill', ...args], {
    environment: { ...github.environment, XDG_STATE_HOME: work.path('state') },
  });
const trusting = ['--trust', 'key.pub.pem'];

async function expectWhole(directory: string): Promise<void> {
  const stem = directory.split('/').at(-1) ?? '';
  expect(await filesBelow(work.path('out', stem))).toEqual(await filesBelow(directory));
  for (const name of await filesBelow(directory))
    expect((await work.read('out', stem, name)).equals(readFileSync(join(directory, name)))).toBe(
      true,
    );
}

async function expectRefused(result: CliResult, code: number, says: RegExp): Promise<void> {
  expectSentence(result, { code, says });
  expect(await readdir(work.path('out')).catch(() => [])).toEqual([]);
}

describe('fetch from GitHub releases', () => {
  test('brings what a channel has, and a version by its name, of one board among several', async () => {
    await add('v1.2.2', [made.older]);
    await add('v1.2.3', [made.newer, made.otherBoard]);
    await add('v1.3.0-beta.1', [made.beta], true);
    const { code, stderr } = await fetch(...trusting);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await expectWhole(made.newer);
    expect((await fetch(...trusting, '--channel', 'beta')).code).toBe(0);
    await expectWhole(made.beta);
    expect((await fetch(...trusting, '--version', '1.2.2')).code).toBe(0);
    await expectWhole(made.older);
    expect(github.leaks).toEqual([]);
  });

  test('finds a version whose tag has another name, and passes over drafts', async () => {
    github.addRelease({ tag: 'v9.9.9', isDraft: true });
    await add('nightly', [made.newer]);
    expect((await fetch(...trusting, '--version', '1.2.3')).code).toBe(0);
    await expectWhole(made.newer);
  });

  test('says what there is when there is no such channel or version', async () => {
    await add('v1.2.3', [made.newer]);
    for (const args of [
      ['--channel', 'beta'],
      ['--version', '7.0.0'],
    ]) {
      const result = await fetch(...trusting, ...args);
      expect(result).toMatchObject({
        code: 5,
        stderr: expect.stringContaining('1.2.3 (stable)') as string,
      });
    }
    expect(await fetch('--variant', 'OTA')).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('has no release for ESP32_GENERIC-OTA') as string,
    });
  });

  test('refuses a repository that is not there, and a token that is wrong', async () => {
    const environment = { ...github.environment, XDG_STATE_HOME: work.path('state') };
    const elsewhere = ['fetch', 'github:acme/nothing', '--board', BOARD];
    expectSentence(await work.runHere(elsewhere, { environment }), {
      code: 5,
      says: /is not there, or may not be read/,
    });
    const args = ['fetch', github.spec, '--board', BOARD];
    const result = await work.runHere(args, {
      environment: { ...environment, GITHUB_TOKEN: 'ghp_wrong' },
    });
    expectSentence(result, { code: 5, says: /may not be read: 401/ });
    expect(result.stderr).not.toContain('ghp_wrong');
  });

  test('goes on after failures, and gives up with a sentence when the rate limit is reached', async () => {
    await add('v1.2.3', [made.newer]);
    github.fail({ on: /^GET .*\/releases\?/, how: { kind: 'status', status: 502 } });
    github.fail({ on: /^GET .*\/assets\//, times: 2, how: { kind: 'cut' } });
    expect((await fetch(...trusting)).code).toBe(0);
    await expectWhole(made.newer);
    await rm(work.path('out'), { recursive: true });
    github.fail({ on: /^GET/, how: { kind: 'rate-limit', seconds: 3600 } });
    await expectRefused(await fetch(...trusting), 5, /answers no more requests until 20/);
    const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '99999999999999999' };
    const answer = { status: 403, json: {}, headers };
    github.fail({ on: /^GET/, how: { kind: 'answer', answer } });
    await expectRefused(await fetch(...trusting), 5, /answers no more requests$/m);
  });

  test('does not take an address of the API with a password in it, and does not repeat it', async () => {
    const result = await work.runHere(['fetch', github.spec, '--board', BOARD], {
      environment: { ...github.environment, GITHUB_API_URL: 'https://me:S3cret@example.com' },
    });
    expectSentence(result, { code: 2, says: /GITHUB_API_URL has a user name or password/ });
    expect(result.stderr).not.toContain('S3cret');
  });

  test('keeps what another run took down while this one received its files', async () => {
    await add('v1.2.3', [made.newer]);
    expect((await fetch(...trusting)).code).toBe(0);
    const memories = work.path('state', 'ota-build', 'fetch');
    const [name = ''] = await readdir(memories);
    const memory = join(memories, name);
    await rm(work.path('out'), { recursive: true });
    const run = (): void => {
      const seen = JSON.parse(readFileSync(memory, 'utf8')) as { channels: object };
      const channels = { ...seen.channels, beta: '1.4.0-beta.1' };
      writeFileSync(memory, JSON.stringify({ ...seen, channels }));
    };
    github.fail({ on: /^GET .*\/assets\//, how: { kind: 'meanwhile', run } });
    expect((await fetch(...trusting)).code).toBe(0);
    expect(JSON.parse(readFileSync(memory, 'utf8'))).toMatchObject({
      channels: { stable: '1.2.3', beta: '1.4.0-beta.1' },
    });
  });

  test('refuses assets that were replaced, removed or never ended', async () => {
    const release = await add('v1.2.3', [made.newer]);
    const asset = release.assets.find(({ name }) => name.endsWith('.app-bin'));
    if (asset === undefined) throw new Error('the release has no app');
    const { bytes } = asset;
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(100) ^ 1, 100);
    asset.bytes = changed;
    await expectRefused(await fetch(...trusting), 5, /is not what the index says/);
    asset.digest = `sha256:${'0'.repeat(64)}`;
    await expectRefused(
      await fetch(...trusting),
      9,
      /another file on GitHub than SHA256SUMS lists/,
    );
    asset.state = 'starter';
    await expectRefused(await fetch(...trusting), 5, /has no asset ESP32_GENERIC-1\.2\.3\.app-bin/);
  });

  test('refuses what a stranger signed: by the trust file, or by what was fetched before', async () => {
    await add('v1.2.2', [made.older]);
    expect((await fetch()).code).toBe(0);
    await rm(work.path('out'), { recursive: true });
    await add('v1.2.3', [made.forged]);
    const result = await fetch();
    await expectRefused(result, 9, /does not pass verification[^]*trusted key/);
    expect(result.stderr).toMatch(/hint: .*--trust/);
    await expectRefused(await fetch(...trusting), 9, /does not pass verification[^]*trusted key/);
    expect((await fetch('--version', '1.2.2')).code).toBe(0);
  });

  test('refuses a channel that went back, unless the version is named', async () => {
    const newest = await add('v1.2.3', [made.newer]);
    await add('v1.2.2', [made.older]);
    expect((await fetch(...trusting)).code).toBe(0);
    await rm(work.path('out'), { recursive: true });
    github.releases.splice(github.releases.indexOf(newest), 1);
    await expectRefused(
      await fetch(...trusting),
      9,
      /channel stable has 1\.2\.2 now, and 1\.2\.3 was seen before/,
    );
    expect((await fetch(...trusting, '--version', '1.2.2')).code).toBe(0);
  });

  test('refuses an API address that a token would be sent to in the open', async () => {
    const environment = { ...github.environment, GITHUB_API_URL: 'http://api.example.com' };
    const args = ['fetch', github.spec, '--board', BOARD];
    expectSentence(await work.runHere(args, { environment }), {
      code: 2,
      says: /not an https address/,
    });
  });
});
