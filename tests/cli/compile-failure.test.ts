import { readdir, readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  cmakeMissing,
  makeSourceProject,
  NEEDS_CMAKE,
  type SourceProject,
} from '../support/fake-idf.ts';
import { expectSentence } from '../support/leaves-nothing.ts';

const BUILD = [
  '--board',
  'ESP32_GENERIC',
  '--app-version',
  '1.2.3',
  '--micropython',
  'micropython',
];

let project: SourceProject;

beforeAll(async () => {
  project = await makeSourceProject();
});

describe.skipIf(cmakeMissing())(`a build from source that fails (${NEEDS_CMAKE})`, () => {
  test.each([
    [
      'at the compiler, whatever colours it uses',
      'compile-error',
      6,
      /^error: \S+\/micropython\/py\/gc\.c:123: unknown type name 'nonsense'\nhint: The full log is /,
    ],
    ['at the linker', 'link-error', 6, /^error: undefined reference to `esp_wifi_nothing'/],
    [
      'in CMake',
      'cmake-error',
      6,
      /^error: \/graft\.cmake:12: The table was not found in esp32_partition\.c\n/,
    ],
    ['without a word', 'silent', 6, /^error: idf\.py failed with exit code 3\n\[\d+\/\d+\]/],
    [
      'behind much output that is no text',
      'garbage',
      6,
      /^error: \S+\/micropython\/py\/gc\.c:7: behind sixty thousand lines/,
    ],
    [
      'because the app is too large',
      'overflow',
      7,
      /^error: the app has 0x1d0000 bytes, 0x10000 more than partition 'ota_0' holds \(0x1c0000\)/,
    ],
    [
      'because Kconfig dropped an option',
      'drops-rollback',
      6,
      /^error: the build's sdkconfig has CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE=n, but the release needs y/,
    ],
    [
      'without an ELF file',
      'no-elf',
      6,
      /^error: idf\.py ended well, but made no micropython\.elf\nhint: The full log/,
    ],
  ])('%s is told in one sentence, and leaves only its log', async (_, mode, code, says) => {
    const { workspace, environment, sources } = project;
    const before = (await workspace.listing()).filter((line) => !/^(cache|calls)/.test(line));
    const result = await workspace.runHere(BUILD, {
      environment: { ...environment, FAKE_IDF: mode },
    });
    expectSentence(result, { code, says });
    expect(result.stdout).toBe('');
    expect(result.stderr).not.toContain('\u001b');
    // The original tree is named, never the copy that is gone.
    expect(result.stderr).not.toContain('/work/');
    if (result.stderr.includes('gc.c')) expect(result.stderr).toContain(`${sources}/py/gc.c`);
    const after = (await workspace.listing()).filter((line) => !/^(cache|calls)/.test(line));
    expect(after).toEqual(before);
    expect(await readdir(workspace.path('cache', 'work'))).toEqual([]);
    expect(await readdir(workspace.path('cache')).then((names) => names.sort())).toEqual([
      'logs',
      'work',
    ]);
    const [log = ''] = await readdir(workspace.path('cache', 'logs'));
    const text = (await readFile(workspace.path('cache', 'logs', log))).toString();
    expect(text).toMatch(/^\S+idf\.py -B /);
    expect(text).toContain('\n[1/20] Building');
    expect(text).not.toContain('\u001b');
  });

  test('that lies about what it made is refused, and not kept for the next build', async () => {
    const { workspace, environment } = project;
    const cache = workspace.path('cache-of-lies');
    const lies = await workspace.runHere(BUILD, {
      environment: { ...environment, OTA_BUILD_CACHE: cache, FAKE_IDF: 'other-version' },
    });
    expectSentence(lies, {
      code: 6,
      says: /the compiled app says version '9\.9\.9', but the plan/,
    });
    expect(await readdir(`${cache}/builds`)).toEqual([]);
    const built = await workspace.runHere([...BUILD, '--out', 'out-of-truth'], {
      environment: { ...environment, OTA_BUILD_CACHE: cache },
    });
    expect(built.code, built.stderr).toBe(0);
    expect(built.stderr).not.toContain('from the cache');
  });

  test('is one object with --json, with the place in it', async () => {
    const { workspace, environment, sources } = project;
    const result = await workspace.runHere([...BUILD, '--json'], {
      environment: { ...environment, FAKE_IDF: 'compile-error' },
    });
    expect(JSON.parse(result.stdout)).toMatchObject({
      ok: false,
      error: {
        ...{ code: 'COMPILE_FAILED', exit: 6 },
        where: { file: `${sources}/py/gc.c`, line: 123 },
      },
    });
  });

  test('for want of a cache that can be written says where to put one', async () => {
    const { workspace, environment } = project;
    await workspace.write('a-file', '');
    const result = await workspace.runHere(BUILD, {
      environment: { ...environment, OTA_BUILD_CACHE: workspace.path('a-file', 'cache') },
    });
    expectSentence(result, { code: 2, says: /the cache \S+ cannot be written.*OTA_BUILD_CACHE/s });
  });
});
