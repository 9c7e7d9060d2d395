import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import type { Chip } from '../chip/chip.ts';
import { findChipByName } from '../chip/registry.ts';
import { ProfileError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import type { Context } from '../pipeline/context.ts';
import type { Stage } from '../pipeline/stage.ts';
import type { FilePlan, Plan } from '../plan/plan.ts';
import type { CompileOptions } from './compile-micropython.ts';
import type { Compiled, FirmwareParts } from './compiled.ts';
import { readDrill } from './drill.ts';
import { readPrebuilt } from './prebuilt.ts';
import type { MicroPythonPlan } from './sdkconfig.ts';

/** Gets the firmware of a plan: compiled from source, a finished image taken apart and checked, or the built-in drill. */
export function compileStage(options: CompileOptions): Stage<Plan, Compiled> {
  return {
    key: 'compile',
    title: 'getting the firmware',
    run: async (context, plan) => {
      const chip = findChipByName(plan.chip);
      if (chip === undefined)
        throw new ProfileError('PROFILE_INVALID', `the plan names an unknown chip '${plan.chip}'`);
      const {
        app,
        bootloader,
        source,
        extras = [],
        notes,
        warnings,
      } = await firmwareOf(context, {
        plan,
        chip,
        options,
      });
      for (const note of notes) context.note(note);
      for (const { code, message } of warnings) context.warn(code, message);
      // Copies, so that the rest of a large dump is not held in memory until the end.
      const parts =
        bootloader === undefined
          ? {}
          : { bootloader: { ...bootloader, bytes: Buffer.from(bootloader.bytes) } };
      return { plan, chip, app: Buffer.from(app), source, extras, ...parts };
    },
  };
}

type Request = { readonly plan: Plan; readonly chip: Chip; readonly options: CompileOptions };

async function firmwareOf(
  context: Context,
  { plan, chip, options }: Request,
): Promise<FirmwareParts> {
  if (isFromSource(plan)) {
    const { compileMicroPython } = await import('./compile-micropython.ts');
    const { readMicroPythonBuild } = await import('./micropython-build.ts');
    const build = await compileMicroPython(context, plan, options);
    return readMicroPythonBuild(build, plan, chip);
  }
  const filePlan = plan as FilePlan;
  const bytes = await readPlannedFile(context, filePlan);
  const read = filePlan.source.kind === 'drill' ? readDrill : readPrebuilt;
  return read(bytes, filePlan, chip);
}

function isFromSource(plan: Plan): plan is MicroPythonPlan {
  return plan.source.kind === 'micropython';
}

/** The plan may be older than the file: then it was planned for other bytes. */
async function readPlannedFile(context: Context, { source }: FilePlan): Promise<Buffer> {
  const bytes = await readInput(resolve(context.projectDirectory, source.file), 'a firmware image');
  if (createHash('sha256').update(bytes).digest('hex') === source.sha256) return bytes;
  throw new ProfileError(
    'SOURCE_CHANGED',
    `${source.file} is not the file that was planned: its SHA-256 differs`,
    {
      where: { file: source.file },
      hint: 'Plan again.',
    },
  );
}
