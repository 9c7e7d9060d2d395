import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { findChipByName } from '../chip/registry.ts';
import { ProfileError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import type { Context } from '../pipeline/context.ts';
import type { Stage } from '../pipeline/stage.ts';
import type { Plan } from '../plan/plan.ts';
import type { Compiled, FirmwareParts } from './compiled.ts';
import { readDrill } from './drill.ts';
import { readPrebuilt } from './prebuilt.ts';

/** Gets the firmware of a plan: a finished image, taken apart and checked, or the built-in drill. */
export const compileStage: Stage<Plan, Compiled> = {
  key: 'compile',
  title: 'reading the firmware',
  run: async (context, plan) => {
    const chip = findChipByName(plan.chip);
    if (chip === undefined)
      throw new ProfileError('PROFILE_INVALID', `the plan names an unknown chip '${plan.chip}'`);
    const bytes = await readPlannedFile(context, plan);
    const read = plan.source.kind === 'drill' ? readDrill : readPrebuilt;
    const { app, bootloader, source, notes, warnings }: FirmwareParts = read(bytes, plan, chip);
    for (const note of notes) context.note(note);
    for (const { code, message } of warnings) context.warn(code, message);
    // Copies, so that the rest of a large dump is not held in memory until the end.
    const parts =
      bootloader === undefined
        ? {}
        : { bootloader: { ...bootloader, bytes: Buffer.from(bootloader.bytes) } };
    return { plan, chip, app: Buffer.from(app), source, ...parts };
  },
};

/** The plan may be older than the file: then it was planned for other bytes. */
async function readPlannedFile(context: Context, { source }: Plan): Promise<Buffer> {
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
