import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, readFile, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { environmentOf, MAIN, type Workspace } from '../support/cli.ts';
import {
  aPublisher,
  BOARD,
  build,
  problemsOf,
  readPublished,
  withoutPages,
} from '../support/published-tree.ts';

const HOOK = join(import.meta.dirname, '..', 'support', 'count-operations.mjs');
const AT_ONCE = 3;

let work: Workspace;

beforeAll(async () => {
  work = await aPublisher();
  await build(work, '1.0.0');
  await build(work, '1.1.0');
  const { code, stderr } = await publishHere('1.0.0', 'old');
  expect(code, stderr).toBe(0);
});

const argumentsOf = (version: string, target: string): readonly string[] => [
  ...['publish', `out/${BOARD}-${version}`, '--to', `dir:${target}`],
  ...['--key', 'key.pem', '--trust', 'key.pub.pem', '--quiet'],
];

const publishHere = (version: string, target: string) => work.runHere(argumentsOf(version, target));

/** Publishes version 1.1.0 in a process that counts what it does to the file system. Returns the signal that ended it. */
function publishCounted(target: string, environment: Readonly<Record<string, string>>) {
  const args = ['--import', HOOK, MAIN, ...argumentsOf('1.1.0', target)];
  return new Promise<string | undefined>((resolve) => {
    const options = { cwd: work.directory, env: environmentOf(environment) };
    execFile(process.execPath, args, options, (error) => {
      resolve(error === null ? undefined : (error.signal ?? String(error.code)));
    });
  });
}

/** How many operations a publication takes when nobody kills it. */
async function countOperations(target: string): Promise<number> {
  const signal = await publishCounted(target, { OTA_BUILD_TEST_COUNT: work.path('count') });
  expect(signal).toBeUndefined();
  return Number(await readFile(work.path('count'), 'utf8'));
}

/** Kills a publication before operation `at`, looks at the tree as a reader does, and lets a second run complete it. */
async function killAt(at: number, start: string | undefined): Promise<void> {
  const target = `killed-${start ?? 'empty'}-${at}`;
  const place = work.path(target, BOARD);
  if (start !== undefined) await cp(work.path(start), work.path(target), { recursive: true });
  const old = start === undefined ? undefined : await readFile(join(place, 'index.json'));

  expect(await publishCounted(target, { OTA_BUILD_TEST_KILL_AT: String(at) })).toBe('SIGKILL');
  expect(await problemsOf(place), `killed at ${at}`).toEqual([]);
  const found = await readFile(join(place, 'index.json')).catch(() => undefined);
  if (found !== undefined && old?.equals(found) !== true) {
    const { channels, sequence } = await readPublished(place);
    expect({ channels, sequence }).toEqual({
      channels: { stable: '1.1.0' },
      sequence: start === undefined ? 1 : 2,
    });
  } else expect(found).toEqual(old);

  // As if the killed one had been dead for long: its lock is taken over without being watched.
  const past = new Date(Date.now() - 2 * 60 * 60_000);
  for (const lock of ['.publish.lock', '.publish.lock.takeover'])
    if (existsSync(join(place, lock))) await utimes(join(place, lock), past, past);
  const { code, stderr } = await publishHere('1.1.0', target);
  expect(code, stderr).toBe(0);
  expect(await problemsOf(place)).toEqual([]);
  const versions = start === undefined ? ['1.1.0'] : ['1.0.0', '1.1.0'];
  expect(await withoutPages(place)).toEqual([...versions, 'index.json', 'index.json.sig']);
  expect((await readPublished(place)).versions.map(({ version }) => version).reverse()).toEqual(
    versions,
  );
  await rm(work.path(target), { recursive: true });
}

async function killAtEach(points: readonly number[], start: string | undefined): Promise<void> {
  const waiting = [...points];
  const worker = async (): Promise<void> => {
    for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) await killAt(at, start);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

test('killed before any file operation, a tree has its old state or the new one, and a second run completes it', async () => {
  await cp(work.path('old'), work.path('counted'), { recursive: true });
  const count = await countOperations('counted');
  expect(count).toBeGreaterThan(40);
  await killAtEach(
    Array.from({ length: count }, (_, index) => index + 1),
    'old',
  );
}, 240_000);

test('the same holds for the first release of a tree, whose directories are made', async () => {
  const count = await countOperations('first');
  const points = Array.from({ length: count }, (_, index) => index + 1);
  // What lies between is copying files, which the test above has killed everywhere.
  await killAtEach([...points.slice(0, 12), ...points.slice(-24)], undefined);
}, 240_000);
