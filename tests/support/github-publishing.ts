import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import { PublishError } from '../../builder/errors/families.ts';
import { assetName } from '../../builder/publish/github/asset-names.ts';
import {
  githubTarget,
  type GitHubTargetOptions,
} from '../../builder/publish/github/github-target.ts';
import { checkPublishable, type Publishable } from '../../builder/publish/publishable.ts';
import type { Publication, Published, Target } from '../../builder/publish/target.ts';
import { createWorkspace } from './cli.ts';
import type { FakeRelease } from './fake-github-api.ts';
import type { FakeGitHub } from './fake-github.ts';
import { thrownBy } from './thrown.ts';

/** Requests that upload an asset, for `fail`. */
export const UPLOAD = /^POST .*\/releases\/\d+\/assets\?/;

/** Builds the drill for these boards, version 1.2.3, with the built command, and checks it. */
export async function buildDrills(...boards: readonly string[]): Promise<readonly Publishable[]> {
  const work = await createWorkspace();
  const releases: Publishable[] = [];
  for (const [index, board] of boards.entries()) {
    const args = ['--board', board, '--firmware', 'drill', '--app-version', '1.2.3'];
    const built = await work.run([...args, '--sign', '--key', 'dev', '--out', `${index}`]);
    if (built.code !== 0) throw new Error(built.stderr);
    const options = { projectDirectory: work.directory, allowUnverified: true };
    releases.push(await checkPublishable(`${index}/${board}-1.2.3`, options));
  }
  return releases;
}

export type Heard = {
  readonly notes: string[];
  readonly warnings: string[];
  readonly progress: string[];
};

/** Opens the target, with a record of what it says. */
export function open(
  github: FakeGitHub,
  options: Partial<GitHubTargetOptions> = {},
): Heard & { target: Target } {
  const heard: Heard = { notes: [], warnings: [], progress: [] };
  const target = githubTarget(github.spec, {
    environment: github.environment,
    signal: new AbortController().signal,
    note: (text) => heard.notes.push(text),
    warn: (text) => heard.warnings.push(text),
    progress: (text) => heard.progress.push(text),
    ...options,
  });
  return { ...heard, target };
}

export const stable = (...releases: readonly Publishable[]): Publication[] =>
  releases.map((release) => ({ release, channel: 'stable' }));

export async function publish(
  github: FakeGitHub,
  publications: readonly Publication[],
  options: Partial<GitHubTargetOptions> = {},
): Promise<Published> {
  return open(github, options).target.publish(publications, [], () => undefined);
}

export const refused = (action: () => Promise<unknown>): Promise<PublishError> =>
  thrownBy(PublishError, action);

/** Asserts that a release has every file of these directories, byte for byte, and nothing else. */
export function expectWhole(
  release: FakeRelease | undefined,
  ...sources: readonly Publishable[]
): void {
  const expected = sources.flatMap(({ stem, files }) =>
    files.map(({ file, sha256 }) => `${assetName(stem, file)} ${sha256}`),
  );
  const stored = (release?.assets ?? []).map(
    ({ name, bytes, state }) =>
      `${name} ${state === 'uploaded' ? createHash('sha256').update(bytes).digest('hex') : state}`,
  );
  expect(stored.sort()).toEqual(expected.sort());
}

export const count = (github: FakeGitHub, request: RegExp): number =>
  github.requests.filter(({ method, path }) => request.test(`${method} ${path}`)).length;
