import type { Plan } from '../plan/plan.ts';
import type { Context } from './context.ts';
import type { Line, Stage } from './stage.ts';

export type RunOptions = {
  /** Runs only the stages before the one with this key: a dry run stops where writing would begin. */
  readonly stopBefore?: string;
  /** Leaves preflights out: a plan is made where there are no keys and nothing is written. */
  readonly withoutPreflight?: boolean;
};

/** Runs every preflight of a line, then its stages in order. Announces and times each; stages do not. */
export async function runLine<Out>(
  context: Context,
  plan: Plan,
  line: Line<Plan, Out>,
  { stopBefore, withoutPreflight = false }: RunOptions = {},
): Promise<unknown> {
  const stages = line.stages as readonly Stage<unknown, unknown>[];
  for (const stage of withoutPreflight ? [] : stages)
    await stage.preflight?.(context, plan, { dryRun: stopBefore !== undefined });
  let value: unknown = plan;
  for (const stage of stages) {
    if (stage.key === stopBefore) break;
    context.throwIfInterrupted();
    value = await runStage(context, stage, value);
  }
  return value;
}

async function runStage(
  context: Context,
  stage: Stage<unknown, unknown>,
  input: unknown,
): Promise<unknown> {
  const { key, title } = stage;
  const skipped = stage.skip?.(input);
  if (skipped !== undefined) {
    context.emit({ kind: 'stage-skipped', key, title, reason: skipped.reason });
    return skipped.output;
  }
  context.emit({ kind: 'stage-started', key, title });
  const startedAt = performance.now();
  const output = await stage.run(context, input);
  context.emit({ kind: 'stage-finished', key, title, durationMs: performance.now() - startedAt });
  return output;
}
