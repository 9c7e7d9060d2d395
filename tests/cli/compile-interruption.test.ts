import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { createWorkspace, type Workspace } from '../support/cli.ts';
import {
  callsOf,
  cmakeMissing,
  engineCalls,
  makeEngine,
  makeMicroPython,
  makeSourceProject,
  NEEDS_CMAKE,
} from '../support/fake-idf.ts';

const BUILD = [
  '--board',
  'ESP32_GENERIC',
  '--app-version',
  '1.2.3',
  '--micropython',
  'micropython',
];

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Those of the fake idf.py's processes that are still there; a process that was killed goes at the next turn of the kernel. */
async function survivors(workspace: Workspace): Promise<readonly number[]> {
  const pids = (await readFile(workspace.path('pids'), 'utf8')).trim().split(' ').map(Number);
  for (let attempt = 0; attempt < 40 && pids.some(isAlive); attempt++)
    await new Promise((done) => setTimeout(done, 50));
  return pids.filter(isAlive);
}

/** A build that hangs when half is done, and does not listen to polite signals. */
function hanging(workspace: Workspace, environment: Readonly<Record<string, string>>) {
  return { ...environment, FAKE_IDF: 'hang', FAKE_IDF_PIDS: workspace.path('pids') };
}

const HALF = /compiling 10\/20/;

describe.skipIf(cmakeMissing())(`an interrupted build from source (${NEEDS_CMAKE})`, () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends every child after %s, and leaves nothing', async (signal, code) => {
    const { workspace, environment } = await makeSourceProject();
    const result = await workspace.run(BUILD, {
      environment: hanging(workspace, environment),
      interrupt: { signal, when: HALF },
    });
    expect(result.code, result.stderr).toBe(code);
    expect(result.stderr).toContain('no release was written');
    expect(await survivors(workspace)).toEqual([]);
    expect(await readdir(workspace.path('cache', 'work'))).toEqual([]);
    expect(await readdir(workspace.directory)).not.toContain('out');
  });

  test('kills the container too', async () => {
    const workspace = await createWorkspace();
    await makeMicroPython(workspace);
    const environment = await makeEngine(workspace, 'docker');
    const result = await workspace.run(BUILD, {
      environment: hanging(workspace, environment),
      interrupt: { signal: 'SIGINT', when: HALF },
    });
    expect(result.code, result.stderr).toBe(130);
    const calls = await engineCalls(workspace);
    const run = calls.find((call) => call.includes('idf.py')) ?? [];
    expect(calls.at(-1)).toEqual(['kill', run[run.indexOf('--name') + 1]]);
    expect(await survivors(workspace)).toEqual([]);
    expect(await readdir(workspace.path('cache', 'work'))).toEqual([]);
  });

  test('that was killed outright is in nobody’s way', async () => {
    const { workspace, environment } = await makeSourceProject();
    const killed = await workspace.run(BUILD, {
      environment: hanging(workspace, environment),
      interrupt: { signal: 'SIGKILL', when: HALF },
    });
    expect(killed.code).toBe(null);
    const left = await readdir(workspace.path('cache', 'work'));
    expect(left).toEqual([expect.stringMatching(/^\w{12}$/), expect.stringMatching(/\.lock$/)]);
    try {
      // Its idf.py lives, and writes where it was told to: the next build is elsewhere.
      const again = await workspace.run(BUILD, { environment });
      expect(again.code, again.stderr).toBe(0);
      const [first, second] = await callsOf(workspace);
      expect(second?.out).not.toBe(first?.out);
    } finally {
      const [idf = 0, child = 0] = (await readFile(workspace.path('pids'), 'utf8'))
        .split(' ')
        .map(Number);
      for (const pid of [idf, child]) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    }
    expect(await survivors(workspace)).toEqual([]);
    const last = await workspace.run([...BUILD, '--no-cache', '--force'], { environment });
    expect(last.code, last.stderr).toBe(0);
    expect(await readdir(workspace.path('cache', 'work'))).toEqual([]);
  });

  test('of the same board is not in the way of another at the same time', async () => {
    const { workspace, environment } = await makeSourceProject();
    const builds = await Promise.all(
      ['a', 'b', 'c'].map((out) =>
        workspace.run([...BUILD, '--no-cache', '--out', out], { environment }),
      ),
    );
    for (const { code, stderr } of builds) expect(code, stderr).toBe(0);
    const apps = await Promise.all(
      ['a', 'b', 'c'].map((out) =>
        workspace.read(out, 'ESP32_GENERIC-1.2.3', 'ESP32_GENERIC-1.2.3.app-bin'),
      ),
    );
    expect(apps[1]).toEqual(apps[0]);
    expect(apps[2]).toEqual(apps[0]);
    expect(await readdir(workspace.path('cache', 'work'))).toEqual([]);
  });
});
