import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Publishable } from '../../builder/publish/publishable.ts';
import type { Publication } from '../../builder/publish/target.ts';
import { createWorkspace } from '../support/cli.ts';
import { MAIN_COMMIT, type FakeRelease } from '../support/fake-github-api.ts';
import { startFakeGitHub, type FakeGitHub } from '../support/fake-github.ts';
import {
  buildDrills,
  count,
  expectWhole,
  open,
  publish,
  refused,
  stable,
  UPLOAD,
} from '../support/github-publishing.ts';

let esp32: Publishable;
let esp32c3: Publishable;
/** The same version of the same board, made anew: RSA-PSS signatures have a random salt. */
let esp32Again: Publishable;

beforeAll(async () => {
  const boards = ['ESP32_GENERIC', 'ESP32_GENERIC_C3', 'ESP32_GENERIC'];
  [esp32, esp32c3, esp32Again] = (await buildDrills(...boards)) as [
    Publishable,
    Publishable,
    Publishable,
  ];
});

describe('publishing to GitHub', () => {
  test('makes one release of several boards, with every file, published once', async () => {
    const github = await startFakeGitHub();
    const { target } = open(github);
    await target.preflight();
    const heard: string[] = [];
    const published = await target.publish(stable(esp32, esp32c3), [], ({ stem }) =>
      heard.push(stem),
    );
    expectWhole(github.published('v1.2.3'), esp32, esp32c3);
    expect(published).toEqual({
      target: github.spec,
      releases: [esp32, esp32c3].map(({ stem }) => ({
        stem,
        channel: 'stable',
        place: expect.stringMatching(/\/acme\/firmware\/releases\/tag\/v1\.2\.3$/) as string,
        already: false,
      })),
    });
    expect(heard).toEqual([esp32.stem, esp32c3.stem]);
    expect(github.releases).toHaveLength(1);
    expect(github.latest()?.tag).toBe('v1.2.3');
    expect(count(github, /^PATCH /)).toBe(1);
    expect(count(github, /^POST .*\/releases$/)).toBe(1);
    expect(github.touched).toEqual([]);
    expect(github.leaks).toEqual([]);
  });
});

describe('a release on GitHub', () => {
  test('is a pre-release in any channel but stable, and never the latest', async () => {
    const github = await startFakeGitHub();
    await publish(github, [{ release: esp32, channel: 'prerelease' }]);
    expect(github.published('v1.2.3')).toMatchObject({ isPrerelease: true });
    expect(github.latest()).toBeUndefined();
  });

  test('does not take "latest" from a higher version', async () => {
    const github = await startFakeGitHub({ pageSize: 2 });
    for (const tag of ['v2.0.0', 'v1.0.0', 'v0.9.0', 'nightly']) github.addRelease({ tag });
    await publish(github, stable(esp32));
    expect(github.published('v1.2.3')).toBeDefined();
    expect(github.latest()).toBeUndefined();
  });

  test('takes "latest" over from a lower version, pre-releases aside', async () => {
    const github = await startFakeGitHub();
    github.addRelease({ tag: 'v1.2.2' });
    github.addRelease({ tag: 'v2.0.0-rc.1', isPrerelease: true });
    await publish(github, stable(esp32));
    expect(github.latest()?.tag).toBe('v1.2.3');
  });

  test('says in its text what it is, by whom, and how to get it', async () => {
    const github = await startFakeGitHub();
    await publish(github, stable(esp32, esp32c3));
    const { body = '', name } = github.published('v1.2.3') ?? {};
    expect(name).toBe('v1.2.3');
    const key = esp32.manifest.signing?.keys[0]?.digest ?? 'none';
    expect(body).toContain(
      `| \`ESP32_GENERIC\` | \`esp32\` | \`1.2.3\` | 0 | \`${key}\` (development key) |`,
    );
    expect(body).toContain('| `ESP32_GENERIC_C3` | `esp32c3` | `1.2.3` | 0 |');
    expect(body).toContain('is the rollback drill');
    expect(body).toContain(
      'ota-build fetch github:acme/firmware --board ESP32_GENERIC --version 1.2.3 --trust trust.yaml --drill --allow-development\n',
    );
  });

  test('has the tag that was asked for', async () => {
    const github = await startFakeGitHub();
    await publish(github, stable(esp32), { tag: 'firmware/1.2.3' });
    expect(github.published('firmware/1.2.3')).toBeDefined();
    expect(github.tags.has('v1.2.3')).toBe(false);
  });

  test('is refused for several versions, channels, or one board twice', async () => {
    const github = await startFakeGitHub();
    const other = { ...esp32c3, manifest: { ...esp32c3.manifest, version: '1.2.4' } };
    const attempts: readonly (readonly [Publication[], RegExp])[] = [
      [stable(esp32, other), /one version, and these have 1\.2\.3, 1\.2\.4/],
      [[...stable(esp32), { release: esp32c3, channel: 'beta' }], /one channel/],
      [[{ release: esp32, channel: 'beta' }], /cannot be in channel beta on GitHub/],
      [stable(esp32, esp32Again), /in the release twice/],
      [[], /nothing to publish/],
    ];
    for (const [publications, message] of attempts) {
      const error = await refused(() => publish(github, publications));
      expect(error.code).toBe('RELEASE_REFUSED');
      expect(error.message).toMatch(message);
    }
    expect(github.requests).toEqual([]);
  });
});

describe('the same version once more', () => {
  test('is fine when the bytes are the same, and changes nothing', async () => {
    const github = await startFakeGitHub({ immutable: true });
    await publish(github, stable(esp32, esp32c3));
    const before = github.requests.length;
    const published = await publish(github, stable(esp32c3));
    expect(published.releases).toMatchObject([{ stem: esp32c3.stem, already: true }]);
    const since = github.requests.slice(before).map(({ method }) => method);
    expect(new Set(since)).toEqual(new Set(['GET']));
  });

  test('is compared by what is stored where GitHub says no digests', async () => {
    const github = await startFakeGitHub({ digests: false });
    await publish(github, stable(esp32));
    expect((await publish(github, stable(esp32))).releases).toMatchObject([{ already: true }]);
    const [asset] = github.published('v1.2.3')?.assets ?? [];
    asset?.bytes.writeUInt8(asset.bytes.readUInt8(7) ^ 1, 7);
    const error = await refused(() => publish(github, stable(esp32)));
    expect(error).toMatchObject({ code: 'RELEASE_EXISTS' });
    expect(error.message).toContain(asset?.name);
    expect(github.leaks).toEqual([]);
  });

  test.each([true, false])('is refused with other bytes (immutable: %s)', async (immutable) => {
    const github = await startFakeGitHub({ immutable });
    await publish(github, stable(esp32));
    const error = await refused(() => publish(github, stable(esp32Again)));
    expect(error.code).toBe('RELEASE_EXISTS');
    expect(error.message).toContain('is published with other bytes');
    expect(github.touched).toEqual([]);
    expect(github.drafts('v1.2.3')).toEqual([]);
    expectWhole(github.published('v1.2.3'), esp32);
  });

  test('is refused for a board that the published release does not have', async () => {
    const github = await startFakeGitHub();
    await publish(github, stable(esp32));
    const error = await refused(() => publish(github, stable(esp32, esp32c3)));
    expect(error.code).toBe('RELEASE_EXISTS');
    expect(error.message).toContain(`${esp32c3.stem}.app-bin`);
    expect(github.touched).toEqual([]);
  });

  test('is refused when its tag was the tag of an immutable release', async () => {
    const github = await startFakeGitHub();
    const message = 'Validation Failed: tag_name was used by an immutable release';
    github.fail({ on: /^POST .*\/releases$/, how: { kind: 'status', status: 422, message } });
    const error = await refused(() => publish(github, stable(esp32)));
    expect(error).toMatchObject({ code: 'RELEASE_EXISTS', exit: 10 });
    expect(error.hint).toContain('new version');
  });
});

describe('the tag', () => {
  const COMMIT = 'c'.repeat(40);

  test('is made at the commit that was asked for', async () => {
    const github = await startFakeGitHub();
    github.branches.set('release', COMMIT);
    await publish(github, stable(esp32), { commitish: 'release' });
    expect(github.tags.get('v1.2.3')).toBe(COMMIT);
  });

  test('is made at the commit of the workflow, in its own repository only', async () => {
    const environment = { GITHUB_SHA: COMMIT, GITHUB_REPOSITORY: 'Acme/Firmware' };
    const own = await startFakeGitHub();
    own.branches.set('release', COMMIT);
    await publish(own, stable(esp32), { environment: { ...own.environment, ...environment } });
    expect(own.tags.get('v1.2.3')).toBe(COMMIT);
    const other = await startFakeGitHub();
    const elsewhere = { ...environment, GITHUB_REPOSITORY: 'acme/website' };
    await publish(other, stable(esp32), { environment: { ...other.environment, ...elsewhere } });
    expect(other.tags.get('v1.2.3')).toBe(MAIN_COMMIT);
  });

  test('that is at another commit is refused before anything is changed', async () => {
    const github = await startFakeGitHub();
    github.branches.set('release', COMMIT);
    github.tags.set('v1.2.3', MAIN_COMMIT);
    const error = await refused(() => publish(github, stable(esp32), { commitish: 'release' }));
    expect(error.code).toBe('RELEASE_REFUSED');
    expect(error.message).toContain(MAIN_COMMIT);
    expect(error.message).toContain(COMMIT);
    expect(github.releases).toEqual([]);
  });

  test('that is elsewhere is only said when the same bytes are out already', async () => {
    const github = await startFakeGitHub();
    await publish(github, stable(esp32));
    github.branches.set('later', COMMIT);
    const { target, warnings } = open(github, { commitish: 'later' });
    const { releases } = await target.publish(stable(esp32), [], () => undefined);
    expect(releases).toMatchObject([{ already: true }]);
    expect(warnings.join()).toContain(COMMIT);
  });

  test('cannot be made at a commit that is not there', async () => {
    const github = await startFakeGitHub();
    const error = await refused(() => publish(github, stable(esp32), { commitish: COMMIT }));
    expect(error.message).toContain(`has no commit ${COMMIT}`);
  });

  test('that somebody moves while the release is published is noticed', async () => {
    const github = await startFakeGitHub();
    const run = (): void => {
      github.tags.set('v1.2.3', 'd'.repeat(40));
    };
    github.fail({ on: /^PATCH /, how: { kind: 'meanwhile', run } });
    const error = await refused(() => publish(github, stable(esp32), { commitish: 'main' }));
    expect(error.message).toContain('is at commit dddd');
  });

  test.each(['-x', 'a..b', 'a b', 'v1.lock', 'v1.', 'a//b', ''])('cannot be %j', async (tag) => {
    const github = await startFakeGitHub();
    const error = await refused(() => publish(github, stable(esp32), { tag }));
    expect(error.code).toBe('TARGET_INVALID');
  });
});

describe('a failure', () => {
  test.each([
    ['500 to an upload', UPLOAD, { kind: 'status', status: 500 }],
    ['502 that leaves half an asset', UPLOAD, { kind: 'status', status: 502, starter: true }],
    ['502 after an upload was stored', UPLOAD, { kind: 'after', status: 502 }],
    ['an upload cut in the middle', UPLOAD, { kind: 'cut' }],
    ['an upload cut after it was stored', UPLOAD, { kind: 'cut-after' }],
    ['an upload that is damaged on the way', UPLOAD, { kind: 'corrupt' }],
    ['a slow upload', UPLOAD, { kind: 'slow', milliseconds: 1500 }],
    ['502 after the draft was made', /^POST .*\/releases$/, { kind: 'after', status: 502 }],
    ['a cut after the draft was made', /^POST .*\/releases$/, { kind: 'cut-after' }],
    ['500 instead of a draft', /^POST .*\/releases$/, { kind: 'status', status: 500 }],
    ['502 after it was published', /^PATCH /, { kind: 'after', status: 502 }],
    ['a cut after it was published', /^PATCH /, { kind: 'cut-after' }],
    ['500 instead of publishing', /^PATCH /, { kind: 'status', status: 503 }],
    ['a list that is cut', /^GET .*\/releases\?/, { kind: 'cut' }],
    ['502 to a list of assets', /^GET .*\/assets\?/, { kind: 'status', status: 502 }],
    ['a secondary rate limit', UPLOAD, { kind: 'secondary-rate-limit', seconds: 1 }],
    [
      'a rate limit by another name',
      UPLOAD,
      { kind: 'secondary-rate-limit', seconds: 1, status: 429, message: 'Too many requests' },
    ],
    ['a rate limit', /^PATCH /, { kind: 'rate-limit', seconds: 1 }],
  ] as const)('is got over: %s', async (_, on, how) => {
    const github = await startFakeGitHub({ immutable: true });
    github.fail({ on, how });
    await publish(github, stable(esp32));
    expect(github.releases).toHaveLength(1);
    expectWhole(github.published('v1.2.3'), esp32);
    expect(github.touched).toEqual([]);
  });

  test('that stays ends the run, and the next one goes on with the draft', async () => {
    const github = await startFakeGitHub();
    const controller = new AbortController();
    github.fail({
      on: UPLOAD,
      skip: 4,
      how: {
        kind: 'meanwhile',
        run: () => {
          controller.abort(new Error('killed'));
        },
      },
    });
    await expect(publish(github, stable(esp32), { signal: controller.signal })).rejects.toThrow(
      'killed',
    );
    expect(github.published('v1.2.3')).toBeUndefined();
    const [draft] = github.drafts('v1.2.3');
    const first = draft?.assets.map(({ id }) => id).slice(0, 4) ?? [];
    const { target, notes } = open(github);
    await target.publish(stable(esp32), [], () => undefined);
    expect(notes.join()).toContain('goes on with the draft');
    const release = github.published('v1.2.3');
    expect(release?.id).toBe(draft?.id);
    expect(release?.assets.map(({ id }) => id)).toEqual(expect.arrayContaining(first));
    expectWhole(release, esp32);
  });

  test('of storing the right bytes, again and again, publishes nothing', async () => {
    const github = await startFakeGitHub();
    const on = /^POST .*name=ESP32_GENERIC-1\.2\.3\.app-bin(&|$)/;
    github.fail({ on, times: 100, how: { kind: 'corrupt' } });
    const error = await refused(() => publish(github, stable(esp32)));
    expect(error.code).toBe('ASSET_MISMATCH');
    expect(error.message).toContain('ESP32_GENERIC-1.2.3.app-bin');
    expect(github.published('v1.2.3')).toBeUndefined();
  });

  test('of a server that is down names what could not be done', async () => {
    const github = await startFakeGitHub();
    github.fail({ on: /tags/, times: 100, how: { kind: 'status', status: 503 } });
    const error = await refused(() => publish(github, stable(esp32)));
    expect(error).toMatchObject({ code: 'TARGET_UNREACHABLE', details: { status: 503 } });
    expect(error.message).toContain('look for release v1.2.3 of acme/firmware');
    expect(error.hint).toContain('Run the same command again');
  });

  test('is not waited for longer than is bearable: a rate limit of an hour', async () => {
    const github = await startFakeGitHub();
    github.fail({ on: /./, how: { kind: 'rate-limit', seconds: 3600 } });
    const error = await refused(() => open(github).target.preflight());
    expect(error.code).toBe('TARGET_BUSY');
    expect(error.message).toMatch(/rate limit is used up until 2\d{3}-/);
  });

  test('of a file that changed since it was checked publishes nothing', async () => {
    const work = await createWorkspace();
    await cp(esp32.directory, work.path('copy'), { recursive: true });
    const file = `${esp32.stem}.app-bin`;
    const bytes = await readFile(join(esp32.directory, file));
    bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
    for (const changed of [bytes, bytes.subarray(1), Buffer.concat([bytes, bytes])]) {
      await work.write(`copy/${file}`, changed);
      const github = await startFakeGitHub();
      const error = await refused(() =>
        publish(github, stable({ ...esp32, directory: work.path('copy') })),
      );
      expect(error.code).toBe('RELEASE_REFUSED');
      expect(error.message).toMatch(/has (changed|grown) since it was checked/);
      expect(github.published('v1.2.3')).toBeUndefined();
      expect(github.drafts('v1.2.3')[0]?.assets.map(({ name }) => name)).not.toContain(file);
    }
  });
});

describe('an answer that breaks off', () => {
  test('is not taken for an empty list of drafts', async () => {
    const github = await startFakeGitHub();
    const [draft] = await leaveDraft(github, 3);
    github.fail({ on: /^GET .*\/releases\?/, how: { kind: 'cut' } });
    await publish(github, stable(esp32));
    expect(github.published('v1.2.3')).toBe(draft);
  });

  test('is not taken for a repository without releases', async () => {
    const github = await startFakeGitHub();
    await publish(github, stable(esp32));
    github.fail({ on: /^GET .*\/releases\?/, how: { kind: 'cut' } });
    const { versions } = await open(github).target.known('ESP32_GENERIC', []);
    expect(versions).toEqual([{ version: '1.2.3', channel: 'stable', secureVersion: 0 }]);
  });

  test('is asked for again when it is an asset to compare', async () => {
    const github = await startFakeGitHub({ digests: false });
    github.fail({ on: /^GET \/storage\//, how: { kind: 'cut' } });
    await publish(github, stable(esp32));
    expectWhole(github.published('v1.2.3'), esp32);
  });
});

/** Uploads some assets and leaves off there, as a run that was ended does. */
async function leaveDraft(github: FakeGitHub, assets: number): Promise<readonly FakeRelease[]> {
  github.fail({ on: UPLOAD, skip: assets, how: { kind: 'status', status: 401 } });
  await refused(() => publish(github, stable(esp32)));
  return github.drafts('v1.2.3');
}

describe('a run that is ended', () => {
  test('at any request, before or after it was carried out, is completed by the next', async () => {
    const few = { ...esp32, files: esp32.files.slice(0, 2) };
    const whole = await startFakeGitHub();
    await publish(whole, stable(few));
    expect(whole.requests.length).toBeGreaterThan(10);
    for (const isCarriedOut of [false, true]) {
      for (let at = 0; at < whole.requests.length; at += 1) {
        const github = await startFakeGitHub({ immutable: true });
        const controller = new AbortController();
        const run = (): void => {
          controller.abort(new Error('ended'));
        };
        const how = isCarriedOut
          ? ({ kind: 'meanwhile', run } as const)
          : ({ kind: 'status', status: 500, run } as const);
        github.fail({ on: /./, skip: at, how });
        const ended = publish(github, stable(few), { signal: controller.signal });
        await expect(ended).rejects.toThrow('ended');
        await publish(github, stable(few));
        expect(github.releases).toHaveLength(1);
        expectWhole(github.published('v1.2.3'), few);
        expect(github.touched).toEqual([]);
      }
    }
  });

  test('while it waits for a rate limit ends at once', async () => {
    const github = await startFakeGitHub();
    const controller = new AbortController();
    github.fail({ on: UPLOAD, how: { kind: 'secondary-rate-limit', seconds: 600 } });
    const note = (): void => {
      controller.abort(new Error('ended'));
    };
    const run = publish(github, stable(esp32), { signal: controller.signal, note });
    await expect(run).rejects.toThrow('ended');
  });
});

describe('drafts of the same tag', () => {
  test('that somebody else made are left alone, and said', async () => {
    const github = await startFakeGitHub();
    const foreign = github.addRelease({ tag: 'v1.2.3', isDraft: true, body: 'by hand' });
    const { target, warnings } = open(github);
    await target.publish(stable(esp32), [], () => undefined);
    expect(github.drafts('v1.2.3')).toEqual([foreign]);
    expect(foreign.assets).toEqual([]);
    expect(warnings.join()).toContain('ota-build did not make');
    expectWhole(github.published('v1.2.3'), esp32);
  });

  test('that we left with other bytes go when the version is out', async () => {
    const github = await startFakeGitHub();
    github.fail({ on: UPLOAD, skip: 2, how: { kind: 'status', status: 401 } });
    await refused(() => publish(github, stable(esp32Again)));
    expect(github.drafts('v1.2.3')).toHaveLength(1);
    await publish(github, stable(esp32));
    expect(github.releases).toHaveLength(1);
    expectWhole(github.published('v1.2.3'), esp32);
  });

  test('with half and with wrong assets are put right', async () => {
    const github = await startFakeGitHub();
    const [draft] = await leaveDraft(github, 2);
    if (draft === undefined) throw new Error('no draft is left');
    const [good] = draft.assets;
    draft.assets.splice(1);
    github.addAsset(draft, `${esp32.stem}.zip`, Buffer.alloc(0), 'starter');
    github.addAsset(draft, `${esp32.stem}.manifest.json`, Buffer.from('{}'));
    await publish(github, stable(esp32));
    const release = github.published('v1.2.3');
    expectWhole(release, esp32);
    expect(release?.assets).toContain(good);
  });

  test('with assets of somebody else keep them, and that is said', async () => {
    const github = await startFakeGitHub();
    const [draft] = await leaveDraft(github, 2);
    if (draft !== undefined) github.addAsset(draft, 'notes.txt', Buffer.from('by hand'));
    const { target, warnings } = open(github);
    await target.publish(stable(esp32), [], () => undefined);
    expect(warnings.join()).toContain('notes.txt');
    expect(github.published('v1.2.3')?.assets.map(({ name }) => name)).toContain('notes.txt');
  });

  test('an asset that another run of the same uploads first is kept', async () => {
    const github = await startFakeGitHub();
    const name = `${esp32.stem}.app-bin`;
    const bytes = await readFile(join(esp32.directory, name));
    const run = (): void => {
      const [draft] = github.drafts('v1.2.3');
      if (draft !== undefined) github.addAsset(draft, name, bytes);
    };
    github.fail({ on: new RegExp(`^POST .*name=${name}`), how: { kind: 'meanwhile', run } });
    await publish(github, stable(esp32));
    expectWhole(github.published('v1.2.3'), esp32);
  });

  test('eight publishers of the same at once make one release', async () => {
    const github = await startFakeGitHub({ immutable: true });
    const runs = await Promise.all(Array.from({ length: 8 }, () => publish(github, stable(esp32))));
    expect(runs.filter(({ releases }) => releases[0]?.already === false)).toHaveLength(1);
    expect(github.releases).toHaveLength(1);
    expectWhole(github.published('v1.2.3'), esp32);
  });

  test('of two publishers with other bytes one wins, and the other hears of it', async () => {
    const github = await startFakeGitHub({ immutable: true });
    const runs = await Promise.allSettled(
      [esp32, esp32Again].map((release) => publish(github, stable(release))),
    );
    const [lost] = runs.filter(({ status }) => status === 'rejected');
    expect(lost).toMatchObject({ reason: { code: 'RELEASE_EXISTS' } });
    expect(github.releases).toHaveLength(1);
    expectWhole(github.published('v1.2.3'), runs[0]?.status === 'fulfilled' ? esp32 : esp32Again);
  });
});
