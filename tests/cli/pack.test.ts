import { execFile } from 'node:child_process';
import { readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { chipOf, releaseFiles } from '../support/boards.ts';
import { createWorkspace, environmentOf, type Workspace } from '../support/cli.ts';
import { makeRelease } from '../support/firmware.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const STEM = 'ESP32_GENERIC-1.2.3';
const execute = promisify(execFile);

let work: Workspace;
let files: readonly string[];
let tarball: string;

async function npm(directory: string, ...args: readonly string[]): Promise<string> {
  const options = { cwd: directory, env: environmentOf(), encoding: 'utf8' as const };
  return (await execute('npm', args, options)).stdout;
}

beforeAll(async () => {
  work = await createWorkspace();
  // dist/ is built already (tests/support/build-cli.ts); other tests run it at this moment.
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', work.directory];
  const packed = JSON.parse(await npm(REPOSITORY, ...args)) as {
    filename: string;
    files: { path: string }[];
  }[];
  tarball = packed[0]?.filename ?? '';
  files = packed.flatMap((entry) => entry.files.map(({ path }) => path));
});

describe('what npm pack makes', () => {
  test('holds the program, the profiles, the layouts and the schema, and nothing private', () => {
    for (const name of [
      'dist/main.js',
      'profiles/ESP32_GENERIC.yaml',
      'firmware/partitions/ota-4MiB.csv',
      'README.md',
      'LICENSE',
    ])
      expect(files).toContain(name);
    expect(files.filter((name) => /\.test\.|^tests\/|\.pem$|^keys\/dev|^out\//.test(name))).toEqual(
      [],
    );
  });

  test('runs the main command in an empty directory, with profile and layout from the package', async () => {
    const project = work.path('project');
    await work.write('project/package.json', '{ "name": "a-project", "private": true }\n');
    await work.write('project/firmware.bin', makeRelease({ chip: chipOf('ESP32_GENERIC') }));
    await npm(project, 'install', '--no-audit', '--no-fund', '--prefer-offline', `../${tarball}`);
    const installed = await realpath(join(project, 'node_modules', 'ota-build'));
    expect(installed.startsWith(await realpath(project))).toBe(true);

    const build = ['--board', 'ESP32_GENERIC', '--sign', '--firmware', 'firmware.bin'];
    const version = ['--app-version', '1.2.3', '--secure-version', '2', '--out', 'out'];
    const run = (...args: readonly string[]): Promise<string> =>
      npm(project, 'exec', '--offline', '--', 'ota-build', ...args);
    expect(await run(...build, ...version)).toContain(`out/${STEM}`);
    expect((await readdir(join(project, 'out', STEM))).sort()).toEqual(releaseFiles(STEM));
    expect(await run('verify', `out/${STEM}`)).toContain('holds.');
    expect((await readdir(project)).sort()).toEqual(
      ['firmware.bin', 'keys', 'node_modules', 'out', 'package-lock.json', 'package.json'].sort(),
    );
  });
});
