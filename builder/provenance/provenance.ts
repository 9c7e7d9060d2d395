import type { BuildInventory } from '../compile/build-inventory.ts';
import type { Plan } from '../plan/plan.ts';
import { githubRun } from './github-run.ts';
import { publicPlan } from './public-plan.ts';
import { resolvedDependencies, type ResourceDescriptor } from './resolved-dependencies.ts';

/** How a release of ours is made; builder/provenance/README.md says what it means. */
export const BUILD_TYPE = 'urn:ota-build:build-type:release:v1';

/** Who builds where no platform vouches for it. */
const UNKNOWN_BUILDER = 'urn:ota-build:builder:unattested';

/** A predicate of type https://slsa.dev/provenance/v1. */
export type Provenance = {
  readonly buildDefinition: {
    readonly buildType: string;
    readonly externalParameters: { readonly plan: Readonly<Record<string, unknown>> };
    readonly internalParameters?: Readonly<Record<string, unknown>>;
    readonly resolvedDependencies: readonly ResourceDescriptor[];
  };
  readonly runDetails: {
    readonly builder: { readonly id: string; readonly version: Readonly<Record<string, string>> };
    readonly metadata?: {
      readonly invocationId?: string;
      readonly startedOn?: string;
      readonly finishedOn?: string;
    };
  };
};

export type ProvenanceFacts = {
  readonly plan: Plan;
  readonly inventory?: BuildInventory | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly otaBuildVersion: string;
  readonly startedOn: Date;
  readonly finishedOn: Date;
};

/**
 * Where a release comes from: its plan, what that was resolved to, and who ran it. Without secrets and without places of
 * this machine. With SOURCE_DATE_EPOCH set, which asks for the same bytes from the same inputs, it leaves the times of the
 * run out. Source: SLSA v1.0, Provenance.
 */
export function provenance(facts: ProvenanceFacts): Provenance {
  const { plan, inventory, environment, otaBuildVersion } = facts;
  const run = githubRun(environment);
  const metadata = {
    ...(run === undefined ? {} : { invocationId: run.invocationId }),
    ...timesOf(facts),
  };
  return {
    buildDefinition: {
      buildType: BUILD_TYPE,
      externalParameters: { plan: publicPlan(plan) },
      ...(run === undefined ? {} : { internalParameters: { github: run.parameters } }),
      resolvedDependencies: [
        ...(run === undefined ? [] : [run.repository]),
        ...resolvedDependencies(plan, inventory),
      ],
    },
    runDetails: {
      builder: {
        id: run?.builderId ?? UNKNOWN_BUILDER,
        version: { 'ota-build': otaBuildVersion },
      },
      ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    },
  };
}

function timesOf({ environment, startedOn, finishedOn }: ProvenanceFacts) {
  if ((environment['SOURCE_DATE_EPOCH'] ?? '') !== '') return {};
  return { startedOn: timestamp(startedOn), finishedOn: timestamp(finishedOn) };
}

/** RFC 3339 in UTC, whole seconds. */
function timestamp(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
