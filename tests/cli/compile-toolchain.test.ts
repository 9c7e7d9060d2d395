import { readdir } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { createWorkspace, type CliResult, type Workspace } from '../support/cli.ts';
import {
  callsOf,
  cmakeMissing,
  engineCalls,
  makeBin,
  makeEngine,
  makeIdf,
  makeMicroPython,
  makeSourceProject,
  NEEDS_CMAKE,
} from '../support/fake-idf.ts';
import { expectSentence } from '../support/leaves-nothing.ts';

const BOARD = ['--board', 'ESP32_GENERIC', '--app-version', '1.2.3'];
const BUILD = [...BOARD, '--micropython', 'micropython', '--force'];
const PINNED = `espressif/idf@sha256:${'a'.repeat(64)}`;

function profileWith(espIdf: string): string {
  return [
    'schema: 1\nboard: ESP32_GENERIC\nchip: esp32\nflash:\n  size: 4MB',
    `partitions:\n  layout: ota-4MiB\nespIdf:\n  ${espIdf}\n`,
  ].join('\n');
}

describe.skipIf(cmakeMissing())(`ESP-IDF of this machine (${NEEDS_CMAKE})`, () => {
  let workspace: Workspace;
  let idf: Readonly<Record<string, string>>;

  const plan = (
    environment: Readonly<Record<string, string | undefined>>,
    ...more: readonly string[]
  ): Promise<CliResult> =>
    workspace.runHere(['plan', ...BOARD, '--micropython', 'micropython', ...more], { environment });

  beforeAll(async () => {
    ({ workspace, environment: idf } = await makeSourceProject());
  });

  test('of the wrong version is refused, with the right one named', async () => {
    const environment = await makeIdf(workspace, { version: '5.0.4', directory: 'old-idf' });
    expectSentence(await plan(environment), {
      code: 4,
      says: /old-idf is ESP-IDF v5\.0\.4; MicroPython v1\.28\.0 is built with v5\.5\.1 \(also: v5\.3/,
    });
  });

  test('is the one that the profile pins, and no other', async () => {
    await workspace.write('profiles/ESP32_GENERIC.yaml', profileWith('version: v5.0.4'));
    expectSentence(await plan(idf), {
      code: 4,
      says: /ESP-IDF v5\.5\.1, but the profile asks for v5\.0\.4/,
    });
    const old = await makeIdf(workspace, { version: '5.0.4', directory: 'old-idf' });
    const { code, stdout } = await plan(old);
    expect(code).toBe(0);
    expect(stdout).toContain('v5.0.4, of this machine');
    await workspace.write('profiles/ESP32_GENERIC.yaml', profileWith('version: v5.5.1'));
  });

  test('is found by its idf.py on PATH alone', async () => {
    for (const named of ['', undefined])
      expect(await plan({ ...idf, IDF_PATH: named })).toMatchObject({ code: 0 });
  });

  test('is not mixed up with another that IDF_PATH names', async () => {
    await makeIdf(workspace, { version: '5.4.2', directory: 'other-idf' });
    expectSentence(await plan({ ...idf, IDF_PATH: workspace.path('other-idf') }), {
      code: 4,
      says: /IDF_PATH is \S+other-idf, but idf\.py on PATH is the one of \S+esp-idf/,
    });
  });

  test('needs no export.sh: ESP-IDF says itself where its tools are', async () => {
    await workspace.write(
      'esp-idf/tools/idf_tools.py',
      `print("PATH=${workspace.path('esp-idf', 'tools')}:$PATH\\nFROM_EXPORT=yes")\n`,
    );
    const PATH = await makeBin(workspace, ['git', 'cmake', 'python3']);
    const environment = { ...idf, PATH };
    const built = await workspace.runHere(BUILD, { environment });
    expect(built.code, built.stderr).toBe(0);
    expect((await callsOf(workspace)).at(-1)?.environment).toMatchObject({ FROM_EXPORT: 'yes' });
    await workspace.write(
      'esp-idf/tools/idf_tools.py',
      'raise SystemExit("ERROR: run install.sh")\n',
    );
    expectSentence(await plan(environment), {
      code: 4,
      says: /the tools of the ESP-IDF in \S+ cannot be found: ERROR: run install\.sh/,
    });
  });

  test('is told nothing of what the shell has set for other builds', async () => {
    const built = await workspace.runHere([...BUILD, '--no-cache'], {
      environment: {
        ...idf,
        ...{ CFLAGS: '-O0', IDF_TARGET: 'esp32s3', NINJA_STATUS: 'x', MAKEFLAGS: '-j' },
        ...{ GIT_DIR: '/nowhere', MICROPY_GIT_TAG: 'v0' },
      },
    });
    expect(built.code, built.stderr).toBe(0);
    const told = (await callsOf(workspace)).at(-1)?.environment ?? {};
    // With a ccache on the machine that is said too.
    const ours = Object.keys(told).filter((name) => !name.includes('CCACHE'));
    expect(ours.sort()).toEqual(
      ['IDF_PATH', 'MICROPY_GIT_HASH', 'MICROPY_GIT_TAG', 'SOURCE_DATE_EPOCH'].sort(),
    );
    expect(told['MICROPY_GIT_TAG']).toBe('v1.28.0');
  });

  test('that is not there is an error that says what to do', async () => {
    const PATH = await makeBin(workspace, ['git', 'cmake']);
    const nothing = { ...idf, PATH, IDF_PATH: undefined };
    expectSentence(await plan(nothing), {
      code: 4,
      says: /IDF_PATH is not set, and neither idf\.py, docker nor podman is on PATH.*ota-build doctor/s,
    });
    expectSentence(await plan(nothing, '--toolchain', 'local'), {
      code: 4,
      says: /idf\.py is not on PATH/,
    });
    expectSentence(await plan(idf, '--toolchain', 'container'), {
      code: 4,
      says: /docker|podman/,
    });
    expectSentence(await plan({ ...idf, PATH, IDF_PATH: workspace.path('nowhere') }), {
      code: 4,
      says: /IDF_PATH is \S+nowhere, where there is no ESP-IDF/,
    });
  });
});

describe.skipIf(cmakeMissing())(`ESP-IDF in a container (${NEEDS_CMAKE})`, () => {
  async function withEngine(name: 'docker' | 'podman') {
    const workspace = await createWorkspace();
    await makeMicroPython(workspace);
    return { workspace, environment: await makeEngine(workspace, name) };
  }

  test('is pulled by docker, taken by digest, and given only what it needs', async () => {
    const { workspace, environment } = await withEngine('docker');
    const built = await workspace.runHere(BUILD, { environment });
    expect(built.code, built.stderr).toBe(0);
    expect(built.stderr).toContain(
      `espressif/idf:v5.5.1 is ${PINNED}; a profile with espIdf.container`,
    );
    expect(built.stderr.match(/pulling/g)).toHaveLength(1);
    const run = (await engineCalls(workspace)).find((call) => call.includes('idf.py')) ?? [];
    const after = (flag: string): string[] =>
      run.flatMap((arg, index) => (run[index - 1] === flag ? [arg] : []));
    expect(run).toEqual(expect.arrayContaining(['run', '--rm', '--init', PINNED]));
    expect(after('--user')).toEqual([`${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`]);
    const [work, ...others] = after('--mount').filter((mount) => !mount.endsWith(',readonly'));
    expect(work).toMatch(/^type=bind,source=(\S+\/cache\/work\/[0-9a-f]{12}),target=\1$/);
    expect(others).toEqual([]);
    expect(after('--mount').filter((mount) => mount.endsWith(',readonly'))).toEqual([
      expect.stringMatching(/source=(\S+\/firmware),target=\1,readonly$/),
    ]);
    expect(after('--env')).toEqual(
      expect.arrayContaining(['HOME=/tmp', 'MICROPY_GIT_TAG=v1.28.0', 'GIT_CONFIG_VALUE_0=*']),
    );
    const manifest = (
      await workspace.read('out', 'ESP32_GENERIC-1.2.3', 'manifest.json')
    ).toString();
    expect(JSON.parse(manifest)).toMatchObject({ source: { container: PINNED } });
    expect(await readdir(workspace.path('cache', 'work'))).toEqual([]);
  });

  test('runs in podman as well, and is the one of the profile', async () => {
    const { workspace, environment } = await withEngine('podman');
    await workspace.write('profiles/ESP32_GENERIC.yaml', profileWith(`container: ${PINNED}`));
    const built = await workspace.runHere(BUILD, { environment: { ...environment, CI: 'true' } });
    expect(built.code, built.stderr).toBe(0);
    expect(built.stderr).not.toContain('espIdf.container');
    const calls = await engineCalls(workspace);
    const run = calls.find((call) => call.includes('idf.py')) ?? [];
    expect(run).toEqual(expect.arrayContaining(['--userns=keep-id', 'label=disable']));
    expect(run).not.toContain('--user');
  });

  test('is refused by tag in CI, with the digest to pin', async () => {
    const { workspace, environment } = await withEngine('docker');
    const result = await workspace.runHere(BUILD, { environment: { ...environment, CI: 'true' } });
    expectSentence(result, {
      code: 4,
      says: new RegExp(`named by a tag.*espIdf\\.container: ${PINNED}`, 's'),
    });
  });

  test.each([
    ['down', 4, /docker is installed but does not answer: Cannot connect to the Docker daemon/],
    ['no-network', 5, /espressif\/idf:v5\.5\.1 could not be pulled: .*no such host/],
  ])('cannot be had when the engine is: %s', async (mode, code, says) => {
    const { workspace, environment } = await withEngine('docker');
    const result = await workspace.runHere(BUILD, {
      environment: { ...environment, FAKE_ENGINE: mode },
    });
    expectSentence(result, { code, says });
  });

  test('names the file of the checkout when compiling fails', async () => {
    const { workspace, environment } = await withEngine('docker');
    const result = await workspace.runHere(BUILD, {
      environment: { ...environment, FAKE_IDF: 'compile-error' },
    });
    expectSentence(result, { code: 6, says: /micropython\/py\/gc\.c:123: unknown type name/ });
    expect(result.stderr).toContain(workspace.path('micropython', 'py', 'gc.c'));
  });
});
