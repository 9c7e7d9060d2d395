import { execa } from 'execa';
import { withoutKeys } from './child-environment.ts';
import { addGroup, removeGroup, signalGroup } from './process-groups.ts';

export type ToolResult = { readonly ok: boolean; readonly stdout: string; readonly stderr: string };

export type ToolOptions = {
  readonly directory: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** The whole environment of the program, but for our secrets; ours when it is not given. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Most bytes of output that are kept of each stream; a program that writes more has failed. */
  readonly outputLimit?: number;
  /** `latin1` keeps every byte apart. */
  readonly encoding?: 'utf8' | 'latin1';
};

const OUTPUT_LIMIT = 1024 * 1024;

/**
 * Runs a program with an argument list (never a shell) and waits for it, at most `timeoutMs`. A program that is not
 * there, fails or takes too long is `ok: false`, not an exception.
 */
export async function runTool(
  program: string,
  args: readonly string[],
  options: ToolOptions,
): Promise<ToolResult> {
  const result = await execa(program, args, {
    cwd: options.directory,
    timeout: options.timeoutMs,
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    env: withoutKeys(options.environment ?? process.env),
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    maxBuffer: options.outputLimit ?? OUTPUT_LIMIT,
    encoding: options.encoding ?? 'utf8',
  });
  return { ok: !result.failed, stdout: result.stdout, stderr: result.stderr };
}

export type StreamOptions = {
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Each line of stdout and stderr, as it comes, without its line end. */
  readonly onLine: (line: string) => void;
};

/** How a program ended. `missing`: there is no such program. */
export type StreamResult =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: string }
  | { readonly kind: 'missing' };

/** How long a program may take to end itself once it was asked to. */
const GRACE_MS = 5_000;

/** How long output is still waited for when the program has ended, but something that it started holds its streams. */
const DRAIN_MS = 2_000;

/** Longer lines are cut: a program that writes no line end must not fill our memory. */
const LONGEST_LINE = 16 * 1024;

/**
 * Runs a program that takes long and hands on its lines. It leads a process group of its own, and when `signal` is
 * aborted the whole group is ended: SIGINT first, SIGKILL for what is still there after a few seconds.
 */
export async function streamTool(
  program: string,
  args: readonly string[],
  { directory, environment, signal, onLine }: StreamOptions,
): Promise<StreamResult> {
  const child = execa(program, args, {
    cwd: directory,
    env: withoutKeys(environment),
    extendEnv: false,
    detached: true,
    reject: false,
    stdin: 'ignore',
    all: true,
    buffer: false,
  });
  const { pid } = child;
  const endGroup = (name: NodeJS.Signals): void => {
    if (pid !== undefined) signalGroup(pid, name);
  };
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    endGroup('SIGINT');
    timer = setTimeout(() => {
      endGroup('SIGKILL');
    }, GRACE_MS);
  };
  if (pid !== undefined) addGroup(pid);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const lines = lineSplitter(onLine);
  const output = child.all.setEncoding('utf8').on('data', lines.push);
  let drain: NodeJS.Timeout | undefined;
  child.once('exit', () => {
    drain = setTimeout(() => {
      endGroup('SIGKILL');
      output.destroy();
    }, DRAIN_MS);
  });
  const result = await child;
  lines.end();
  clearTimeout(timer);
  clearTimeout(drain);
  signal.removeEventListener('abort', stop);
  // What the program started may outlive it.
  endGroup('SIGKILL');
  if (pid !== undefined) removeGroup(pid);
  if (result.code === 'ENOENT') return { kind: 'missing' };
  if (result.signal !== undefined) return { kind: 'killed', signal: result.signal };
  return { kind: 'exited', code: result.exitCode ?? 1 };
}

/** Cuts chunks into lines; `end` hands on what came without a line end. */
function lineSplitter(onLine: (line: string) => void): {
  readonly push: (chunk: string) => void;
  readonly end: () => void;
} {
  let rest = '';
  return {
    push: (chunk) => {
      const lines = (rest + chunk).split(/\r?\n|\r/);
      rest = (lines.pop() ?? '').slice(-LONGEST_LINE);
      for (const line of lines) onLine(line.slice(0, LONGEST_LINE));
    },
    end: () => {
      if (rest !== '') onLine(rest);
    },
  };
}
