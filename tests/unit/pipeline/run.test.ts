import { describe, expect, test } from 'vitest';
import { InterruptedError } from '../../../builder/errors/families.ts';
import { releaseLine } from '../../../builder/pipeline/release.ts';
import { runLine } from '../../../builder/pipeline/run.ts';
import { line, type Stage } from '../../../builder/pipeline/stage.ts';
import type { Plan } from '../../../builder/plan/plan.ts';
import { aContext } from '../../support/contexts.ts';
import { aPlan } from '../../support/plans.ts';
import { thrownBy } from '../../support/thrown.ts';

const PLAN = aPlan();

/** A stage that writes down what is done with it and adds its key to what it was given. */
function stage<In>(
  log: string[],
  key: string,
  changes: Partial<Stage<In, string>> = {},
): Stage<In, string> {
  return {
    key,
    title: `doing ${key}`,
    preflight: (_context, _plan, { dryRun }) => {
      log.push(`preflight ${key}${dryRun ? ' dry' : ''}`);
      return Promise.resolve();
    },
    run: (_context, input) => {
      log.push(`run ${key}`);
      return Promise.resolve(`${typeof input === 'string' ? input : 'plan'} ${key}`);
    },
    ...changes,
  };
}

describe('a line of stages', () => {
  test('runs every preflight before any stage, both in order, each with what came before', async () => {
    const log: string[] = [];
    const three = line(stage<Plan>(log, 'a')).next(stage(log, 'b')).next(stage(log, 'c'));
    expect(await runLine(aContext().context, PLAN, three)).toBe('plan a b c');
    expect(log).toEqual(['preflight a', 'preflight b', 'preflight c', 'run a', 'run b', 'run c']);
  });

  test('announces each stage and says how long it took', async () => {
    const { context, events } = aContext();
    await runLine(context, PLAN, line(stage<Plan>([], 'a')));
    expect(events).toEqual([
      { kind: 'stage-started', key: 'a', title: 'doing a' },
      {
        kind: 'stage-finished',
        key: 'a',
        title: 'doing a',
        durationMs: expect.any(Number) as number,
      },
    ]);
  });

  test('runs nothing when a later preflight refuses', async () => {
    const log: string[] = [];
    const refuse = () => Promise.reject(new Error('no key'));
    const two = line(stage<Plan>(log, 'a')).next(stage(log, 'b', { preflight: refuse }));
    await expect(runLine(aContext().context, PLAN, two)).rejects.toThrow('no key');
    expect(log).toEqual(['preflight a']);
  });

  test('runs nothing after a stage that failed', async () => {
    const log: string[] = [];
    const fail = () => Promise.reject(new Error('damaged'));
    const three = line(stage<Plan>(log, 'a', { run: fail })).next(stage(log, 'b'));
    await expect(runLine(aContext().context, PLAN, three)).rejects.toThrow('damaged');
    expect(log).toEqual(['preflight a', 'preflight b']);
  });

  test('goes on with what a skipped stage says, and says why it was skipped', async () => {
    const log: string[] = [];
    const { context, events } = aContext();
    const skip = (input: string) => ({ reason: 'not asked for', output: `${input} -` });
    const three = line(stage<Plan>(log, 'a'))
      .next(stage(log, 'b', { skip }))
      .next(stage(log, 'c', { skip: () => undefined }));
    expect(await runLine(context, PLAN, three)).toBe('plan a - c');
    expect(log).not.toContain('run b');
    expect(events).toContainEqual({
      kind: 'stage-skipped',
      key: 'b',
      title: 'doing b',
      reason: 'not asked for',
    });
  });

  test('stops before the stage that it is told, and says to preflights that it will', async () => {
    const log: string[] = [];
    const three = line(stage<Plan>(log, 'a')).next(stage(log, 'b')).next(stage(log, 'c'));
    expect(await runLine(aContext().context, PLAN, three, { stopBefore: 'b' })).toBe('plan a');
    expect(log).toEqual(['preflight a dry', 'preflight b dry', 'preflight c dry', 'run a']);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('stops between stages after %s', async (signal) => {
    const log: string[] = [];
    const { context, stop } = aContext();
    const interrupt = () => {
      stop.abort(new InterruptedError(signal));
      return Promise.resolve('a');
    };
    const two = line(stage<Plan>(log, 'a', { run: interrupt })).next(stage(log, 'b'));
    const error = await thrownBy(InterruptedError, () => runLine(context, PLAN, two));
    expect(error.exit).toBe(signal === 'SIGINT' ? 130 : 143);
    expect(log).not.toContain('run b');
  });

  test('can be taken further in two ways without either changing the other', () => {
    const start = line(stage<Plan>([], 'a'));
    const keys = (of: typeof start) => of.stages.map(({ key }) => key);
    const [first, second] = [start.next(stage([], 'b')), start.next(stage([], 'c'))];
    expect([keys(start), keys(first), keys(second)]).toEqual([['a'], ['a', 'b'], ['a', 'c']]);
  });
});

test('a release is made in this order', () => {
  const { stages } = releaseLine({ directory: 'out', force: false }, { useCache: true });
  expect(stages.map(({ key }) => key)).toEqual([
    'compile',
    'stamp',
    'partition',
    'sign',
    'write',
    'verify',
    'bundle',
  ]);
  for (const { title } of stages) expect(title).toMatch(/^[a-z]+ing\b/);
});
