import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { secretAsker } from '../../../builder/cli/ask-secret.ts';
import type { ProcessEdge } from '../../../builder/cli/process-edge.ts';
import { InterruptedError, UsageError } from '../../../builder/errors/families.ts';

/** A terminal that remembers what was done to it. */
class Terminal extends EventEmitter {
  readonly isTTY = true;
  readonly done: string[] = [];
  setRawMode(raw: boolean): void {
    this.done.push(raw ? 'raw' : 'cooked');
  }
  resume(): void {
    this.done.push('resume');
  }
  pause(): void {
    this.done.push('pause');
  }
}

function aTerminal(change: Partial<ProcessEdge> = {}) {
  const stdin = new Terminal();
  const stop = new AbortController();
  let said = '';
  const ask = secretAsker({
    version: '0',
    signal: stop.signal,
    directory: '/',
    environment: {},
    stdin,
    stdout: { write: () => undefined },
    stderr: { write: (text) => (said += text), isTTY: true },
    ...change,
  });
  const type = (...pieces: readonly (string | Buffer)[]): void => {
    for (const piece of pieces) stdin.emit('data', Buffer.from(piece));
  };
  return { ask, type, stdin, stop, said: () => said };
}

describe('a secret is asked for', () => {
  test.each<[string, readonly (string | Buffer)[], string]>([
    ['a line', ['geheim\r'], 'geheim'],
    ['key by key', ['g', 'e', 'h', '\n'], 'geh'],
    ['with a key taken back', ['abc\x7f\x08d\r'], 'ad'],
    ['more taken back than there is', ['a\x7f\x7f\x7fb\r'], 'b'],
    ['with the line taken back', ['wrong\x15right\r'], 'right'],
    ['with a character of two bytes, in two pieces', [Buffer.of(0xc3), Buffer.of(0xb6), '\r'], 'ö'],
    ['with such a character taken back', ['aö\x7f\r'], 'a'],
    ['with keys that are no characters', ['a\x1b\x00\tb\r'], 'ab'],
    ['with words behind it', ['first\rsecond'], 'first'],
    ['nothing', ['\r'], ''],
  ])('%s', async (_, typed, expected) => {
    const { ask, type, stdin, said } = aTerminal();
    const answer = ask?.('Passphrase: ');
    type(...typed);
    expect(await answer).toBe(expected);
    expect(stdin.done).toEqual(['raw', 'resume', 'cooked', 'pause']);
    expect(stdin.eventNames()).toEqual([]);
    expect(said()).toBe('Passphrase: \n');
  });

  test.each([
    ['Ctrl-C', '\x03', InterruptedError],
    ['Ctrl-D', 'abc\x04', UsageError],
  ])('and %s ends it, the terminal as it was', async (_, typed, family) => {
    const { ask, type, stdin, said } = aTerminal();
    const answer = ask?.('Passphrase: ');
    type(typed);
    await expect(answer).rejects.toBeInstanceOf(family);
    expect(stdin.done).toEqual(['raw', 'resume', 'cooked', 'pause']);
    expect(said()).toBe('Passphrase: \n');
  });

  test('and a signal from outside ends it, the terminal as it was', async () => {
    const { ask, stop, stdin } = aTerminal();
    const answer = ask?.('Passphrase: ');
    const reason = new InterruptedError('SIGTERM');
    stop.abort(reason);
    await expect(answer).rejects.toBe(reason);
    expect(stdin.done).toEqual(['raw', 'resume', 'cooked', 'pause']);
    await expect(ask?.('Again: ')).rejects.toBe(reason);
  });

  test('and a terminal that goes away ends it', async () => {
    const { ask, stdin } = aTerminal();
    const answer = ask?.('Passphrase: ');
    stdin.emit('end');
    await expect(answer).rejects.toBeInstanceOf(UsageError);
  });
});

describe('nobody is asked', () => {
  const plain = { write: () => undefined };
  test.each<[string, Partial<ProcessEdge>]>([
    ['in CI', { environment: { CI: 'true' } }],
    ['where input is no terminal', { stdin: Object.assign(new Terminal(), { isTTY: false }) }],
    ['where messages go to a file', { stderr: plain }],
  ])('%s', (_, change) => {
    expect(aTerminal(change).ask).toBeUndefined();
  });
});
