import type { Chip } from '../chip/chip.ts';
import { CompileError } from '../errors/families.ts';
import { listBuildFiles } from '../esp-idf/build-files.ts';
import { APP_DESC_OFFSET, APP_DESC_SIZE, parseAppDescription } from '../format/app-desc.ts';
import type { FinishedBuild } from './compile-micropython.ts';
import type { FirmwareParts, MicroPythonFacts } from './compiled.ts';
import { readIdfBuild } from './idf-build.ts';
import type { MicroPythonPlan } from './sdkconfig.ts';

/**
 * The firmware that we have just compiled, or compiled earlier. What the compiler wrote into the app description has to
 * be what the plan says: nothing is stamped over it, so that the ELF file and the app agree. Throws CompileError when
 * it is not.
 */
export async function readMicroPythonBuild(
  { directory }: FinishedBuild,
  plan: MicroPythonPlan,
  chip: Chip,
): Promise<FirmwareParts> {
  const files = await listBuildFiles(directory);
  const build = await readIdfBuild({ directory, files, chip, name: 'the build' });
  requireDescription(build.app.bytes, plan);
  const { source } = plan;
  const facts: MicroPythonFacts = {
    kind: 'micropython',
    version: source.described,
    ...(source.commit === undefined ? {} : { commit: source.commit }),
    dirty: source.dirty,
    board: source.board,
    idfVersion: source.idfVersion,
    ...(source.toolchain.kind === 'container' ? { container: source.toolchain.image } : {}),
    otaExtended: source.otaExtended,
    verification: source.verification,
    bootloaderRollback: 'enabled',
  };
  return {
    app: build.app.bytes,
    ...(build.bootloader === undefined
      ? {}
      : {
          bootloader: {
            offset: build.bootloader.offset,
            bytes: build.bootloader.bytes,
            signed: build.bootloader.signed,
          },
        }),
    source: facts,
    extras: build.extras,
    notes: [
      `MicroPython ${source.described} for board ${source.board}, compiled with ESP-IDF ${source.idfVersion}`,
    ],
    warnings: source.dirty
      ? [
          {
            code: 'DIRTY_SOURCES',
            message: `MicroPython was compiled with local changes (${source.described}): nobody else can build the same`,
          },
        ]
      : [],
  };
}

function requireDescription(app: Buffer, plan: MicroPythonPlan): void {
  const bytes = app.subarray(APP_DESC_OFFSET, APP_DESC_OFFSET + APP_DESC_SIZE);
  const found = parseAppDescription(bytes, APP_DESC_OFFSET);
  for (const field of ['version', 'projectName', 'secureVersion'] as const) {
    if (found[field] === plan[field]) continue;
    throw new CompileError(
      'CONFIGURATION_LOST',
      `the compiled app says ${field} '${found[field]}', but the plan '${plan[field]}'`,
      { hint: "Something in the board's or the project's sdkconfig or CMake files sets it too." },
    );
  }
}
