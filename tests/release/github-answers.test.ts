import { beforeAll, describe, expect, test } from 'vitest';
import type { Publishable } from '../../builder/publish/publishable.ts';
import type { Answer } from '../support/fake-github-api.ts';
import { startFakeGitHub } from '../support/fake-github.ts';
import {
  buildDrills,
  open,
  publish,
  refused,
  stable,
  UPLOAD,
} from '../support/github-publishing.ts';

// What stands at GITHUB_API_URL may be a proxy, another server, or broken: none of it is our bug, and the token stays where it is.

let esp32: Publishable;

beforeAll(async () => {
  [esp32] = (await buildDrills('ESP32_GENERIC')) as [Publishable];
});

const REPOSITORY = /^GET .*\/firmware$/;
const RELEASES = /^GET .*\/releases\?/;
const ASSETS = /^GET .*\/releases\/\d+\/assets\?/;

test("an answer that is not GitHub's is refused, whatever it was asked for", async () => {
  const cases: readonly (readonly [RegExp, unknown, RegExp])[] = [
    [REPOSITORY, {}, /look at .* not GitHub's: full_name: missing/],
    [REPOSITORY, null, /look at .* not GitHub's: .*received null/],
    [RELEASES, {}, /list the releases .* not GitHub's: .*expected array/],
    [RELEASES, [{}], /list the releases .* not GitHub's: id: missing/],
    [/^POST .*\/releases$/, {}, /make a draft .* not GitHub's: id: missing/],
    [UPLOAD, null, /upload .* not GitHub's/],
    [ASSETS, [{ id: 'x' }], /list the assets .* not GitHub's: id: /],
    [/^PATCH /, {}, /publish release .* not GitHub's: id: missing/],
  ];
  await Promise.all(
    cases.map(async ([on, json, message]) => {
      const github = await startFakeGitHub();
      github.fail({ on, times: 4, how: { kind: 'answer', answer: { status: 200, json } } });
      const error = await refused(async () => {
        const { target } = open(github);
        await target.preflight();
        await target.publish(stable(esp32), [], () => undefined);
      });
      expect(error).toMatchObject({ exit: 10, message: expect.stringMatching(message) as unknown });
      expect(github.published('v1.2.3')).toBeUndefined();
    }),
  );
});

describe('a rate limit', () => {
  test.each([
    { 'retry-after': '99999999999999999999' },
    { 'retry-after': '1e300' },
    { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '99999999999999999' },
  ])('until no time that there is, is one all the same: %j', async (headers) => {
    const github = await startFakeGitHub();
    const answer = { status: 403, json: { message: 'rate limit' }, headers };
    github.fail({ on: REPOSITORY, times: 9, how: { kind: 'answer', answer } });
    const error = await refused(() => open(github).target.preflight());
    expect(error).toMatchObject({ code: 'TARGET_BUSY' });
  });
});

describe('the token does not go to another server', () => {
  test('that a list says it goes on at', async () => {
    const [github, other] = await Promise.all([startFakeGitHub(), startFakeGitHub()]);
    const link = `<${other.apiUrl}/repos/acme/firmware/releases?page=2>; rel="next"`;
    const answer: Answer = { status: 200, json: [], headers: { link } };
    github.fail({ on: RELEASES, times: 4, how: { kind: 'answer', answer } });
    const error = await refused(() => publish(github, stable(esp32)));
    expect(error.message).toMatch(/list the releases .* leads to .* must not see the token/);
    expect(other.requests).toEqual([]);
  });

  test('that a draft says it takes files at', async () => {
    const github = await startFakeGitHub();
    const draft = {
      ...{ id: 1, tag_name: 'v1.2.3', draft: true, prerelease: false, html_url: '', assets: [] },
      upload_url: 'https://uploads.example.com/assets{?name,label}',
    };
    const answer = { status: 201, json: draft };
    github.fail({ on: /^POST .*\/releases$/, how: { kind: 'answer', answer } });
    github.fail({ on: ASSETS, how: { kind: 'answer', answer: { status: 200, json: [] } } });
    const error = await refused(() => publish(github, stable(esp32)));
    expect(error.message).toMatch(/uploads is at uploads\.example\.com, and its API at 127/);
  });
});

test('a list that never ends is left', async () => {
  const github = await startFakeGitHub();
  const link = `<${github.apiUrl}/repos/acme/firmware/releases?page=2>; rel="next"`;
  const answer: Answer = { status: 200, json: [], headers: { link } };
  github.fail({ on: RELEASES, times: 5000, how: { kind: 'answer', answer } });
  const error = await refused(() => publish(github, stable(esp32)));
  expect(error.message).toMatch(/list .* more than 400 pages/);
});
