import { spawn, type ChildProcess } from 'node:child_process';
import { descendantsOf } from './process-tree.ts';

/** How a program that was asked something ended. */
export type Answer =
  | {
      readonly kind: 'ended';
      /** Exit code; null when a signal ended it. */
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
      readonly answer: Buffer;
      readonly errors: string;
    }
  | { readonly kind: 'not-started'; readonly reason: string }
  | { readonly kind: 'late'; readonly errors: string }
  | { readonly kind: 'too-much'; readonly errors: string };

export type Question = {
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly input: Uint8Array;
  readonly timeoutMs: number;
  /** Bytes of an answer; whoever says more is stopped. */
  readonly answerLimit: number;
  /** The descriptor that the answer comes from; 3 keeps it apart from what foreign code prints. */
  readonly answerOn?: 1 | 3;
  /** Whether the program may talk to the user's terminal: it then stays in our session and process group. */
  readonly terminal: boolean;
  readonly signal?: AbortSignal | undefined;
};

const ERRORS_LIMIT = 2048;
const GRACE_MS = 1000;

/**
 * Runs a program with an argument list (never a shell), writes `input` to its stdin and collects what it answers. Never waits
 * longer than `timeoutMs`, whoever holds its streams open; who is late is ended, with all that it started. Rejects with
 * the signal's reason when that is aborted, and only then.
 */
export async function askProgram(
  program: string,
  args: readonly string[],
  question: Question,
): Promise<Answer> {
  question.signal?.throwIfAborted();
  const { answerOn = 1 } = question;
  if ([program, ...args].some((word) => word.includes('\0')))
    return { kind: 'not-started', reason: 'a zero byte is in its arguments' };
  const child = spawn(program, args, {
    cwd: question.directory,
    env: { ...question.environment },
    stdio: answerOn === 1 ? ['pipe', 'pipe', 'pipe'] : ['pipe', 'ignore', 'pipe', 'pipe'],
    detached: !question.terminal,
    windowsHide: true,
  });
  return new Promise((resolve, reject) => {
    new Conversation(child, question, { resolve, reject }).start();
  });
}

/** One question to one program, from its start until the first thing that settles it. */
class Conversation {
  private readonly child: ChildProcess;
  private readonly question: Question;
  private readonly settled: {
    readonly resolve: (answer: Answer) => void;
    readonly reject: (reason: unknown) => void;
  };
  private readonly answer: Buffer[] = [];
  private length = 0;
  private errors = '';
  private timer: NodeJS.Timeout | undefined;

  constructor(child: ChildProcess, question: Question, settled: Conversation['settled']) {
    this.child = child;
    this.question = question;
    this.settled = settled;
  }

  start(): void {
    const { child, question } = this;
    child.on('error', (error: NodeJS.ErrnoException) => {
      this.settle({ kind: 'not-started', reason: describeStartFailure(error) });
    });
    child.on('close', (code, signal) => {
      const { errors } = this;
      this.settle({ kind: 'ended', code, signal, answer: Buffer.concat(this.answer), errors });
    });
    // A program that does not read what it is asked is not an error by itself.
    child.stdin?.on('error', () => undefined).end(question.input);
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.errors = (this.errors + text).slice(-ERRORS_LIMIT);
    });
    child.stdio[question.answerOn ?? 1]?.on('data', (chunk: Buffer) => {
      this.collect(chunk);
    });
    this.timer = setTimeout(() => {
      this.stop({ kind: 'late', errors: this.errors });
    }, question.timeoutMs);
    question.signal?.addEventListener('abort', this.abort, { once: true });
  }

  private collect(chunk: Buffer): void {
    this.length += chunk.length;
    if (this.length > this.question.answerLimit) {
      this.stop({ kind: 'too-much', errors: this.errors });
      return;
    }
    this.answer.push(chunk);
  }

  private readonly abort = (): void => {
    this.end();
    this.forget();
    this.settled.reject(this.question.signal?.reason);
  };

  private stop(answer: Answer): void {
    this.end();
    this.settle(answer);
  }

  private settle(answer: Answer): void {
    this.forget();
    this.settled.resolve(answer);
  }

  private forget(): void {
    clearTimeout(this.timer);
    this.question.signal?.removeEventListener('abort', this.abort);
    for (const stream of this.child.stdio) stream?.destroy();
  }

  /** Asks it to end, and makes it end a second later: long enough to hang up on a server. What it started ends with it. */
  private end(): void {
    const targets = this.targets();
    const timer = setTimeout(() => {
      kill(targets, 'SIGKILL');
    }, GRACE_MS);
    this.child.once('exit', () => {
      clearTimeout(timer);
      kill(targets, 'SIGKILL');
    });
    kill(targets, 'SIGTERM');
  }

  /** Whom to end: the program's process group, where it has its own (negative, as kill(2) has it), and all that it started. */
  private targets(): readonly number[] {
    const { pid, exitCode, signalCode } = this.child;
    if (pid === undefined) return [];
    if (process.platform === 'win32') return [pid];
    const group = this.question.terminal ? [] : [-pid];
    // Once it has ended, its number may be that of a stranger; a group's number is not given away while it has members.
    if (exitCode !== null || signalCode !== null) return group;
    // What it started may have left its group: setsid(1), or a shell with job control.
    return [...group, pid, ...descendantsOf(pid, this.question.environment)];
  }
}

function kill(targets: readonly number[], signal: NodeJS.Signals): void {
  for (const target of targets) {
    try {
      process.kill(target, signal);
    } catch {
      // It has ended already.
    }
  }
}

function describeStartFailure({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'it was not found';
  if (code === 'EACCES') return 'it is not executable';
  return code ?? message;
}
