import type { Command } from '@commander-js/extra-typings';
import { resolve } from 'node:path';
import type { MicroPythonVersion } from '../../micropython/version.ts';
import { Output } from '../output.ts';
import type { CommandHost } from '../program.ts';
import { withOutputOptions } from './plan-options.ts';

const EXIT_TOOLCHAIN = 4;

/** `ota-build doctor`: which external tools are here, which are missing, and how to get them. */
export function addDoctorCommand(program: Command, { edge, setExit }: CommandHost): void {
  withOutputOptions(program.command('doctor'))
    .description(
      'look for every external tool: found where, which version, what for, how to get it',
    )
    .optionsGroup('What to build:')
    .option(
      '--micropython <dir>',
      'MicroPython source tree that is to be compiled (default: the version that profiles take)',
    )
    .action(async ({ micropython: directory, ...options }) => {
      const output = new Output(edge, options);
      const { examine } = await import('../../doctor/examine.ts');
      const { renderDoctor } = await import('../render/doctor.ts');
      const examination = await examine({
        micropython: await versionOf(directory, edge.directory),
        needsSources: directory === undefined,
        environment: edge.environment,
      });
      const ok = examination.advice === undefined;
      if (!ok) setExit(EXIT_TOOLCHAIN);
      output.result({ ok, ...examination }, () => renderDoctor(examination, output));
    });
}

async function versionOf(
  directory: string | undefined,
  projectDirectory: string,
): Promise<MicroPythonVersion> {
  const { parseMicroPythonTag, readMicroPythonVersion } =
    await import('../../micropython/version.ts');
  if (directory !== undefined) return readMicroPythonVersion(resolve(projectDirectory, directory));
  const { MICROPYTHON_DEFAULT } = await import('../../profile/profile.ts');
  return parseMicroPythonTag(MICROPYTHON_DEFAULT.version);
}
