import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createWorkspace, environmentOf, MAIN, type Workspace } from '../support/cli.ts';
import { filesBelow, makeDrillRelease, publishInto } from '../support/made-tree.ts';
import { publicPem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const BOARD = 'ESP32_GENERIC';
const STEM = `${BOARD}-1.2.3`;
const HOOK = join(import.meta.dirname, '..', 'support', 'kill-at.mjs');
const key = aPrivateKey('rsa3072', 'first');

let work: Workspace;
let release: string;

beforeAll(async () => {
  work = await createWorkspace();
  release = await makeDrillRelease({ version: '1.2.3', keys: [key] });
  await work.write('key.pub.pem', publicPem(key));
  await publishInto(work.path('tree'), release, { keys: [key] });
});

/** Runs the built command, to be killed before the operation on a file with that number; 0 counts them. */
function fetchKilledAt(killAt: number): {
  readonly signal: string | null;
  readonly stderr: string;
} {
  const command = ['fetch', 'tree', '--board', BOARD, '--drill', '--trust', 'key.pub.pem'];
  const { signal, stderr } = spawnSync(
    process.execPath,
    ['--import', HOOK, MAIN, ...command, '--quiet'],
    {
      cwd: work.directory,
      encoding: 'utf8',
      env: environmentOf({
        XDG_STATE_HOME: work.path('state'),
        KILL_AT: String(killAt),
        KILL_COUNT: work.path('count'),
        KILL_BELOW: [work.path('out'), work.path('state')].join(':'),
      }),
    },
  );
  return { signal, stderr };
}

async function clear(): Promise<void> {
  for (const name of ['out', 'state']) await rm(work.path(name), { recursive: true, force: true });
}

/** Nothing has the name of the release, or all of it is there. */
async function expectOldOrNew(at: number): Promise<boolean> {
  const names = await readdir(work.path('out')).catch((): string[] => []);
  const isThere = names.includes(STEM);
  for (const name of names.filter((each) => each !== STEM))
    expect(name, `killed at ${at}`).toMatch(/^\..*\.fetch$/);
  if (isThere) await expectWhole(at);
  const states = await readdir(work.path('state', 'ota-build', 'fetch')).catch((): string[] => []);
  for (const name of states.filter((each) => !each.startsWith('.')))
    JSON.parse(readFileSync(work.path('state', 'ota-build', 'fetch', name), 'utf8'));
  return isThere;
}

async function expectWhole(at: number): Promise<void> {
  const names = await filesBelow(release);
  expect(await filesBelow(work.path('out', STEM)), `killed at ${at}`).toEqual(names);
  for (const name of names)
    expect((await work.read('out', STEM, name)).equals(readFileSync(join(release, name)))).toBe(
      true,
    );
}

describe('fetch, killed at any operation that changes a file', () => {
  test(
    'leaves the old state or the new one, and the next run completes',
    { timeout: 600_000 },
    async () => {
      await clear();
      const whole = fetchKilledAt(0);
      expect(whole).toEqual({ signal: null, stderr: '' });
      const operations = Number(readFileSync(work.path('count'), 'utf8'));
      expect(operations).toBeGreaterThan(40);
      const outcomes = { old: 0, new: 0 };
      for (let at = 1; at <= operations; at++) {
        await clear();
        expect(fetchKilledAt(at)).toEqual({ signal: 'SIGKILL', stderr: '' });
        if (await expectOldOrNew(at)) outcomes.new++;
        else outcomes.old++;
        const { code, stderr } = await fetchAgain();
        expect(code, `after a kill at ${at}: ${stderr}`).toBe(0);
        await expectWhole(at);
        expect(await readdir(work.path('out'))).toEqual([STEM]);
      }
      expect(outcomes.old).toBeGreaterThan(0);
      expect(outcomes.new).toBeGreaterThan(0);
    },
  );
});

/** In the test's own process, which is faster. */
function fetchAgain(): ReturnType<Workspace['runHere']> {
  return work.runHere(['fetch', 'tree', '--board', BOARD, '--drill', '--trust', 'key.pub.pem'], {
    environment: { XDG_STATE_HOME: work.path('state') },
  });
}
