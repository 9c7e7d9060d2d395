import { readdir, symlink, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Plan } from '../../builder/plan/plan.ts';
import type { Workspace } from '../support/cli.ts';
import {
  callsOf,
  cmakeMissing,
  makeSourceProject,
  NEEDS_CMAKE,
  type SourceProject,
  writeScript,
} from '../support/fake-idf.ts';
import { git, makeRepository } from '../support/git.ts';

const SOURCES = ['--micropython', 'micropython', '--app-version', '1.2.3'];
const BUILD = ['--board', 'ESP32_GENERIC', ...SOURCES, '--force'];
const RELEASE = 'out/ESP32_GENERIC-1.2.3';
const without = cmakeMissing();

/** Everything below a directory of the workspace, with sizes and times. */
async function listed(workspace: Workspace, folder: string): Promise<readonly string[]> {
  return (await workspace.listing()).filter((line) => line.startsWith(`${folder}/`));
}

async function planOf(
  { workspace, environment }: SourceProject,
  args: readonly string[],
): Promise<Plan> {
  const { code, stdout, stderr } = await workspace.runHere(['plan', ...args, '--json'], {
    environment,
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr });
  return JSON.parse(stdout) as Plan;
}

describe.skipIf(without)(`a build from source (${NEEDS_CMAKE})`, () => {
  test('makes a signed release of what idf.py compiled, and changes nothing in the checkout', async () => {
    const { workspace, environment, sources } = await makeSourceProject();
    const commit = makeRepository(sources, 'v1.28.0');
    const before = await listed(workspace, 'micropython');
    const built = await workspace.run([...BUILD, '--sign'], { environment });
    expect(built.code, built.stderr).toBe(0);
    // Files, their times, git's index and its objects.
    expect(await listed(workspace, 'micropython')).toEqual(before);
    expect(git(sources, 'status', '--porcelain', '--ignored')).toBe('');
    const files = await readdir(workspace.path(RELEASE));
    for (const file of ['sdkconfig', 'ESP32_GENERIC-1.2.3.elf', 'ESP32_GENERIC-1.2.3.map'])
      expect(files).toContain(file);
    const manifest = JSON.parse(
      (await workspace.read(RELEASE, 'manifest.json')).toString(),
    ) as object;
    expect(manifest).toMatchObject({
      version: '1.2.3',
      source: {
        ...{ kind: 'micropython', version: 'v1.28.0', commit, dirty: false },
        ...{ board: 'ESP32_GENERIC', idfVersion: 'v5.5.1', otaExtended: true },
        verification: 'none',
      },
    });
    expect(JSON.stringify(manifest)).not.toContain(workspace.directory);
    const verified = await workspace.run(['verify', RELEASE]);
    expect(verified.code, verified.stdout).toBe(0);
    const bill = (await workspace.read(RELEASE, 'ESP32_GENERIC-1.2.3.cdx.json')).toString();
    expect(bill).not.toContain(workspace.directory);
    const { components } = JSON.parse(bill) as {
      components: { 'bom-ref': string; purl: string }[];
    };
    expect(components.map((each) => [each['bom-ref'], each.purl])).toEqual([
      ['component:espressif/mdns', undefined],
      ['esp-idf', 'pkg:github/espressif/esp-idf@v5.5.1'],
      ['frozen:_boot.mpy', undefined],
      ['frozen:asyncio/core.mpy', undefined],
      ['micropython', `pkg:github/micropython/micropython@${commit}`],
      ['ota-build:firmware', undefined],
    ]);
    const [call] = await callsOf(workspace);
    expect(call?.environment).toMatchObject({
      SOURCE_DATE_EPOCH: String(Date.parse('2026-04-06T00:00:00Z') / 1000),
      MICROPY_GIT_TAG: 'v1.28.0',
      MICROPY_GIT_HASH: commit.slice(0, 10),
    });
    expect(await readdir(workspace.path('cache', 'work'))).toEqual([]);
  });

  test('takes sources that no git knows, unsigned, in a directory with spaces and through a link', async () => {
    const { workspace, environment } = await makeSourceProject();
    const { rename, symlink } = await import('node:fs/promises');
    await rename(workspace.path('micropython'), workspace.path('my sources'));
    await symlink('my sources', workspace.path('link'));
    const cache = workspace.path('my cache, too');
    const built = await workspace.runHere(
      ['--board', 'ESP32_GENERIC', '--app-version', '1.2.3', '--micropython', 'link'],
      { environment: { ...environment, OTA_BUILD_CACHE: cache } },
    );
    expect(built.code, built.stderr).toBe(0);
    const [call] = await callsOf(workspace);
    expect(call?.port).toMatch(/my cache, too\/work\/\w+\/micropython\/ports\/esp32$/);
    expect(call?.environment['MICROPY_GIT_HASH']).toBe('<no hash>');
  });

  test('builds a board of MicroPython that has no profile, for its chip and its flash', async () => {
    const project = await makeSourceProject();
    const plan = await planOf(project, ['--board', 'UM_TINYS3', ...SOURCES]);
    expect(plan).toMatchObject({
      ...{ board: 'UM_TINYS3', chip: 'esp32s3', flash: { size: '8MB' } },
      layout: { name: 'ota-8MiB' },
      source: { kind: 'micropython', idfVersion: 'v5.5.1', toolchain: { kind: 'local' } },
    });
    const { workspace, environment } = project;
    const args = ['--board', 'UM_TINYS3', ...SOURCES];
    const built = await workspace.runHere(args, { environment });
    expect(built.code, built.stderr).toBe(0);
    // The board freezes files of its own; ours come on top.
    const [call] = await callsOf(workspace);
    expect(call?.definitions).toMatchObject({ MICROPY_BOARD: 'UM_TINYS3' });
    const shown = await workspace.runHere(['plan', ...args], { environment });
    for (const words of [
      'MicroPython v1.28.0 in micropython, board UM_TINYS3',
      'v5.5.1, of this machine',
    ])
      expect(shown.stdout).toContain(words);
  });

  test('hands on what the profile says, and what the command line says', async () => {
    const { workspace, environment } = await makeSourceProject();
    await workspace.write(
      'profiles/LAMP.yaml',
      [
        'schema: 1\nboard: LAMP\nchip: esp32\nprojectName: lamp\nsecureVersion: 2',
        'flash:\n  size: 4MB\npartitions:\n  layout: ota-4MiB',
        'micropython:\n  boardDirectory: board\n  board: LAMP_1\n  otaExtended: false\n  optimization: size',
        '  userModules: [modules/lamp/micropython.cmake]\n  frozenManifest: manifest.py\n  sdkconfig: [own.sdkconfig]\n',
      ].join('\n'),
    );
    await workspace.write(
      'board/mpconfigboard.cmake',
      'set(SDKCONFIG_DEFAULTS boards/sdkconfig.base)\n',
    );
    await workspace.write('modules/lamp/micropython.cmake', '');
    await workspace.write('manifest.py', '');
    await workspace.write('own.sdkconfig', 'CONFIG_LWIP_LOCAL_HOSTNAME="lamp"\n');
    const args = ['--board', 'LAMP', ...SOURCES, '--force'];
    const built = await workspace.runHere(args, { environment });
    expect(built.code, built.stderr).toBe(0);
    const [call] = await callsOf(workspace);
    const definitions = call?.definitions ?? {};
    expect(definitions).toMatchObject({
      MICROPY_BOARD: 'LAMP_1',
      MICROPY_BOARD_DIR: workspace.path('board'),
      OTA_BUILD_PROJECT_NAME: 'lamp',
      MICROPY_PY_ESP32_PARTITION_OTA_EXTENDED: '0',
    });
    expect(definitions['USER_C_MODULES']).toMatch(
      /firmware\/ota\/micropython\.cmake;.*modules\/lamp/,
    );
    expect(definitions['OTA_BUILD_SDKCONFIG']).toMatch(/anti-rollback.*project-0/);
    const sdkconfig = (await workspace.read('out/LAMP-1.2.3/sdkconfig')).toString();
    for (const line of [
      'CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK=y',
      'CONFIG_BOOTLOADER_APP_SECURE_VERSION=2',
      'CONFIG_LWIP_LOCAL_HOSTNAME="lamp"',
      'CONFIG_COMPILER_OPTIMIZATION_SIZE=y',
    ])
      expect(sdkconfig).toContain(line);
    const shown = await workspace.runHere(['plan', ...args.slice(0, -1)], { environment });
    for (const words of ['C module modules/lamp', 'sdkconfig own.sdkconfig', 'frozen manifest.py'])
      expect(shown.stdout).toContain(words);
    // What such a build reads is not known in full: it is never taken from the cache.
    const again = await workspace.runHere(args, { environment });
    expect(again.code, again.stderr).toBe(0);
    expect(await callsOf(workspace)).toHaveLength(2);
  });
});

describe.skipIf(without)(`a build from source with ccache (${NEEDS_CMAKE})`, () => {
  test('hands the compiler the paths that it gets without ccache', async () => {
    const { workspace, environment } = await makeSourceProject();
    await writeScript(workspace.path('bin', 'ccache'), 'exec "$@"');
    const built = await workspace.runHere(BUILD, {
      environment: {
        ...environment,
        PATH: `${workspace.path('bin')}:${environment['PATH'] ?? ''}`,
        CCACHE_BASEDIR: '/',
      },
    });
    expect(built.code, built.stderr).toBe(0);
    const [call] = await callsOf(workspace);
    expect(call?.environment).toMatchObject({ IDF_CCACHE_ENABLE: '1', CCACHE_BASEDIR: '' });
  });
});

describe.skipIf(without)(`a second build from source (${NEEDS_CMAKE})`, () => {
  let project: SourceProject;

  /** Runs a build and says how often idf.py has been called by then. */
  async function callsAfter(
    args: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<number> {
    const built = await project.workspace.runHere([...BUILD, ...args], {
      environment: { ...project.environment, ...environment },
    });
    expect(built.code, built.stderr).toBe(0);
    return (await callsOf(project.workspace)).length;
  }

  beforeAll(async () => {
    project = await makeSourceProject();
    makeRepository(project.sources, 'v1.28.0');
    expect(await callsAfter()).toBe(1);
  });

  test('does not compile when nothing changed, and gives the same release', async () => {
    const before = await project.workspace.read(RELEASE, 'ESP32_GENERIC-1.2.3.bin');
    const count = (await callsOf(project.workspace)).length;
    expect(await callsAfter()).toBe(count);
    expect(await project.workspace.read(RELEASE, 'ESP32_GENERIC-1.2.3.bin')).toEqual(before);
  });

  test('does not compile for what is no part of the build, though it lies in the checkout', async () => {
    const count = (await callsOf(project.workspace)).length;
    await project.workspace.write('micropython/docs/new.rst', 'not a part of the build\n');
    expect(await callsAfter()).toBe(count);
    git(project.sources, 'clean', '-fdq');
  });

  test('does not compile for a signature that the firmware does not check', async () => {
    const count = (await callsOf(project.workspace)).length;
    expect(await callsAfter(['--sign'])).toBe(count);
  });

  test.each<readonly [string, () => Promise<number>]>([
    ['--no-cache', () => callsAfter(['--no-cache'])],
    ['another version', () => callsAfter(['--app-version', '1.2.4'])],
    ['another secure_version', () => callsAfter(['--secure-version', '1'])],
    ['another project name', () => callsAfter(['--project-name', 'lamp'])],
    [
      'a signature that the firmware checks',
      async () => {
        await project.workspace.write(
          'profiles/checks.yaml',
          [
            'schema: 1\nboard: ESP32_GENERIC\nchip: esp32\nflash:\n  size: 4MB',
            'partitions:\n  layout: ota-4MiB\nsigning:\n  scheme: rsa3072\n  verification: on-update\n',
          ].join('\n'),
        );
        return callsAfter(['--profile', 'profiles/checks.yaml', '--sign']);
      },
    ],
    ['another date', () => callsAfter([], { SOURCE_DATE_EPOCH: '1700000000' })],
    [
      'another ESP-IDF',
      async () => {
        const file = 'esp-idf/tools/cmake/version.cmake';
        const text = (await project.workspace.read(file)).toString();
        await project.workspace.write(
          file,
          text.replace(/PATCH 1/, 'PATCH 0').replace('MINOR 5', 'MINOR 4'),
        );
        const count = await callsAfter();
        await project.workspace.write(file, text);
        return count;
      },
    ],
    [
      'a changed source file',
      async () => {
        await project.workspace.write('micropython/py/gc.c', '// changed\n');
        return callsAfter();
      },
    ],
    [
      'a new source file',
      async () => {
        await project.workspace.write('micropython/py/new.c', '// new\n');
        return callsAfter();
      },
    ],
    [
      'a source file that git ignores',
      async () => {
        await project.workspace.write('micropython/.git/info/exclude', 'secrets.py\n');
        await project.workspace.write('micropython/ports/esp32/modules/secrets.py', 'KEY = 1\n');
        return callsAfter();
      },
    ],
    [
      'another text in that file',
      async () => {
        await project.workspace.write('micropython/ports/esp32/modules/secrets.py', 'KEY = 2\n');
        return callsAfter();
      },
    ],
    [
      'a link to a directory elsewhere, whatever is in there',
      async () => {
        const { workspace } = project;
        await workspace.write('board/board.json', '{}');
        await symlink(workspace.path('board'), `${project.sources}/ports/esp32/boards/LINKED`);
        await callsAfter();
        const count = await callsAfter();
        git(project.sources, 'clean', '-fdq');
        return count - 1;
      },
    ],
    [
      'a kept build that is damaged',
      async () => {
        const builds = project.workspace.path('cache', 'builds');
        for (const name of await readdir(builds))
          await writeFile(`${builds}/${name}/micropython.bin`, 'damaged');
        return callsAfter();
      },
    ],
  ])('compiles for %s', async (_, build) => {
    const count = (await callsOf(project.workspace)).length;
    expect(await build()).toBe(count + 1);
  });
});

describe.skipIf(without)(`progress of a build from source (${NEEDS_CMAKE})`, () => {
  test('is a line for every tenth where no terminal is, and nothing with --quiet', async () => {
    const { workspace, environment } = await makeSourceProject();
    const built = await workspace.run(BUILD, { environment });
    const lines = built.stderr.split('\n').filter((line) => line.includes('compiling'));
    expect(lines).toHaveLength(10);
    expect(lines.at(-1)).toContain('20/20 part20.c');
    const quiet = await workspace.run([...BUILD, '--no-cache', '--quiet'], { environment });
    expect({ code: quiet.code, stderr: quiet.stderr }).toEqual({ code: 0, stderr: '' });
    const json = await workspace.run([...BUILD, '--no-cache', '--json'], { environment });
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: true, manifest: { version: '1.2.3' } });
    expect(json.stderr).toContain('compiling');
  });

  test('is one bar on a terminal, which changes in place', async ({ skip }) => {
    const { workspace, environment } = await makeSourceProject();
    const { terminalRun } = await import('../support/terminal.ts');
    const result = await terminalRun(workspace, BUILD, environment);
    if (result === undefined) return skip('needs script of util-linux');
    expect(result.code, result.text).toBe(0);
    // eslint-disable-next-line no-control-regex -- control characters are what it is about
    const bars = result.text.match(/\r\u001b\[K {2}\[[#.]{24}\] +\d+\/20 [^\r\n]*/g) ?? [];
    expect(bars.length).toBeGreaterThan(10);
    // No bar is left standing: each is cleared by what comes next.
    for (const line of result.text.split('\n'))
      expect(line.slice(line.lastIndexOf('\u001b[K'))).not.toMatch(/\[[#.]{24}\]/);
  });

  test('is cleared from a terminal before an error', async ({ skip }) => {
    const { workspace, environment } = await makeSourceProject();
    const { terminalRun } = await import('../support/terminal.ts');
    const failing = { ...environment, FAKE_IDF: 'compile-error' };
    const result = await terminalRun(workspace, BUILD, failing);
    if (result === undefined) return skip('needs script of util-linux');
    expect(result.code, result.text).toBe(6);
    const line = result.text.split('\n').find((each) => each.includes('error:')) ?? '';
    expect(line).toMatch(/\[[#.]{24}\]/);
    expect(line.slice(line.lastIndexOf('\u001b[K'))).not.toMatch(/\[[#.]{24}\]/);
  });
});
