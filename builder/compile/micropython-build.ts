import type { Chip } from '../chip/chip.ts';
import { CompileError } from '../errors/families.ts';
import { readBuildDirectory, type BuildDirectory } from './build-directory.ts';
import { readInventory } from './build-inventory.ts';
import { buildWarnings, checkBuildSecurity } from './build-security.ts';
import type { FinishedBuild } from './compile-micropython.ts';
import type { FirmwareParts, MicroPythonFacts } from './compiled.ts';
import { requireChip, requireTableOffset } from './match-plan.ts';
import type { MicroPythonPlan } from './sdkconfig.ts';

/**
 * The firmware that we have just compiled, or compiled earlier. What the compiler wrote into the app description has to
 * be what the plan says: nothing is stamped over it, so that the ELF file and the app agree. Throws CompileError when
 * it is not, and whatever any finished build is refused for.
 */
export async function readMicroPythonBuild(
  { directory }: FinishedBuild,
  plan: MicroPythonPlan,
  chip: Chip,
): Promise<FirmwareParts> {
  const name = 'the build';
  const build = await readBuildDirectory(directory, name);
  requireChip(build.chip, chip, { name, board: plan.board });
  if (build.table !== undefined) requireTableOffset(build.table.offset, plan, name);
  checkBuildSecurity(build, plan);
  requireDescription(build, plan);
  const { source } = plan;
  const parts = {
    app: build.app.bytes,
    source: factsOf(plan, build),
    sourceFiles: build.sourceFiles,
    inventory: await readInventory(directory),
    notes: uncheckedNote(plan),
    warnings: [
      ...(source.dirty ? [dirtyWarning(source.described)] : []),
      ...buildWarnings(build, plan, name),
    ],
  };
  if (build.bootloader === undefined) return parts;
  const { listed, ...bootloader } = build.bootloader;
  return { ...parts, bootloader };
}

function factsOf({ source }: MicroPythonPlan, { settings }: BuildDirectory): MicroPythonFacts {
  return {
    kind: 'micropython',
    version: source.described,
    ...(source.commit === undefined ? {} : { commit: source.commit }),
    dirty: source.dirty,
    board: source.board,
    idfVersion: source.idfVersion,
    ...(source.toolchain.kind === 'container' ? { container: source.toolchain.image } : {}),
    otaExtended: source.otaExtended,
    verification: source.verification,
    bootloaderRollback: settings?.rollback === true ? 'enabled' : 'disabled',
  };
}

function uncheckedNote({ signing, source }: MicroPythonPlan): readonly string[] {
  if (signing === null || source.verification !== 'none') return [];
  return [
    'devices take unsigned updates too: this build checks no signatures. signing.verification: on-update in the profile changes that ' +
      '(ESP32 and ESP32-C5: only for newer revisions of the chip)',
  ];
}

function dirtyWarning(described: string) {
  return {
    code: 'DIRTY_SOURCES',
    message: `MicroPython was compiled with local changes (${described}): nobody else can build the same`,
  };
}

function requireDescription({ description }: BuildDirectory, plan: MicroPythonPlan): void {
  for (const field of ['version', 'projectName', 'secureVersion'] as const) {
    if (description[field] === plan[field]) continue;
    throw new CompileError(
      'CONFIGURATION_LOST',
      `the compiled app says ${field} '${description[field]}', but the plan '${plan[field]}'`,
      { hint: "Something in the board's or the project's sdkconfig or CMake files sets it too." },
    );
  }
}
