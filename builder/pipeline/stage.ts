import type { Plan } from '../plan/plan.ts';
import type { Context } from './context.ts';

/** One room of the house. What goes in and out are different types, so that no step can be left out or swapped. */
export type Stage<In, Out> = {
  readonly key: string;
  /** Present participle, as in "signing the app". */
  readonly title: string;
  /** Cheap refusals before any work is done. Must leave nothing behind when `dryRun` is set. */
  readonly preflight?: (
    context: Context,
    plan: Plan,
    options: { readonly dryRun: boolean },
  ) => Promise<void>;
  /** Says why there is nothing to do for this input, and what comes out all the same. */
  readonly skip?: (input: In) => { readonly reason: string; readonly output: Out } | undefined;
  readonly run: (context: Context, input: In) => Promise<Out>;
};

/** An ordered list of stages in which each takes what the one before made. */
export type Line<In, Out> = {
  readonly stages: readonly Stage<never, unknown>[];
  readonly next: <After>(stage: Stage<Out, After>) => Line<In, After>;
};

/** Starts a line with its first stage. */
export function line<In, Out>(first: Stage<In, Out>): Line<In, Out> {
  return lineOf([first]);
}

function lineOf<In, Out>(stages: readonly Stage<never, unknown>[]): Line<In, Out> {
  return { stages, next: (stage) => lineOf([...stages, stage]) };
}
