import { beforeAll, describe, expect, test } from 'vitest';
import type { Examination } from '../../builder/doctor/examine.ts';
import { createWorkspace, type CliResult, type Workspace } from '../support/cli.ts';
import { makeEngine, makeIdf, makeMicroPython, writeScript } from '../support/fake-idf.ts';
import { expectSentence } from '../support/leaves-nothing.ts';

let work: Workspace;
let idf: Readonly<Record<string, string | undefined>>;

/** A PATH with these programs on it, which say a version and nothing else. */
async function pathWith(folder: string, ...programs: readonly string[]): Promise<string> {
  for (const name of programs)
    await writeScript(work.path(folder, name), `echo "${name} version 3.25.1"`);
  await work.write(`${folder}/readme`, '');
  return work.path(folder);
}

const doctor = (
  environment: Readonly<Record<string, string | undefined>>,
  ...args: readonly string[]
): Promise<CliResult> => work.runHere(['doctor', ...args], { environment });

const examined = ({ stdout }: CliResult) => JSON.parse(stdout) as Examination & { ok: boolean };

beforeAll(async () => {
  work = await createWorkspace();
  await makeMicroPython(work);
  await makeMicroPython(work, { directory: 'old', version: '1.23.0' });
  const all = await pathWith('all', 'git', 'cmake', 'ninja', 'python3', 'ccache');
  const made = await makeIdf(work);
  idf = { ...made, PATH: `${work.path('esp-idf', 'tools')}:${all}` };
});

describe('doctor', () => {
  test('is content where MicroPython can be compiled, and says with what', async () => {
    const before = await work.listing();
    const result = await work.run(['doctor'], { environment: idf });
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toContain('MicroPython v1.28.0, released with ESP-IDF v5.5.1');
    expect(result.stdout).toMatch(
      /✓ ESP-IDF +v5\.5\.1 {2}\S+esp-idf {2}for compiling MicroPython v1\.28\.0/,
    );
    expect(result.stdout).toMatch(/✓ cmake +3\.25\.1 {2}\S+\/all\/cmake/);
    expect(result.stdout).toMatch(
      /- esptool +not found.*\n.*hint: pip install --upgrade 'esptool>=5'/,
    );
    expect(result.stdout).toContain('ok: MicroPython can be compiled here (local).');
    expect(await work.listing()).toEqual(before);
  });

  test.each([
    ['4.7.0', 'unusable'],
    ['5.0.1', 'found'],
  ])('says of esptool %s that it is %s', async (version, state) => {
    const folder = `esptool-${version}`;
    await writeScript(work.path(folder, 'esptool.py'), `echo "esptool.py v${version}"`);
    const result = await doctor({ ...idf, PATH: `${work.path(folder)}:${idf['PATH']}` }, '--json');
    // It is no part of compiling.
    expect(result.code).toBe(0);
    const { tools } = examined(result);
    expect(tools.find(({ name }) => name === 'esptool')).toMatchObject({ state, version });
  });

  test('holds ESP-IDF against the MicroPython that is to be compiled', async () => {
    const result = await doctor(idf, '--json', '--micropython', 'old');
    expect(result.code).toBe(4);
    const { ok, micropython, recommendedIdf, tools, advice } = examined(result);
    expect({ ok, micropython, recommendedIdf }).toEqual({
      ok: false,
      micropython: 'v1.23.0',
      recommendedIdf: 'v5.0.4',
    });
    expect(tools.find(({ name }) => name === 'ESP-IDF')).toMatchObject({
      state: 'unusable',
      version: 'v5.5.1',
      problem: expect.stringContaining('is built with v5.0.4') as string,
    });
    expect(advice).toMatch(/install ESP-IDF v5\.0\.4 and run its export\.sh, or install docker/);
  });

  test('says what is missing, and how to get it', async () => {
    const nothing = await pathWith('nothing');
    const result = await doctor({ PATH: nothing, IDF_PATH: undefined });
    expect(result.code).toBe(4);
    for (const name of ['git', 'ESP-IDF', 'cmake', 'ninja', 'python3'])
      expect(result.stdout).toMatch(new RegExp(`✗ ${name} +not found.*\\n +hint: `));
    expect(result.stdout).toContain('missing: To compile, git is needed');
  });

  test('names the one tool that ESP-IDF lacks', async () => {
    const PATH = `${work.path('esp-idf', 'tools')}:${await pathWith('some', 'git', 'cmake', 'python3')}`;
    const result = await doctor({ ...idf, PATH }, '--json');
    expect(result.code).toBe(4);
    expect(examined(result).advice).toMatch(/^To compile, ninja is needed: Install ninja-build/);
  });

  test('needs no ESP-IDF where a container engine answers', async () => {
    const engine = await makeEngine(work, 'docker');
    const result = await doctor(engine, '--json');
    expect(result.code, result.stdout).toBe(0);
    expect(examined(result)).toMatchObject({ ok: true, toolchains: ['container'] });
    const down = await doctor({ ...engine, FAKE_ENGINE: 'down' }, '--json');
    expect(down.code).toBe(4);
    expect(examined(down).tools.find(({ name }) => name === 'docker')).toMatchObject({
      state: 'unusable',
      problem: expect.stringContaining('Cannot connect to the Docker daemon') as string,
    });
  });

  test('refuses a directory that is no MicroPython', async () => {
    expectSentence(await doctor(idf, '--micropython', 'esp-idf'), {
      code: 3,
      says: /is no MicroPython source tree/,
    });
  });
});
