import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, mkdir, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll } from 'vitest';
import { runCommandLine } from '../../builder/cli/program.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');

/** The command that users run: what tests/support/build-cli.ts has built. */
export const MAIN = join(REPOSITORY, 'dist', 'main.js');

export type CliResult = {
  /** Exit code; null when a signal ended the process before it could answer. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
};

export type RunOptions = {
  /** Added to the environment of the test; undefined removes a variable. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Sends `signal` as soon as a line of stderr matches `when`. */
  readonly interrupt?: { readonly signal: NodeJS.Signals; readonly when: RegExp };
  /** Put in front of the command, as in `setpriv --reuid=nobody`. */
  readonly prefix?: readonly string[];
};

/** An empty directory that stands for a user's project. */
export type Workspace = {
  readonly directory: string;
  readonly path: (...names: readonly string[]) => string;
  /** Runs the built command in a process of its own. */
  readonly run: (args: readonly string[], options?: RunOptions) => Promise<CliResult>;
  /** Runs the same command line inside the test's process: for sweeps that would start hundreds of processes. */
  readonly runHere: (
    args: readonly string[],
    options?: Pick<RunOptions, 'environment'>,
  ) => Promise<CliResult>;
  /** Writes a file, with the folders above it. */
  readonly write: (name: string, contents: string | Uint8Array, mode?: number) => Promise<void>;
  readonly read: (...names: readonly string[]) => Promise<Buffer>;
  /** Every file and directory with size and modification time, but for keys/dev/: what "leaves nothing behind" means. */
  readonly listing: () => Promise<readonly string[]>;
};

const workspaces = new Set<string>();

afterAll(async () => {
  for (const directory of workspaces) await rm(directory, { recursive: true, force: true });
  workspaces.clear();
});

/** Makes an empty directory, which is removed when the tests of the file are over. */
export async function createWorkspace(): Promise<Workspace> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'ota-build-cli-')));
  workspaces.add(directory);
  const path = (...names: readonly string[]): string => join(directory, ...names);
  return {
    directory,
    path,
    run: (args, options = {}) => runCli(directory, args, options),
    runHere: (args, { environment } = {}) => runHere(directory, args, environment),
    write: async (name, contents, mode) => {
      await mkdir(dirname(path(name)), { recursive: true });
      await writeFile(path(name), contents, mode === undefined ? {} : { mode });
    },
    read: (...names) => readFile(path(...names)),
    listing: () => listing(directory),
  };
}

/** What a test's own surroundings (a CI job, a terminal) must not decide. */
const NEUTRAL = {
  CI: undefined,
  GITHUB_ACTIONS: undefined,
  GITHUB_STEP_SUMMARY: undefined,
  GITHUB_WORKSPACE: undefined,
  SOURCE_DATE_EPOCH: undefined,
  NO_COLOR: undefined,
  FORCE_COLOR: undefined,
  NODE_OPTIONS: undefined,
  npm_command: undefined,
  GIT_CEILING_DIRECTORIES: tmpdir(),
} as const;

/** The environment of a command: the one of the test, without what a CI job or a terminal would decide. */
export function environmentOf(added: RunOptions['environment'] = {}): Record<string, string> {
  const entries = Object.entries({ ...process.env, ...NEUTRAL, ...added });
  return Object.fromEntries(
    entries.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function runCli(
  directory: string,
  args: readonly string[],
  { environment, interrupt, prefix = [] }: RunOptions,
): Promise<CliResult> {
  const [command = '', ...rest] = [...prefix, process.execPath, MAIN, ...args];
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, {
      cwd: directory,
      env: environmentOf(environment),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    let interrupted = false;
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
      if (interrupt === undefined || interrupted || !interrupt.when.test(stderr)) return;
      interrupted = true;
      child.kill(interrupt.signal);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, stdout, stderr });
    });
  });
}

async function runHere(
  directory: string,
  args: readonly string[],
  environment: RunOptions['environment'],
): Promise<CliResult> {
  let stdout = '';
  let stderr = '';
  const code = await runCommandLine(args, {
    version: '0.0.0',
    signal: new AbortController().signal,
    directory,
    environment: environmentOf(environment),
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
  });
  return { code, stdout, stderr };
}

async function listing(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const lines = await Promise.all(
    entries.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const name = relative(directory, path);
      if (/^keys(\/dev|$)/.test(name)) return [];
      const { size, mtimeMs } = await stat(path);
      return [entry.isDirectory() ? `${name}/` : `${name} ${size} ${mtimeMs}`];
    }),
  );
  return lines.flat().sort();
}

/** A released MicroPython image, as beside the repository on machines that have them; undefined elsewhere. */
export function realFirmware(name: string): string | undefined {
  const path = join(REPOSITORY, '..', 'shared', 'firmware', name);
  return existsSync(path) ? path : undefined;
}
