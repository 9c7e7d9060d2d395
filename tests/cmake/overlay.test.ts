import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nativeToolsMissing, NEEDS_NATIVE_TOOLS, unwrapped } from '../support/native-tools.ts';
import type { ToolResult } from '../support/oracle.ts';
import { SDKCONFIG_FRAGMENTS, StandIn } from '../support/stand-in.ts';
import { tempDirectory } from '../support/temp-directory.ts';

const missing = nativeToolsMissing();
const OVERLAY = join(SDKCONFIG_FRAGMENTS, 'overlay.cmake');
const FRAGMENT = join(SDKCONFIG_FRAGMENTS, 'rollback.sdkconfig');
const DESCRIPTION = join('esp-idf', 'esp_app_format', 'lib__idf_esp_app_format.a');

async function standIn(): Promise<StandIn> {
  return StandIn.in(join(await tempDirectory(), 'stand-in'));
}

function configure(
  port: StandIn,
  files: string,
  cache: Readonly<Record<string, string>> = {},
): Promise<ToolResult> {
  return port.configure({
    CMAKE_PROJECT_micropython_INCLUDE: OVERLAY,
    OTA_BUILD_SDKCONFIG: files,
    ...cache,
  });
}

describe.skipIf(missing)(`The overlay${missing ? ` (skipped: ${NEEDS_NATIVE_TOOLS})` : ''}`, () => {
  test('adds its files behind the defaults of the board, in their order', async () => {
    const port = await standIn();
    const directory = join(port.port, 'my files');
    await mkdir(directory);
    const files = [join(directory, 'a first one'), join(directory, 'last')];
    await writeFile(files[0] ?? '', 'CONFIG_OF_THE_BOARD=n\nCONFIG_MINE=1\n');
    await writeFile(files[1] ?? '', 'CONFIG_MINE=2\n');
    const { code, output } = await configure(port, files.join(';'));
    expect(code, output).toBe(0);
    const combined = join(port.buildDirectory, 'sdkconfig.combined');
    expect(await port.readBuilt('sdkconfig-defaults.txt')).toBe([combined, ...files].join(';'));
    expect(await port.readBuilt('sdkconfig')).toBe(
      'CONFIG_OF_THE_BOARD=y\nCONFIG_OF_THE_BOARD=n\nCONFIG_MINE=1\nCONFIG_MINE=2\n',
    );
  });

  test('takes every fragment of this directory', async () => {
    const port = await standIn();
    const names = ['rollback', 'app-description', 'reproducible', 'size'];
    const files = names.map((name) => join(SDKCONFIG_FRAGMENTS, `${name}.sdkconfig`));
    const { code, output } = await configure(port, files.join(';'));
    expect(code, output).toBe(0);
    expect(await port.readBuilt('sdkconfig')).toContain('\nCONFIG_COMPILER_OPTIMIZATION_SIZE=y\n');
  });

  test('gives the app description another name than the project has', async () => {
    const port = await standIn();
    const { code, output } = await configure(port, FRAGMENT, {
      OTA_BUILD_PROJECT_NAME: 'my-fleet',
    });
    expect(code, output).toBe(0);
    const built = await port.build();
    expect(built.code, built.output).toBe(0);
    const archive = await readFile(join(port.buildDirectory, DESCRIPTION), 'latin1');
    expect(archive).toContain('my-fleet\0');
    expect(archive).not.toContain('micropython\0');
  });

  test('refuses a file that is not there, a directory, and a path that is not absolute', async () => {
    const port = await standIn();
    const gone = await configure(port, '/nowhere/x.sdkconfig');
    expect(gone.code).toBe(1);
    expect(unwrapped(gone.output)).toContain(
      'OTA_BUILD_SDKCONFIG has "/nowhere/x.sdkconfig", and there is no such file. Correct the path.',
    );
    const directory = await configure(port, port.port);
    expect(unwrapped(directory.output)).toContain('and there is no such file.');
    const relative = await configure(port, 'CMakeLists.txt');
    expect(relative.code).toBe(1);
    expect(unwrapped(relative.output)).toContain(
      'has "CMakeLists.txt", which is no absolute path.',
    );
  });

  test('refuses to run without files', async () => {
    const { code, output } = await configure(await standIn(), '');
    expect(code).toBe(1);
    expect(unwrapped(output)).toContain('OTA_BUILD_SDKCONFIG names no files.');
  });

  test('refuses a project that has no defaults to add to', async () => {
    const { code, output } = await configure(await standIn(), OVERLAY, {
      STAND_IN_WITHOUT_DEFAULTS: 'ON',
    });
    expect(code).toBe(1);
    expect(unwrapped(output)).toContain(
      'SDKCONFIG_DEFAULTS is not set where project(micropython) is called',
    );
  });

  test('refuses an sdkconfig that was made with other files, which would keep its values', async () => {
    const port = await standIn();
    const file = join(port.port, 'mine');
    await writeFile(file, 'CONFIG_MINE=1\n');
    expect((await configure(port, file)).code).toBe(0);
    expect((await configure(port, file)).code).toBe(0);
    await writeFile(file, 'CONFIG_MINE=2\n');
    const { code, output } = await configure(port, file);
    expect(code).toBe(1);
    expect(unwrapped(output)).toContain('Delete that file, or build in a new directory.');
    expect(await readFile(join(port.buildDirectory, 'sdkconfig'), 'utf8')).toContain(
      'CONFIG_MINE=1',
    );
  });
});
