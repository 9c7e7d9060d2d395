import { readBuildDirectory, type BuildDirectory } from '../compile/build-directory.ts';
import { flashSizeByName } from '../chip/flash-settings.ts';
import { ProfileError } from '../errors/families.ts';
import type { BuildFile } from '../esp-idf/build-files.ts';
import type { BuildSettings } from '../esp-idf/build-settings.ts';
import { flashMap, type FlashRegion } from '../partition/flash-map.ts';
import { describeApp, type AppReport } from './app.ts';

/** An ESP-IDF build directory; what of it is not finished, or not of one build, is told and not judged. */
export type BuildDirectoryReport =
  | { readonly state: 'unfinished'; readonly problem: string }
  | {
      readonly state: 'finished';
      /** `esp32c3` */
      readonly chip: string;
      readonly project: { readonly name: string; readonly version: string | null } | null;
      /** What esptool is told; the image headers decide. */
      readonly flash: BuildDirectory['args']['settings'];
      /** null for a build directory without its configuration. */
      readonly settings: BuildSettings | null;
      readonly files: readonly BuildFile[];
      /** By the build's own partition table; null where there is none. */
      readonly flashMap: readonly FlashRegion[] | null;
      readonly app: AppReport;
    };

/**
 * Explains an ESP-IDF build directory. `name` is the directory as messages show it. Throws FormatError for malformed
 * files, and for paths that lead out of it.
 */
export async function describeBuildDirectory(
  directory: string,
  name: string,
): Promise<BuildDirectoryReport> {
  try {
    return describe(await readBuildDirectory(directory, name));
  } catch (error) {
    if (!(error instanceof ProfileError)) throw error;
    return { state: 'unfinished', problem: error.message };
  }
}

function describe(build: BuildDirectory): BuildDirectoryReport {
  const { args, chip, project, settings, files, table, app } = build;
  return {
    state: 'finished',
    chip: chip.name,
    project:
      project === undefined
        ? null
        : { name: project.projectName, version: project.projectVersion ?? null },
    flash: args.settings,
    settings: settings ?? null,
    files,
    flashMap: table === undefined ? null : mapOf(build, table),
    app: describeApp(app.bytes),
  };
}

function mapOf(
  { args, chip, bootloader, app }: BuildDirectory,
  { offset, partitions }: NonNullable<BuildDirectory['table']>,
): readonly FlashRegion[] {
  const home = partitions.find((partition) => partition.offset === args.app?.offset);
  const flashSize = flashSizeByName(args.settings.size)?.bytes;
  return flashMap({
    chip,
    ...(bootloader === undefined
      ? {}
      : { bootloader: { offset: bootloader.offset, size: bootloader.bytes.length } }),
    tableOffset: offset,
    partitions,
    ...(flashSize === undefined ? {} : { flashSize }),
    usage: new Map(home === undefined ? [] : [[home.name, app.bytes.length]]),
  });
}
