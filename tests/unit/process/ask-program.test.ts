import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { InterruptedError } from '../../../builder/errors/families.ts';
import { askProgram, type Question } from '../../../builder/process/ask-program.ts';

const QUESTION: Question = {
  directory: '/',
  environment: { PATH: process.env['PATH'] },
  input: Buffer.from('digest'),
  timeoutMs: 20_000,
  answerLimit: 1000,
  terminal: false,
};
const sh = (script: string, question: Partial<Question> = {}) =>
  askProgram('sh', ['-c', script], { ...QUESTION, ...question });

/** True while any process of that group runs. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits for a process to be gone. */
async function gone(pid: number): Promise<boolean> {
  for (let round = 0; round < 200 && isRunning(pid); round += 1) await wait(25);
  return !isRunning(pid);
}

describe('a program that is asked', () => {
  test('reads the question and answers', async () => {
    expect(await sh('cat; echo said >&2')).toMatchObject({
      kind: 'ended',
      code: 0,
      answer: Buffer.from('digest'),
      errors: 'said\n',
    });
  });

  test('may answer on another descriptor, and print what it likes', async () => {
    const reply = await sh('echo noise; cat >&3', { answerOn: 3 });
    expect(reply).toMatchObject({ kind: 'ended', answer: Buffer.from('digest') });
  });

  test('need not read the question', async () => {
    const input = Buffer.alloc(1024 * 1024);
    expect(await sh('exit 3', { input })).toMatchObject({ kind: 'ended', code: 3 });
  });

  test('is not there', async () => {
    const reply = await askProgram('/no/such/program', [], QUESTION);
    expect(reply).toEqual({ kind: 'not-started', reason: 'it was not found' });
    expect(await askProgram('/etc/passwd', [], QUESTION)).toEqual({
      kind: 'not-started',
      reason: 'it is not executable',
    });
  });

  test('shows the end of what it says on stderr only', async () => {
    const reply = await sh('seq 1 5000 >&2');
    expect(reply.kind === 'ended' && reply.errors.length).toBe(2048);
    expect(reply.kind === 'ended' && reply.errors).toMatch(/4999\n5000\n$/);
  });

  test('is ended when it answers too much, with all that it started', async () => {
    const reply = await sh('echo $$ >&2; sleep 0.3; yes', { answerLimit: 100 });
    expect(reply.kind).toBe('too-much');
    expect(await gone(Number(reply.kind === 'too-much' && reply.errors))).toBe(true);
  });

  test('is ended when it is late, with all that it started', async () => {
    const reply = await sh('sleep 1000 & echo $! >&2; wait', { timeoutMs: 300 });
    expect(reply.kind).toBe('late');
    expect(await gone(Number(reply.kind === 'late' && reply.errors))).toBe(true);
  });

  test('is ended with what it started in a session of its own', async () => {
    const script = `trap '' TERM; setsid sh -c 'trap "" TERM; echo $$ >&2; sleep 1000' & wait`;
    const reply = await sh(script, { timeoutMs: 500 });
    expect(reply.kind).toBe('late');
    expect(await gone(Number(reply.kind === 'late' && reply.errors))).toBe(true);
  });

  test('is ended at a terminal too, where it has no process group of its own', async () => {
    const script = 'trap "" TERM; sh -c "sleep 1000 & echo \\$! >&2; wait" & echo $! >&2; wait';
    const reply = await sh(script, { timeoutMs: 500, terminal: true });
    const [...started] = reply.kind === 'late' ? reply.errors.trim().split('\n').map(Number) : [];
    expect(started).toHaveLength(2);
    for (const pid of started) expect(await gone(pid)).toBe(true);
  });

  test('is late too when something that it started holds its answer open', async () => {
    const reply = await sh('sleep 1000 & echo $! >&2', { timeoutMs: 300 });
    expect(reply.kind).toBe('late');
    expect(await gone(Number(reply.kind === 'late' && reply.errors))).toBe(true);
  });

  test('is ended by Ctrl-C, and by SIGKILL when it does not listen', async () => {
    const stop = new AbortController();
    const asked = sh('trap "" TERM INT; echo ready >&2; sleep 1000', { signal: stop.signal });
    const reason = new InterruptedError('SIGINT');
    setTimeout(() => {
      stop.abort(reason);
    }, 100);
    await expect(asked).rejects.toBe(reason);
  });

  test('is not even started after Ctrl-C', async () => {
    const reason = new InterruptedError('SIGINT');
    await expect(sh('true', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('is not started with a zero byte in an argument', async () => {
    expect(await askProgram('echo', ['a\0b'], QUESTION)).toMatchObject({ kind: 'not-started' });
  });
});
