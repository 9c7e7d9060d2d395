import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CliResult } from '../support/cli.ts';
import {
  callsOf,
  cmakeMissing,
  makeMicroPython,
  makeSourceProject,
  NEEDS_CMAKE,
  type SourceProject,
  writeScript,
} from '../support/fake-idf.ts';
import { git, makeRepository } from '../support/git.ts';
import { expectSentence } from '../support/leaves-nothing.ts';

const VERSION = ['--app-version', '1.2.3'];

let project: SourceProject;

function plan(...args: readonly string[]): Promise<CliResult> {
  const { workspace, environment } = project;
  return workspace.runHere(['plan', ...VERSION, ...args], { environment });
}

describe.skipIf(cmakeMissing())(`sources that are named (${NEEDS_CMAKE})`, () => {
  beforeAll(async () => {
    project = await makeSourceProject();
  });

  const named = (...args: readonly string[]) => plan('--micropython', 'micropython', ...args);

  test.each([
    ['nowhere', 2, /nowhere does not exist; a MicroPython source tree was expected/],
    ['esp-idf', 3, /esp-idf is no MicroPython source tree: it has no py\/mpconfig\.h/],
    ['esp-idf/tools/idf.py', 2, /idf\.py is not a directory/],
    ['portless', 3, /portless has no ports\/esp32\/CMakeLists\.txt/],
    ['ancient', 3, /no MICROPY_VERSION_PRERELEASE: MicroPython before v1\.22/],
    [
      'unfetched',
      3,
      /nothing in lib\/berkeley-db-1\.xx.*submodule update --init lib\/berkeley-db-1\.xx/s,
    ],
    ['two;names', 3, /two;names cannot be built in: CMake does not take ;/],
  ])('in %s are refused', async (directory, code, says) => {
    const { workspace } = project;
    const header = await workspace.read('micropython', 'py', 'mpconfig.h');
    await workspace.write('portless/py/mpconfig.h', header);
    await workspace.write(
      'ancient/py/mpconfig.h',
      header.toString().replace('#define MICROPY_VERSION_PRERELEASE 0', ''),
    );
    await makeMicroPython(workspace, { directory: 'unfetched' });
    await makeMicroPython(workspace, { directory: 'two;names' });
    await workspace.write(
      'unfetched/.gitmodules',
      '[submodule "x"]\n\tpath = lib/berkeley-db-1.xx\n',
    );
    expectSentence(await plan('--board', 'ESP32_GENERIC', '--micropython', directory), {
      code,
      says,
    });
  });

  test('are not named beside a finished firmware, where nothing would be compiled', async () => {
    expectSentence(await named('--board', 'ESP32_GENERIC', '--firmware', 'drill'), {
      code: 2,
      says: /'--micropython <dir>' cannot be used with option '--firmware <source>'/,
    });
  });

  test('have boards: one that is not there is refused, with the likeliest', async () => {
    expectSentence(await named('--board', 'UM_TINYS2'), {
      code: 3,
      says: /no profile for board 'UM_TINYS2', and MicroPython has no such board either; did you mean UM_TINYS3\?/,
    });
  });

  test.each(['a;EVIL=1', 'a#b', 'a"', 'a\\b', '${HOME}', 'a\nb', '', 'x'.repeat(32)])(
    'are not compiled for a project name that would not arrive: %j',
    async (name) => {
      const result = await named('--board', 'ESP32_GENERIC', '--project-name', name);
      expectSentence(result, { code: 3, says: /the project name '.*' cannot be compiled in/s });
    },
  );

  test('have variants, in files or, before v1.24, in board.json alone', async () => {
    expect((await named('--board', 'ESP32_GENERIC', '--variant', 'OTA')).code).toBe(0);
    expectSentence(await named('--board', 'ESP32_GENERIC', '--variant', 'OTTA'), {
      code: 3,
      says: /board ESP32_GENERIC has no variant 'OTTA'\nhint: Its variants: OTA\./,
    });
    expectSentence(await named('--board', 'UM_TINYS3', '--variant', 'OTA'), {
      code: 3,
      says: /UM_TINYS3 has no variants in/,
    });
    const { workspace } = project;
    await makeMicroPython(workspace, { directory: 'v1.23', version: '1.23.0' });
    const board = 'v1.23/ports/esp32/boards/ESP32_GENERIC';
    await workspace.write(
      `${board}/mpconfigboard.cmake`,
      'set(SDKCONFIG_DEFAULTS boards/sdkconfig.base)\nif(MICROPY_BOARD_VARIANT STREQUAL "D2WD")\n' +
        '  set(SDKCONFIG_DEFAULTS ${SDKCONFIG_DEFAULTS} ${MICROPY_BOARD_DIR}/sdkconfig.d2wd)\nendif()\n',
    );
    await workspace.write(`${board}/sdkconfig.d2wd`, 'CONFIG_ESPTOOLPY_FLASHSIZE_2MB=y\n');
    await workspace.write(`${board}/board.json`, '{"variants": {"D2WD": "x"}}');
    const profile =
      'schema: 1\nboard: ESP32_GENERIC\nchip: esp32\nflash: {size: 4MB}\npartitions: {layout: ota-4MiB}\n';
    await workspace.write('old.yaml', `${profile}espIdf: {version: v5.5.1}\n`);
    const old = ['--profile', 'old.yaml', '--micropython', 'v1.23', '--variant'];
    expect((await plan(...old, 'D2WD')).code).toBe(0);
    expectSentence(await plan(...old, 'D3WD'), { code: 3, says: /Its variants: D2WD, OTA/ });
  });

  test('have boards with chips: a profile that says another is refused', async () => {
    await project.workspace.write(
      'profiles/MINE.yaml',
      'schema: 1\nboard: MINE\nchip: esp32c3\nflash: {size: 4MB}\npartitions: {layout: ota-4MiB}\nmicropython: {board: UM_TINYS3}\n',
    );
    expectSentence(await named('--board', 'MINE'), {
      code: 3,
      says: /MINE says chip esp32c3, but MicroPython's board UM_TINYS3 has an esp32s3/,
    });
  });

  test('have CMake files: what they do wrong is told', async () => {
    await project.workspace.write(
      'micropython/ports/esp32/boards/BROKEN/mpconfigboard.cmake',
      'message(FATAL_ERROR "this board needs a hat")\n',
    );
    expectSentence(await named('--board', 'BROKEN'), {
      code: 3,
      says: /CMake files of board BROKEN cannot be evaluated: .*needs a hat/s,
    });
  });

  test('may hold the cache, and hold releases: neither is a part of them', async () => {
    const { workspace, environment, sources } = project;
    makeRepository(sources, 'v1.28.0');
    const inside = { ...environment, OTA_BUILD_CACHE: workspace.path('micropython', 'cache') };
    const before = (await callsOf(workspace)).length;
    const args = [
      '--board',
      'ESP32_GENERIC',
      ...VERSION,
      '--micropython',
      'micropython',
      '--force',
    ];
    for (let n = 0; n < 2; n++) {
      const built = await workspace.runHere([...args, '--out', 'micropython/out'], {
        environment: inside,
      });
      expect(built.code, built.stderr).toBe(0);
      expect(built.stderr).not.toContain('dirty');
    }
    expect(await callsOf(workspace)).toHaveLength(before + 1);
  });
});

describe.skipIf(cmakeMissing())(`sources that change while they are built (${NEEDS_CMAKE})`, () => {
  const build = ['--board', 'ESP32_GENERIC', ...VERSION, '--micropython', 'micropython'];

  test.each([false, true])('are refused; there is a build in the cache: %s', async (isKept) => {
    const { workspace, environment, sources } = await makeSourceProject();
    if (isKept) {
      const first = await workspace.runHere([...build, '--out', 'first'], { environment });
      expect(first.code, first.stderr).toBe(0);
    }
    // The board's files are read after the sources: by then somebody has saved another file.
    const cmake = execFileSync('sh', ['-c', 'command -v cmake'], { encoding: 'utf8' }).trim();
    await writeScript(
      workspace.path('bin', 'cmake'),
      `echo '// more' >> '${sources}/py/gc.c'; exec '${cmake}' "$@"`,
    );
    const path = `${workspace.path('bin')}:${environment['PATH'] ?? ''}`;
    const result = await workspace.runHere([...build, '--out', 'second'], {
      environment: { ...environment, PATH: path },
    });
    expectSentence(result, {
      code: 6,
      says: /the sources in micropython are not the ones that were planned: they changed since/,
    });
    expect(await callsOf(workspace)).toHaveLength(isKept ? 1 : 0);
    expect(await readdir(workspace.path('second')).catch(() => [])).toEqual([]);
    expect(await readdir(workspace.path('cache', 'work')).catch(() => [])).toEqual([]);
  });
});

describe.skipIf(cmakeMissing())(`sources that are fetched (${NEEDS_CMAKE})`, () => {
  let commit: string;

  async function profile(more: string): Promise<void> {
    await project.workspace.write(
      'profiles/ESP32_GENERIC.yaml',
      'schema: 1\nboard: ESP32_GENERIC\nchip: esp32\nflash: {size: 4MB}\npartitions: {layout: ota-4MiB}\n' +
        `micropython:\n  repository: ./micropython\n  version: v1.28.0\n${more}`,
    );
  }

  const sourcesInCache = () =>
    readdir(project.workspace.path('cache', 'sources')).catch(() => [] as string[]);

  beforeAll(async () => {
    project = await makeSourceProject();
    commit = makeRepository(project.sources, 'v1.28.0');
  });

  test('come from the repository of the profile, once', async () => {
    await profile(`  commit: ${commit}\n`);
    const first = await plan('--board', 'ESP32_GENERIC', '--json');
    expect(first.code, first.stderr).toBe(0);
    expect(first.stderr).toContain('fetching MicroPython v1.28.0 from ');
    expect(JSON.parse(first.stdout)).toMatchObject({
      source: { commit, described: 'v1.28.0', dirty: false, version: 'v1.28.0' },
    });
    const again = await plan('--board', 'ESP32_GENERIC', '--json');
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(await sourcesInCache()).toHaveLength(1);
  });

  test('are refused when the tag is another commit than the profile pins', async () => {
    await profile(`  commit: '${'0'.repeat(40)}'\n`);
    expectSentence(await plan('--board', 'ESP32_GENERIC'), {
      code: 5,
      says: new RegExp(`tag v1\\.28\\.0 of \\S+ is commit ${commit}, but the profile pins 0000`),
    });
  });

  test('that cannot be had leave nothing in the cache', async () => {
    await project.workspace.write(
      'profiles/OTHER.yaml',
      'schema: 1\nboard: OTHER\nchip: esp32\nflash: {size: 4MB}\npartitions: {layout: ota-4MiB}\n' +
        'micropython: {repository: ./micropython, version: v1.27.0, board: ESP32_GENERIC}\n',
    );
    const before = await sourcesInCache();
    expectSentence(await plan('--board', 'OTHER'), {
      code: 5,
      says: /MicroPython v1\.27\.0 could not be fetched from \S+: .*v1\.27\.0/,
    });
    expect(await sourcesInCache()).toEqual(before);
  });

  test('that are interrupted on their way leave nothing either', async () => {
    const { workspace, environment } = project;
    const slow = workspace.path('slow');
    const { writeScript } = await import('../support/fake-idf.ts');
    const real = git(workspace.directory, '--exec-path').trim();
    await writeScript(
      `${slow}/git`,
      `case "$*" in *clone*) for last; do :; done; mkdir -p "$last/.git"; echo cloning >&2; exec sleep 60;; esac\nexec "${real}/git" "$@"`,
    );
    await profile('');
    await workspace.write(
      'profiles/LATE.yaml',
      (await workspace.read('profiles', 'ESP32_GENERIC.yaml'))
        .toString()
        .replace('board: ESP32_GENERIC', 'board: LATE')
        .replace('version: v1.28.0', 'version: v1.26.0'),
    );
    const before = await sourcesInCache();
    const result = await workspace.run(['--board', 'LATE', ...VERSION], {
      environment: { ...environment, PATH: `${slow}:${environment['PATH'] ?? ''}` },
      interrupt: { signal: 'SIGINT', when: /fetching MicroPython/ },
    });
    expect(result.code, result.stderr).toBe(130);
    expect(await sourcesInCache()).toEqual(before);
  });
});
