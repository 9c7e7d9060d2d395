import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import type { Chip } from '../chip/chip.ts';
import { findChipByName } from '../chip/registry.ts';
import { ProfileError } from '../errors/families.ts';
import type { BuildFile } from '../esp-idf/build-files.ts';
import { readInput } from '../files/read-input.ts';
import type { Context } from '../pipeline/context.ts';
import type { Stage } from '../pipeline/stage.ts';
import type { FilePlan, Plan } from '../plan/plan.ts';
import type { CompileOptions } from './compile-micropython.ts';
import { readBuildDirectory } from './build-directory.ts';
import { firmwareOfBuild } from './build-firmware.ts';
import type { Compiled, FirmwareParts } from './compiled.ts';
import { readDrill } from './drill.ts';
import { readFinishedRelease } from './finished-release.ts';
import { readPrebuilt } from './prebuilt.ts';

/** Gets the firmware of a plan: compiled from source, a finished image taken apart and checked, or the built-in drill. */
export function compileStage(options: CompileOptions): Stage<Plan, Compiled> {
  return {
    key: 'compile',
    title: 'getting the firmware',
    run: async (context, plan) => {
      const chip = findChipByName(plan.chip);
      if (chip === undefined)
        throw new ProfileError('PROFILE_INVALID', `the plan names an unknown chip '${plan.chip}'`);
      const { app, bootloader, notes, warnings, ...facts } = await readFirmware(context, {
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
      return { plan, chip, app: Buffer.from(app), ...facts, ...parts };
    },
  };
}

type Request = { readonly plan: Plan; readonly chip: Chip; readonly options: CompileOptions };

async function readFirmware(
  context: Context,
  { plan, chip, options }: Request,
): Promise<FirmwareParts> {
  const { source } = plan;
  if (source.kind === 'micropython') {
    const { compileMicroPython } = await import('./compile-micropython.ts');
    const { readMicroPythonBuild } = await import('./micropython-build.ts');
    const planned = { ...plan, source };
    const build = await compileMicroPython(context, planned, options);
    try {
      return await readMicroPythonBuild(build, planned, chip);
    } catch (error) {
      await build.discard();
      throw error;
    }
  }
  if (source.kind === 'build-directory') {
    const path = resolve(context.projectDirectory, source.directory);
    const build = await readBuildDirectory(path, source.directory);
    requirePlannedFiles(build.files, source);
    return firmwareOfBuild(build, plan, chip);
  }
  if (source.kind === 'release')
    return readFinishedRelease(context.projectDirectory, { ...plan, source }, chip);
  const filePlan: FilePlan = { ...plan, source };
  const read = source.kind === 'drill' ? readDrill : readPrebuilt;
  return read(await readPlannedFile(context, source), filePlan, chip);
}

/** The plan may be older than the file: then it was planned for other bytes. */
async function readPlannedFile(
  context: Context,
  { file, sha256 }: FilePlan['source'],
): Promise<Buffer> {
  const bytes = await readInput(resolve(context.projectDirectory, file), 'a firmware image');
  if (createHash('sha256').update(bytes).digest('hex') === sha256) return bytes;
  throw sourceChanged(file, 'is not the file that was planned: its SHA-256 differs');
}

type BuildSource = Extract<Plan['source'], { readonly kind: 'build-directory' }>;

function requirePlannedFiles(
  found: readonly BuildFile[],
  { directory, files: planned }: BuildSource,
): void {
  const show = ({ role, file, size, sha256 }: BuildFile): string =>
    JSON.stringify([role, file, size, sha256]);
  const inPlan = new Set(planned.map(show));
  const inBuild = new Set(found.map(show));
  const changed =
    found.find((file) => !inPlan.has(show(file))) ??
    planned.find((file) => !inBuild.has(show(file)));
  if (changed === undefined) return;
  throw sourceChanged(directory, `is not the build that was planned: ${changed.file} differs`);
}

function sourceChanged(name: string, how: string): ProfileError {
  return new ProfileError('SOURCE_CHANGED', `${name} ${how}`, {
    where: { file: name },
    hint: 'Plan again.',
  });
}
