import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CompileError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { packageDirectory } from '../files/package-directory.ts';
import { readInput } from '../files/read-input.ts';
import { requirePlainPath } from '../micropython/plain-path.ts';
import type { Plan } from '../plan/plan.ts';
import { fragmentsFor, optionsOf, sdkconfigLines, type MicroPythonPlan } from './sdkconfig.ts';

/** Files that are made for one build, and the definitions that hand them to CMake. */
export type BuildInputs = {
  readonly definitions: readonly string[];
  /** The lines of every sdkconfig file that we add, in order: what the outcome is compared with. */
  readonly sdkconfig: readonly string[];
  /** Text with the places of this build put the way that the compiler is told to put them. */
  readonly withoutPlaces: (text: string) => string;
};

export type BuildPlaces = {
  /** The throw-away source tree. */
  readonly tree: string;
  /** Where our files go. */
  readonly inputs: string;
  readonly projectDirectory: string;
  /** Manifest of the Python files that the board freezes, in `tree`. */
  readonly boardManifest: string;
};

/** Writes the partition table, the sdkconfig lines and the manifest of frozen Python files of a build. */
export async function writeBuildInputs(
  plan: MicroPythonPlan,
  places: BuildPlaces,
): Promise<BuildInputs> {
  const { tree, inputs, projectDirectory } = places;
  const { source } = plan;
  await mkdir(inputs, { recursive: true });
  const partitions = join(inputs, 'partitions.csv');
  await writeFile(partitions, partitionCsv(plan));
  const sdkconfig = await writeSdkconfig(plan, inputs, partitions);
  const manifest = join(inputs, 'manifest.py');
  await writeFile(manifest, frozenManifest(plan, places));
  const firmware = join(packageDirectory(), 'firmware');
  const modules = [
    join(firmware, 'ota', 'micropython.cmake'),
    ...source.userModules.map((file) => resolve(projectDirectory, file)),
  ];
  const pathMap = [
    [tree, '/micropython'],
    [firmware, '/ota-build'],
    [inputs, '/ota-build/inputs'],
  ] as const;
  const definitions: Readonly<Record<string, string>> = {
    MICROPY_BOARD: source.board,
    ...(source.boardDirectory === undefined
      ? {}
      : { MICROPY_BOARD_DIR: resolve(projectDirectory, source.boardDirectory) }),
    ...(plan.variant === undefined ? {} : { MICROPY_BOARD_VARIANT: plan.variant }),
    CMAKE_PROJECT_micropython_INCLUDE: join(firmware, 'sdkconfig', 'overlay.cmake'),
    OTA_BUILD_SDKCONFIG: sdkconfig.files.join(';'),
    OTA_BUILD_PATH_MAP: pathMap.map(([from, to]) => `${from}=${to}`).join(';'),
    ...(plan.projectName === 'micropython' ? {} : { OTA_BUILD_PROJECT_NAME: plan.projectName }),
    USER_C_MODULES: modules.join(';'),
    MICROPY_FROZEN_MANIFEST: manifest,
    MICROPY_PY_ESP32_PARTITION_OTA_EXTENDED: source.otaExtended ? '1' : '0',
  };
  for (const path of [tree, inputs, firmware, ...modules]) requirePlainPath(path);
  return {
    definitions: Object.entries(definitions).map(([name, value]) => `${name}=${value}`),
    sdkconfig: sdkconfig.texts,
    withoutPlaces: (text) =>
      pathMap.reduce((result, [from, to]) => result.replaceAll(from, () => to), text),
  };
}

async function writeSdkconfig(
  plan: MicroPythonPlan,
  inputs: string,
  partitions: string,
): Promise<{ readonly files: readonly string[]; readonly texts: readonly string[] }> {
  const fragments = join(packageDirectory(), 'firmware', 'sdkconfig');
  const files = fragmentsFor(plan).map((name) => join(fragments, `${name}.sdkconfig`));
  const texts: string[] = [];
  for (const file of files)
    texts.push((await readInput(file, 'sdkconfig lines', 1024 * 1024)).toString());
  for (const [index, { text }] of plan.source.sdkconfig.entries()) {
    const file = join(inputs, `project-${index}.sdkconfig`);
    await writeFile(file, text);
    files.push(file);
    texts.push(text);
  }
  const last = join(inputs, 'plan.sdkconfig');
  const text = sdkconfigLines(optionsOf(plan, partitions));
  await writeFile(last, text);
  return { files: [...files, last], texts: [...texts, text] };
}

/** The table as gen_esp32part.py reads it; ours is made from the same plan, and the two have to agree. */
function partitionCsv({ layout }: Plan): string {
  const rows = layout.partitions.map(
    ({ name, type, subtype, offset, size, encrypted, readonly }) => {
      const flags = [...(encrypted ? ['encrypted'] : []), ...(readonly ? ['readonly'] : [])];
      return [name, hex(type), hex(subtype), hex(offset), hex(size), flags.join(':')].join(',');
    },
  );
  return `# Name, Type, SubType, Offset, Size, Flags\n${rows.join('\n')}\n`;
}

/** A manifest named on the command line takes the place of the board's own, so ours brings that along. */
function frozenManifest({ source }: MicroPythonPlan, places: BuildPlaces): string {
  const manifests = [
    places.boardManifest,
    join(packageDirectory(), 'firmware', 'modules', 'manifest.py'),
    ...(source.frozenManifest === undefined
      ? []
      : [resolve(places.projectDirectory, source.frozenManifest)]),
  ];
  return manifests.map((path) => `include(${JSON.stringify(path)})\n`).join('');
}

/** Throws CompileError when the sources changed between planning and compiling. */
export function requireSameSources(planned: string, found: string, directory: string): void {
  if (planned === found) return;
  throw new CompileError(
    'BUILD_INCOMPLETE',
    `the sources in ${directory} are not the ones that were planned: they changed since`,
    { where: { file: directory }, hint: 'Plan again.' },
  );
}
