import { basename } from 'node:path';
import type { Chip } from '../chip/chip.ts';
import { hex } from '../errors/hex.ts';
import type { Partition } from '../format/partition-table.ts';
import type { Plan } from '../plan/plan.ts';
import type { BuildDirectory } from './build-directory.ts';
import { buildWarnings, checkBuildSecurity } from './build-security.ts';
import type { FirmwareParts, PrebuiltFacts } from './compiled.ts';
import { describeMicroPython, requireChip, requireTableOffset } from './match-plan.ts';
import { findMicroPythonBanner } from './micropython-banner.ts';

/**
 * The firmware of a finished build, held against the plan: chip, place of the partition table, signatures, secure_version.
 * Throws ProfileError, LayoutError or SigningError for what no device of this plan would start or take.
 */
export function firmwareOfBuild(
  build: BuildDirectory,
  plan: Plan,
  chip: Chip,
): FirmwareParts & { readonly source: PrebuiltFacts } {
  const { name, settings, table } = build;
  requireChip(build.chip, chip, { name, board: plan.board });
  const tableOffset = settings?.partitionTableOffset ?? table?.offset;
  if (tableOffset !== undefined) requireTableOffset(tableOffset, plan, name);
  checkBuildSecurity(build, plan);
  // The manifest carries warnings and facts: they name the directory, not where it lay on this machine.
  const warnings = buildWarnings(build, plan, basename(name));
  const parts = { app: build.app.bytes, source: factsOf(build), sourceFiles: build.sourceFiles };
  const notes = notesOf(build, parts.source, plan);
  if (build.bootloader === undefined) return { ...parts, notes, warnings };
  const { listed, ...bootloader } = build.bootloader;
  return { ...parts, bootloader, notes, warnings };
}

function factsOf({
  app,
  description,
  files,
  project,
  settings,
  bootloader,
}: BuildDirectory): PrebuiltFacts {
  const file = files.find(({ role }) => role === 'app');
  const micropython = findMicroPythonBanner(app.bytes);
  const rollback = settings === undefined ? 'unknown' : settings.rollback ? 'enabled' : 'disabled';
  return {
    kind: 'prebuilt',
    file: basename(file?.file ?? ''),
    sha256: file?.sha256 ?? '',
    container: 'build-directory',
    ...(project === undefined
      ? {}
      : {
          project: {
            name: project.projectName,
            ...(project.projectVersion === undefined ? {} : { version: project.projectVersion }),
          },
        }),
    idfVersion: description.idfVersion,
    ...(micropython === undefined ? {} : { micropython }),
    ...(bootloader === undefined ? {} : { bootloaderRollback: rollback }),
  };
}

function notesOf(
  build: BuildDirectory,
  { micropython, idfVersion }: PrebuiltFacts,
  { layout, signing }: Plan,
): readonly string[] {
  const { name, chip, app, bootloader, settings, table, project } = build;
  const version = project?.projectVersion === undefined ? '' : ` ${project.projectVersion}`;
  const what = project === undefined ? '' : `, project '${project.projectName}'${version}`;
  const notes = [
    `${name} is an ESP-IDF build directory for ${chip.title}${what}, ESP-IDF ${idfVersion}${describeMicroPython(micropython)}`,
  ];
  if (settings !== undefined) notes.push(describeSettings(settings));
  if (app.wasSigned)
    notes.push('its app is signed; that signature is removed: stamping would void it');
  if (bootloader?.listed === false)
    notes.push(
      'flasher_args.json leaves the bootloader out, as builds for Secure Boot do; bootloader/bootloader.bin is taken',
    );
  if (settings?.signatures === null && signing !== null)
    notes.push(
      'this firmware does not check signatures itself: the signature serves whoever fetches the release',
    );
  return [...notes, ...describeTable(table?.partitions, layout), ...describeLeftOut(build)];
}

/** What of a build a release would carry, but cannot. */
function describeLeftOut({ files, settings, sourceFiles }: BuildDirectory): readonly string[] {
  const isThere = (role: string): boolean => files.some((file) => file.role === role);
  const notes: string[] = [];
  if (isThere('elf') && !sourceFiles.some(({ role }) => role === 'elf'))
    notes.push('the app does not name its ELF file by SHA-256: ELF and map are left out');
  if (settings !== undefined && !isThere('sdkconfig'))
    notes.push(
      'there is no sdkconfig file in the build directory itself: the release goes without',
    );
  return notes;
}

function describeSettings(settings: NonNullable<BuildDirectory['settings']>): string {
  const { rollback, antiRollback, signatures, secureBoot, flashEncryption } = settings;
  return [
    `its sdkconfig: rollback ${rollback ? 'on' : 'off'}`,
    `anti-rollback ${antiRollback === null ? 'off' : `on, secure_version ${antiRollback.secureVersion}`}`,
    `signed apps ${signatures ?? 'off'}`,
    `Secure Boot ${secureBoot ?? 'off'}`,
    `flash encryption ${flashEncryption ? 'on' : 'off'}`,
  ].join(', ');
}

/** What it means that a build has another table than the layout: the release has the layout's, and devices must have it too. */
function describeTable(
  own: readonly Partition[] | undefined,
  { name, partitions }: Plan['layout'],
): readonly string[] {
  if (own === undefined) return [];
  const show = ({ name: row, type, subtype, offset, size }: Partition): string =>
    JSON.stringify([row, type, subtype, offset, size]);
  const rows = new Set(partitions.map(show));
  const built = new Set(own.map(show));
  const lost = own.filter((row) => !rows.has(show(row)));
  const added = partitions.filter((row) => !built.has(show(row)));
  if (lost.length === 0 && added.length === 0) return [];
  const list = (some: readonly Partition[]): string =>
    some.length === 0
      ? 'nothing'
      : some.map((row) => `${row.name} (${hex(row.offset)}, ${hex(row.size)})`).join(', ');
  return [
    `its own partition table is not the layout's: the release has ${name}, with ${list(added)} instead of ${list(lost)}; ` +
      'devices that run with the other table cannot be moved to it over the air',
  ];
}
