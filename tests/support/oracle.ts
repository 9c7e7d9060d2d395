import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** What to put in the name of a suite that is skipped without the oracle. */
export const NEEDS_ORACLE = 'needs a Python with esptool: set OTA_BUILD_ORACLE_PYTHON';

/**
 * True when tests have to be skipped because an oracle is missing. Where every oracle has to run
 * (OTA_BUILD_REQUIRE_ORACLES=1, as in .ci/run) a missing one throws instead, and so fails the tests that need it.
 */
export function isMissing(oracle: string | undefined, what = NEEDS_ORACLE): boolean {
  if (oracle !== undefined) return false;
  if (process.env['OTA_BUILD_REQUIRE_ORACLES'] !== '1') return true;
  throw new Error(`OTA_BUILD_REQUIRE_ORACLES=1, but an oracle is missing: ${what}`);
}

let found: { readonly python: string | undefined } | undefined;

/**
 * Absolute path of a Python interpreter that can import esptool, looked up once: the one that OTA_BUILD_ORACLE_PYTHON
 * names, and no other, or else `python3` on PATH. Undefined when it is missing or has no esptool.
 */
export function oraclePython(): string | undefined {
  const named = process.env['OTA_BUILD_ORACLE_PYTHON'] ?? '';
  found ??= { python: findPython(named === '' ? 'python3' : named) };
  return found.python;
}

/** Path of an executable (`espsecure`) beside the oracle's interpreter, or else on PATH; undefined when neither has it. */
export function oracleTool(name: string): string | undefined {
  const python = oraclePython();
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  return [...(python === undefined ? [] : [dirname(python)]), ...path]
    .map((directory) => join(directory, name))
    .find(isExecutable);
}

function findPython(command: string): string | undefined {
  const { status, stdout } = spawnSync(
    command,
    ['-c', 'import esptool, sys; print(sys.executable)'],
    {
      encoding: 'utf8',
    },
  );
  return status === 0 ? stdout.trim() : undefined;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

export type ToolResult = {
  /** Exit code; null when a signal ended the process. */
  readonly code: number | null;
  /** stdout and stderr in the order in which they came, without colours. */
  readonly output: string;
};

/** Runs a foreign tool in `directory` and returns what it said, whatever its exit code. */
export function runTool(
  tool: string | undefined,
  args: readonly string[],
  directory: string,
): Promise<ToolResult> {
  if (tool === undefined) throw new Error(`a test ran without its oracle: ${args.join(' ')}`);
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, {
      cwd: directory,
      env: { ...process.env, NO_COLOR: '1', COLUMNS: '200' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, output });
    });
  });
}
