import { InterruptedError, UsageError } from '../errors/families.ts';
import type { SecretOptions } from '../keys/secret-source.ts';
import { isContinuousIntegration } from '../plan/continuous-integration.ts';
import type { ProcessEdge, TerminalInput } from './process-edge.ts';

const CTRL_C = 0x03;
const CTRL_D = 0x04;
const BACKSPACE = 0x08;
const CTRL_U = 0x15;
const DELETE = 0x7f;
const LONGEST_SECRET = 4096;

/**
 * A way to ask for a passphrase or PIN without echo; undefined where nobody sits: in CI, or when input or messages are not
 * at a terminal. Ctrl-C rejects with InterruptedError at once, Ctrl-D with UsageError; the terminal is as it was before.
 */
export function secretAsker(
  edge: ProcessEdge,
): ((question: string) => Promise<string>) | undefined {
  const { stdin, stderr, signal } = edge;
  if (stdin?.isTTY !== true || stderr.isTTY !== true) return undefined;
  if (isContinuousIntegration(edge.environment)) return undefined;
  return async (question) => {
    signal.throwIfAborted();
    stderr.write(question);
    stdin.setRawMode(true);
    stdin.resume();
    try {
      return await readLine(stdin, signal);
    } finally {
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write('\n');
    }
  };
}

/** Where a command line finds the passphrases and PINs of keys. */
export function secretOptions(edge: ProcessEdge): SecretOptions {
  return {
    projectDirectory: edge.directory,
    environment: edge.environment,
    askSecret: secretAsker(edge),
  };
}

/** Collects bytes up to the end of a line; what was typed before a key is deleted is deleted as a whole character. */
function readLine(stdin: TerminalInput, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = withResolvers<string>();
  let typed = '';
  const decoder = new TextDecoder();
  const take = (chunk: Uint8Array): void => {
    for (const character of decoder.decode(chunk, { stream: true })) {
      const code = character.codePointAt(0) ?? 0;
      if (code === CTRL_C) reject(new InterruptedError('SIGINT'));
      else if (code === CTRL_D) reject(noAnswer());
      else if (character === '\r' || character === '\n') resolve(typed);
      else if (code === DELETE || code === BACKSPACE) typed = typed.replace(/.$/su, '');
      else if (code === CTRL_U) typed = '';
      else if (code >= 0x20 && typed.length < LONGEST_SECRET) typed += character;
    }
  };
  const end = (): void => {
    reject(noAnswer());
  };
  const abort = (): void => {
    reject(signal.reason as Error);
  };
  stdin.on('data', take);
  stdin.on('end', end);
  signal.addEventListener('abort', abort, { once: true });
  return promise.finally(() => {
    stdin.off('data', take);
    stdin.off('end', end);
    signal.removeEventListener('abort', abort);
  });
}

function noAnswer(): UsageError {
  return new UsageError('USAGE', 'the question for a passphrase or PIN was not answered');
}

/** Promise.withResolvers, which Node.js 20 does not have. */
function withResolvers<T>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: Error) => void;
} {
  let resolve: (value: T) => void = () => undefined;
  let reject: (reason: Error) => void = () => undefined;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
