import { execFileSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createWorkspace, environmentOf, type Workspace } from './cli.ts';
import { isMissing } from './oracle.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const BUNDLES = join(REPOSITORY, 'node_modules', '.cache', 'fake-idf');
const BUNDLE = join(BUNDLES, 'idf.mjs');

/** What to put in the name of a suite that is skipped without it. */
export const NEEDS_CMAKE = 'needs cmake 3.16';

/** True when builds from source cannot be tested; throws where no test may be skipped. */
export function cmakeMissing(): boolean {
  return isMissing(runsCmake() ? 'found' : undefined, NEEDS_CMAKE);
}

function runsCmake(): boolean {
  try {
    execFileSync('cmake', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A project with a MicroPython tree and an ESP-IDF beside it, and the environment that finds the latter. */
export type SourceProject = {
  readonly workspace: Workspace;
  readonly environment: Readonly<Record<string, string>>;
  /** Top of the MicroPython tree. */
  readonly sources: string;
};

/** Makes what a build from source needs. */
export async function makeSourceProject(): Promise<SourceProject> {
  const workspace = await createWorkspace();
  const environment = await makeIdf(workspace);
  return { workspace, environment, sources: await makeMicroPython(workspace) };
}

/** What the IDF component manager resolved: the fake idf.py builds one of the two. */
const LOCK = `dependencies:
  espressif/lan867x:
    component_hash: ${'0f'.repeat(32)}
    source: {registry_url: https://example.com/, type: service}
    version: 1.0.3
  espressif/mdns:
    component_hash: ${'a6'.repeat(32)}
    source: {registry_url: https://example.com/, type: service}
    version: 1.1.0
  idf:
    source: {type: idf}
    version: 5.5.1
target: esp32
version: 2.0.0
`;

/** A MicroPython source tree as far as the build looks at it, with boards for two chips and a variant. */
export async function makeMicroPython(
  workspace: Workspace,
  { directory = 'micropython', version = '1.28.0' } = {},
): Promise<string> {
  const [major, minor, micro] = version.split('.');
  const esp32 = `${directory}/ports/esp32`;
  const files: Readonly<Record<string, string>> = {
    [`${directory}/py/mpconfig.h`]: [
      `#define MICROPY_VERSION_MAJOR ${major ?? ''}`,
      `#define MICROPY_VERSION_MINOR ${minor ?? ''}`,
      `#define MICROPY_VERSION_MICRO ${micro ?? ''}`,
      '#define MICROPY_VERSION_PRERELEASE 0\n',
    ].join('\n'),
    [`${directory}/py/gc.c`]: '// nothing\n',
    [`${directory}/docs/index.rst`]: 'left out of a build\n',
    [`${directory}/ports/unix/main.c`]: '// left out of a build\n',
    [`${esp32}/CMakeLists.txt`]: 'project(micropython)\n',
    [`${esp32}/lockfiles/dependencies.lock.esp32`]: LOCK,
    [`${esp32}/boards/manifest.py`]: 'freeze("modules")\n',
    [`${esp32}/boards/sdkconfig.base`]:
      'CONFIG_ESPTOOLPY_FLASHSIZE_4MB=y\nCONFIG_APP_EXCLUDE_PROJECT_VER_VAR=y\n',
    [`${esp32}/boards/ESP32_GENERIC/mpconfigboard.cmake`]:
      'set(SDKCONFIG_DEFAULTS boards/sdkconfig.base)\n',
    [`${esp32}/boards/ESP32_GENERIC/mpconfigvariant_OTA.cmake`]: '\n',
    [`${esp32}/boards/ESP32_GENERIC/board.json`]: '{"mcu": "esp32", "variants": {"OTA": "x"}}\n',
    [`${esp32}/boards/UM_TINYS3/mpconfigboard.cmake`]:
      'set(IDF_TARGET esp32s3)\n' +
      'set(SDKCONFIG_DEFAULTS boards/sdkconfig.base ${MICROPY_BOARD_DIR}/sdkconfig.board)\n' +
      'set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)\n',
    [`${esp32}/boards/UM_TINYS3/sdkconfig.board`]: 'CONFIG_ESPTOOLPY_FLASHSIZE_8MB=y\n',
    [`${esp32}/boards/UM_TINYS3/manifest.py`]: 'include("$(PORT_DIR)/boards/manifest.py")\n',
  };
  for (const [name, text] of Object.entries(files)) await workspace.write(name, text);
  return workspace.path(directory);
}

/** An ESP-IDF whose idf.py is the fake one, and the environment in which it is found. */
export async function makeIdf(
  workspace: Workspace,
  { version = '5.5.1', directory = 'esp-idf' } = {},
): Promise<Readonly<Record<string, string>>> {
  const [major, minor, patch] = version.split('.');
  await workspace.write(
    `${directory}/tools/cmake/version.cmake`,
    `set(IDF_VERSION_MAJOR ${major ?? ''})\nset(IDF_VERSION_MINOR ${minor ?? ''})\nset(IDF_VERSION_PATCH ${patch ?? ''})\n`,
  );
  const idf = workspace.path(directory, 'tools', 'idf.py');
  await writeScript(idf, `exec "${process.execPath}" "${BUNDLE}" "$@"`);
  return {
    IDF_PATH: workspace.path(directory),
    PATH: `${dirname(idf)}:${environmentOf()['PATH'] ?? ''}`,
    OTA_BUILD_CACHE: workspace.path('cache'),
    FAKE_IDF_RECORD: workspace.path('calls.jsonl'),
  };
}

/**
 * A directory for PATH with a fake docker or podman in it and, of the programs of this machine, only those that a build on a
 * machine without ESP-IDF needs.
 */
export async function makeEngine(
  workspace: Workspace,
  name: 'docker' | 'podman',
): Promise<Readonly<Record<string, string>>> {
  const bin = await makeBin(workspace, ['git', 'cmake']);
  const state = workspace.path('engine');
  await mkdir(state);
  await writeScript(
    join(bin, name),
    `exec "${process.execPath}" "${join(BUNDLES, 'engine.mjs')}" "$@"`,
  );
  return {
    PATH: bin,
    IDF_PATH: '',
    FAKE_ENGINE_STATE: state,
    OTA_BUILD_CACHE: workspace.path('cache'),
    FAKE_IDF_RECORD: workspace.path('calls.jsonl'),
  };
}

/** Every call of a fake engine so far, by its arguments. */
export async function engineCalls(workspace: Workspace): Promise<readonly (readonly string[])[]> {
  const text = (await workspace.read('engine', 'calls.jsonl')).toString().trim();
  return text.split('\n').map((line) => JSON.parse(line) as string[]);
}

/** A directory for PATH that has these programs of this machine and no others. */
export async function makeBin(workspace: Workspace, programs: readonly string[]): Promise<string> {
  const bin = workspace.path('bin');
  for (const name of programs) {
    // What a version manager puts on PATH is a script that needs programs of its own.
    const ask =
      name === 'python3' ? 'python3 -c "import sys; print(sys.executable)"' : `command -v ${name}`;
    const path = execFileSync('sh', ['-c', ask], { encoding: 'utf8' }).trim();
    await writeScript(join(bin, name), `exec "${path}" "$@"`);
  }
  return bin;
}

/** A shell script that can be run. */
export async function writeScript(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
}

/** One call of the fake idf.py. */
export type IdfCall = {
  readonly argv: readonly string[];
  readonly port: string;
  readonly out: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly definitions: Readonly<Record<string, string>>;
  readonly pid: number;
};

/** Every call of the fake idf.py so far. */
export async function callsOf(workspace: Workspace): Promise<readonly IdfCall[]> {
  const text = await workspace.read('calls.jsonl').catch(() => Buffer.alloc(0));
  return text
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as IdfCall);
}
