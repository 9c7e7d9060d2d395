import { describe, expect, test } from 'vitest';
import { InterruptedError } from '../../../builder/errors/families.ts';
import { aContext, notesOf } from '../../support/contexts.ts';
import { thrownBy } from '../../support/thrown.ts';

describe('what a run tells', () => {
  test('goes to whoever renders it', () => {
    const { context, events } = aContext();
    context.note('first');
    context.warn('CODE', 'careful');
    expect(notesOf(events)).toEqual(['first']);
    expect(events).toContainEqual({ kind: 'warning', code: 'CODE', message: 'careful' });
  });

  test('is remembered, for the manifest, when it is a warning; the same one once', () => {
    const { context, events } = aContext();
    context.warn('A', 'one');
    context.warn('A', 'one');
    context.warn('A', 'two');
    context.warn('B', 'one');
    expect(context.warnings).toEqual([
      { code: 'A', message: 'one' },
      { code: 'A', message: 'two' },
      { code: 'B', message: 'one' },
    ]);
    expect(events).toHaveLength(3);
  });
});

describe('a run that fails', () => {
  test('is undone, last step first, once', async () => {
    const { context } = aContext();
    const log: string[] = [];
    for (const step of ['a', 'b', 'c']) {
      context.onFailure(() => {
        log.push(step);
        return Promise.resolve();
      });
    }
    await context.cleanUp();
    await context.cleanUp();
    expect(log).toEqual(['c', 'b', 'a']);
  });
});

describe('an interruption', () => {
  test('is thrown once it has arrived', async () => {
    const { context, stop } = aContext();
    context.throwIfInterrupted();
    stop.abort(new InterruptedError('SIGTERM'));
    const error = await thrownBy(InterruptedError, () => {
      context.throwIfInterrupted();
    });
    expect(error.exit).toBe(143);
  });

  test('without a reason counts as Ctrl-C', async () => {
    const { context, stop } = aContext();
    stop.abort();
    const error = await thrownBy(InterruptedError, () => {
      context.throwIfInterrupted();
    });
    expect(error.exit).toBe(130);
  });
});
