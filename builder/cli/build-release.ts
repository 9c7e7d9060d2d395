import type { Bundle } from '../bundle/bundle.ts';
import { versionInFirmware } from '../compile/version-in-firmware.ts';
import type { LaidOut } from '../partition/laid-out.ts';
import { Context, type Warning } from '../pipeline/context.ts';
import { releaseLine } from '../pipeline/release.ts';
import { runLine } from '../pipeline/run.ts';
import type { Plan } from '../plan/plan.ts';
import { makePlan, type PlanRequest } from '../plan/make-plan.ts';
import type { OutputOptions } from '../write/stage.ts';
import type { Output } from './output.ts';
import { renderEvent } from './render/events.ts';

export type BuildRequest = {
  readonly request: PlanRequest;
  readonly output: Output;
  readonly signal: AbortSignal;
  readonly askSecret?: ((question: string) => Promise<string>) | undefined;
  readonly target: OutputOptions;
  /** False compiles although nothing changed. */
  readonly useCache: boolean;
  readonly dryRun: boolean;
};

export type Built =
  | { readonly kind: 'release'; readonly bundle: Bundle; readonly warnings: readonly Warning[] }
  | { readonly kind: 'dry-run'; readonly laidOut: LaidOut; readonly warnings: readonly Warning[] };

/**
 * Plans a release and checks in memory that it can be made: the firmware is for the board, the layout holds, the app fits.
 * Needs no key and writes nothing. Warnings are shown as they come.
 */
export async function planRelease({
  request,
  output,
  signal,
}: Pick<BuildRequest, 'request' | 'output' | 'signal'>): Promise<Plan> {
  const context = new Context({
    projectDirectory: request.projectDirectory,
    environment: request.host.environment,
    signal,
    emit: (event) => {
      if (event.kind === 'warning') renderEvent(event, output);
    },
  });
  const plan = await makePlan(request, versionInFirmware);
  // Compiling is what a build is for: of a build from source a plan says what will be compiled.
  if (plan.source.kind === 'micropython') return plan;
  const line = releaseLine(
    { directory: request.projectDirectory, force: true },
    { useCache: true },
  );
  await runLine(context, plan, line, { stopBefore: 'sign', withoutPreflight: true });
  return plan;
}

/** Plans a release and carries it out; a dry run stops before signing. Leaves nothing behind when it throws. */
export async function buildRelease({
  request,
  output,
  signal,
  askSecret,
  target,
  useCache,
  dryRun,
}: BuildRequest): Promise<Built> {
  const context = new Context({
    askSecret,
    projectDirectory: request.projectDirectory,
    environment: request.host.environment,
    signal,
    emit: (event) => {
      renderEvent(event, output);
    },
  });
  const plan = await makePlan(request, versionInFirmware);
  context.throwIfInterrupted();
  const line = releaseLine(target, { useCache });
  try {
    if (dryRun) {
      const laidOut = (await runLine(context, plan, line, { stopBefore: 'sign' })) as LaidOut;
      return { kind: 'dry-run', laidOut, warnings: context.warnings };
    }
    const bundle = (await runLine(context, plan, line)) as Bundle;
    return { kind: 'release', bundle, warnings: context.warnings };
  } catch (error) {
    await context.cleanUp();
    throw error;
  }
}
