import { delimiter, dirname, join, resolve } from 'node:path';
import { realpath, stat } from 'node:fs/promises';
import { ToolchainError } from '../errors/families.ts';
import { findProgram } from '../files/find-program.ts';
import { readInput } from '../files/read-input.ts';
import { withoutGitPlaces } from '../process/git.ts';
import { runTool } from '../process/run-tool.ts';
import { identifySources } from './idf-sources.ts';
import { idfTag, parseIdfTag, parseVersionCmake, type IdfVersion } from './idf-version.ts';
import type { Environment, Toolchain, ToolchainIdentity } from './toolchain.ts';

/** An ESP-IDF on this machine and the environment that its programs run in. */
export type LocalIdf = {
  readonly path: string;
  readonly version: IdfVersion;
  /** idf.py, as it is started. */
  readonly idfPy: string;
  readonly environment: Environment;
};

const TIMEOUT_MS = 60_000;
const COMPILERS = ['xtensa-esp32-elf-gcc', 'xtensa-esp-elf-gcc', 'riscv32-esp-elf-gcc'] as const;

/**
 * The ESP-IDF that IDF_PATH names or, where that is not set, the one whose idf.py is on PATH. Its tools need not be on PATH:
 * ESP-IDF says itself where they are (`idf_tools.py export`). Undefined when there is none; throws ToolchainError for
 * one that cannot be used.
 */
export async function findLocalIdf(environment: Environment): Promise<LocalIdf | undefined> {
  const onPath = await findProgram('idf.py', environment);
  const ofPath = await idfPathOf(onPath);
  const named = environment['IDF_PATH'] ?? '';
  const path = named === '' ? ofPath : resolve(named);
  if (path === undefined) {
    if (onPath === undefined) return undefined;
    throw new ToolchainError('IDF_MISSING', 'idf.py is on PATH, but IDF_PATH is not set', {
      hint: "Run ESP-IDF's export.sh in this shell: . $HOME/esp/esp-idf/export.sh",
    });
  }
  if (onPath !== undefined) {
    await requireSame(path, ofPath);
    const active = { ...environment, IDF_PATH: path };
    return {
      path,
      idfPy: onPath,
      environment: active,
      version: await readVersion(path, onPath, active),
    };
  }
  const exported = await exportedEnvironment(path, environment);
  const idfPy = join(path, 'tools', 'idf.py');
  return { path, idfPy, environment: exported, version: await readVersion(path, idfPy, exported) };
}

/** Two ESP-IDFs at once, one by IDF_PATH and one by PATH, build with the compilers of the one and the sources of the other. */
async function requireSame(named: string, ofPath: string | undefined): Promise<void> {
  if (ofPath === undefined) return;
  const path = await realpath(named).catch(() => named);
  if (path === ofPath) return;
  throw new ToolchainError(
    'IDF_MISSING',
    `IDF_PATH is ${named}, but idf.py on PATH is the one of ${ofPath}`,
    { hint: `Run the export.sh of the one that you want: . ${join(named, 'export.sh')}` },
  );
}

/** ESP-IDF's idf.py lies in its tools/. */
async function idfPathOf(idfPy: string | undefined): Promise<string | undefined> {
  if (idfPy === undefined) return undefined;
  const root = dirname(dirname(await realpath(idfPy)));
  return (await versionFile(root)) === undefined ? undefined : root;
}

async function versionFile(path: string): Promise<string | undefined> {
  return readInput(
    join(path, 'tools', 'cmake', 'version.cmake'),
    "ESP-IDF's version",
    64 * 1024,
  ).then(
    (bytes) => bytes.toString(),
    () => undefined,
  );
}

async function readVersion(
  path: string,
  idfPy: string,
  environment: Environment,
): Promise<IdfVersion> {
  const text = await versionFile(path);
  const version = text === undefined ? undefined : parseVersionCmake(text);
  if (version !== undefined) return version;
  const { stdout } = await runTool(idfPy, ['--version'], {
    directory: '/',
    timeoutMs: TIMEOUT_MS,
    environment,
  });
  const said = parseIdfTag(/v?\d+\.\d+(\.\d+)?/.exec(stdout)?.[0] ?? '');
  if (said !== undefined) return said;
  throw new ToolchainError('IDF_MISSING', `${path} is not an ESP-IDF: it says no version`, {
    where: { file: join(path, 'tools', 'cmake', 'version.cmake') },
    hint: 'IDF_PATH names the top directory of ESP-IDF, the one with tools/ and components/ in it.',
  });
}

/** What export.sh would set, as `idf_tools.py export --format key-value` prints it. */
async function exportedEnvironment(path: string, environment: Environment): Promise<Environment> {
  const tools = join(path, 'tools', 'idf_tools.py');
  if (
    !(await stat(tools).then(
      (found) => found.isFile(),
      () => false,
    ))
  ) {
    throw new ToolchainError(
      'IDF_MISSING',
      `IDF_PATH is ${path}, where there is no ESP-IDF: it has no tools/idf_tools.py`,
      {
        where: { file: path },
        hint: 'IDF_PATH names the top directory of ESP-IDF, the one with tools/ and components/ in it.',
      },
    );
  }
  const withPath = { ...environment, IDF_PATH: path };
  const { ok, stdout, stderr } = await runTool(
    'python3',
    [tools, 'export', '--format', 'key-value'],
    { directory: '/', timeoutMs: TIMEOUT_MS, environment: withPath },
  );
  if (!ok) {
    throw new ToolchainError(
      'IDF_MISSING',
      `the tools of the ESP-IDF in ${path} cannot be found: ${lastLine(stderr)}`,
      {
        where: { file: path },
        hint: `Run ${join(path, 'install.sh')} once, and . ${join(path, 'export.sh')} in this shell.`,
      },
    );
  }
  const exported: Record<string, string | undefined> = { ...withPath };
  for (const [, name = '', value = ''] of stdout.matchAll(/^([A-Z_][A-Z0-9_]*)=(.*)$/gm)) {
    exported[name] =
      name === 'PATH' ? value.replace(/[$%]PATH%?/, () => environment['PATH'] ?? '') : value;
  }
  const python = exported['IDF_PYTHON_ENV_PATH'];
  if (python !== undefined)
    exported['PATH'] = [join(python, 'bin'), join(path, 'tools'), exported['PATH'] ?? ''].join(
      delimiter,
    );
  return exported;
}

/**
 * What a shell may have set for other builds, and what would get into this one: flags of make and CMake, a target, a
 * form of ninja's progress that we could not read.
 */
const BUILD_SETTINGS =
  /^((C|CXX|CPP|LD|ASM)FLAGS|EXTRA_(C|CXX|CPP|LD)FLAGS|MAKEFLAGS|MFLAGS|MAKELEVEL|MAKEOVERRIDES|NINJA_STATUS|CLICOLOR_FORCE|CMAKE_(GENERATOR|TOOLCHAIN_FILE|BUILD_TYPE|EXPORT_COMPILE_COMMANDS|[A-Z]+_COMPILER_LAUNCHER)|IDF_TARGET|IDF_TOOLCHAIN|SDKCONFIG|SDKCONFIG_DEFAULTS|EXTRA_COMPONENT_DIRS|USER_C_MODULES|MICROPY_\w+|BOARD|BOARD_DIR|BOARD_VARIANT|FROZEN_MANIFEST|BUILD)$/;

function withoutBuildSettings(environment: Environment): Environment {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !BUILD_SETTINGS.test(name)),
  );
}

/** A local ESP-IDF as a toolchain. */
export function localToolchain(idf: LocalIdf): Toolchain {
  return {
    kind: 'local',
    idf: idf.version,
    title: `ESP-IDF ${idfTag(idf.version)} in ${idf.path}`,
    facts: { kind: 'local' },
    identify: () => identify(idf),
    invocation: ({ program, args, environment }) => ({
      program: program === 'idf.py' ? idf.idfPy : program,
      args,
      environment: { ...withoutGitPlaces(withoutBuildSettings(idf.environment)), ...environment },
    }),
    stop: () => Promise.resolve(),
  };
}

/** Version, sources and the compilers on PATH. */
async function identify({ path, version, environment }: LocalIdf): Promise<ToolchainIdentity> {
  const options = { directory: path, timeoutMs: TIMEOUT_MS, environment };
  const [{ identity, source }, ...compilers] = await Promise.all([
    identifySources(options),
    ...COMPILERS.map((name) => runTool(name, ['--version'], options)),
  ]);
  const parts = [
    `idf ${idfTag(version)}`,
    identity,
    ...compilers.map(({ ok, stdout }) => (ok ? (stdout.split('\n')[0] ?? '') : '-')),
  ];
  return { identity: parts.join('\n'), ...(source === undefined ? {} : { source }) };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
