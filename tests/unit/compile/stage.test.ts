import { createHash } from 'node:crypto';
import { appendFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { compileStage as stageFor } from '../../../builder/compile/stage.ts';
import { ProfileError, UsageError } from '../../../builder/errors/families.ts';
import type { FilePlan, Plan } from '../../../builder/plan/plan.ts';
import { findBuildFiles } from '../../../builder/esp-idf/build-files.ts';
import { makeBuildDirectory } from '../../support/build-directory.ts';
import { aContext, notesOf } from '../../support/contexts.ts';
import { makeApp } from '../../support/firmware.ts';
import { aPlan } from '../../support/plans.ts';
import { tempProject } from '../../support/temp-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

const compileStage = stageFor({ useCache: true });
const APP = makeApp({ chip: esp32 });
const SHA256 = createHash('sha256').update(APP).digest('hex');

const planOf = (file: string, changes: Partial<FilePlan> = {}): Plan =>
  aPlan({ source: { kind: 'prebuilt', file, size: APP.length, sha256: SHA256 }, ...changes });

describe('reading the firmware', () => {
  test('takes a file of the project apart and says what it found', async () => {
    const { context, events } = aContext(await tempProject({ 'in/app.bin': APP }));
    const plan = planOf('in/app.bin');
    const compiled = await compileStage.run(context, plan);
    expect(compiled.app.equals(APP)).toBe(true);
    expect(compiled).toMatchObject({ plan, chip: esp32, source: { file: 'app.bin' } });
    expect(compiled).not.toHaveProperty('bootloader');
    expect(notesOf(events)[0]).toContain('is an app alone for ESP32');
    expect(context.warnings.map(({ code }) => code)).toEqual(['NO_BOOTLOADER']);
  });

  test('refuses a file that changed after it was planned', async () => {
    const { context } = aContext(await tempProject({ 'app.bin': Buffer.concat([APP, APP]) }));
    const error = await thrownBy(ProfileError, () => compileStage.run(context, planOf('app.bin')));
    expect(error.code).toBe('SOURCE_CHANGED');
    expect(error.exit).toBe(3);
  });

  test('refuses a file that is gone', async () => {
    const { context } = aContext(await tempProject());
    const error = await thrownBy(UsageError, () => compileStage.run(context, planOf('app.bin')));
    expect(error.code).toBe('INPUT_MISSING');
  });

  test('refuses a plan for a chip that nobody knows', async () => {
    const { context } = aContext(await tempProject({ 'app.bin': APP }));
    const plan = planOf('app.bin', { chip: 'esp99' });
    const error = await thrownBy(ProfileError, () => compileStage.run(context, plan));
    expect(error.message).toContain("'esp99'");
  });

  test('refuses a build directory in which anything changed after it was planned', async () => {
    const project = await tempProject();
    const directory = join(project, 'build');
    await makeBuildDirectory(directory, { chip: esp32 });
    const { files } = await findBuildFiles(directory, 'build');
    const source: Plan['source'] = {
      kind: 'build-directory',
      directory: 'build',
      files: [...files],
    };
    const plan: Plan = { ...aPlan(), source };
    const { context } = aContext(project);
    expect((await compileStage.run(context, plan)).sourceFiles).toHaveLength(3);

    await appendFile(join(directory, 'micropython.map'), 'more\n');
    const changed = await thrownBy(ProfileError, () => compileStage.run(context, plan));
    expect(changed.code).toBe('SOURCE_CHANGED');
    expect(changed.message).toContain('micropython.map differs');

    await rm(join(directory, 'micropython.map'));
    const gone = await thrownBy(ProfileError, () => compileStage.run(context, plan));
    expect(gone.code).toBe('SOURCE_CHANGED');
  });
});
