import { join } from 'node:path';
import type { Chip } from '../chip/chip.ts';
import { FormatError, ProfileError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { fileOf, findBuildFiles, readBuildFile } from '../esp-idf/build-files.ts';
import type { BuildFileRole } from '../esp-idf/build-file-roles.ts';
import type { BuildFile, BuildFiles } from '../esp-idf/build-files.ts';
import {
  differenceBetween,
  readBuildSettings,
  type BuildSettings,
} from '../esp-idf/build-settings.ts';
import { parseSdkconfig, parseSdkconfigJson, secretsIn } from '../esp-idf/sdkconfig.ts';
import { APP_DESC_OFFSET, APP_DESC_SIZE, parseAppDescription } from '../format/app-desc.ts';
import type { AppDescription } from '../format/app-desc.ts';
import { parsePartitionTable, type Partition } from '../format/partition-table.ts';
import { checkElf, requireOneChip, requireOneSecureVersion } from './build-consistency.ts';
import type { Bootloader, SourceFile } from './compiled.ts';
import { detectFirmware } from './firmware-input.ts';
import { readBootloaderFile, readImageFile } from './image-file.ts';
import { namingFile } from './name-format-error.ts';

/** A finished ESP-IDF build, read and checked for itself: its parts are of one build, and whole. */
export type BuildDirectory = Pick<BuildFiles, 'args' | 'project' | 'files'> & {
  /** The directory as messages show it. */
  readonly name: string;
  readonly chip: Chip;
  /** The app image alone: no signature, no padding. */
  readonly app: { readonly bytes: Buffer; readonly wasSigned: boolean };
  readonly description: AppDescription;
  /** `listed`: flasher_args.json names it, as it does unless Secure Boot is on. */
  readonly bootloader?: Bootloader & { readonly listed: boolean };
  /** The build's own table, which a release does not use. */
  readonly table?: { readonly offset: number; readonly partitions: readonly Partition[] };
  /** Undefined for a build directory without its configuration. */
  readonly settings?: BuildSettings;
  /** Settings (`CONFIG_…`) that hold what looks like a secret. */
  readonly secrets: readonly string[];
  /** Files that a release carries beside the firmware. */
  readonly sourceFiles: readonly SourceFile[];
};

/**
 * Reads a finished ESP-IDF build directory: the one way from a build to firmware. `name` is the directory as messages
 * show it. Throws UsageError for a directory that is none, FormatError for what is damaged, foreign or leads out of the
 * directory, ProfileError for a build that is not finished or whose parts are of different builds.
 */
export async function readBuildDirectory(directory: string, name: string): Promise<BuildDirectory> {
  const found = await findBuildFiles(directory, name);
  const { args, project, files } = found;
  const contents = await readContents(found);
  const appName = join(name, fileOf(files, 'app')?.file ?? '');
  const { chip, ...app } = readApp(contents.get('app') ?? Buffer.alloc(0), appName);
  const description = parseAppDescription(
    app.bytes.subarray(APP_DESC_OFFSET, APP_DESC_OFFSET + APP_DESC_SIZE),
    APP_DESC_OFFSET,
  );
  const config = readConfig(found, contents);
  requireOneChip(found, chip, config?.settings);
  const elf = checkElf(found, description);
  requireOneSecureVersion(name, description, config?.settings);
  const bootloader = readBootloader(found, contents.get('bootloader'), chip);
  const table = readTable(found, contents.get('partition-table'));
  return {
    name,
    args,
    ...(project === undefined ? {} : { project }),
    files,
    chip,
    app,
    description,
    ...(bootloader === undefined ? {} : { bootloader }),
    ...(table === undefined ? {} : { table }),
    ...(config === undefined ? {} : { settings: config.settings }),
    secrets: config?.secrets ?? [],
    sourceFiles: sourceFilesOf(found, elf),
  };
}

/** ELF and map are for people with debuggers, and too large to be held. */
const READ_WHOLE: readonly BuildFileRole[] = [
  'app',
  'bootloader',
  'partition-table',
  'sdkconfig',
  'sdkconfig-json',
];

async function readContents({
  place,
  files,
}: BuildFiles): Promise<ReadonlyMap<BuildFileRole, Buffer>> {
  const contents = new Map<BuildFileRole, Buffer>();
  for (const file of files)
    if (READ_WHOLE.includes(file.role)) contents.set(file.role, await readBuildFile(place, file));
  return contents;
}

function readApp(bytes: Buffer, name: string): BuildDirectory['app'] & { readonly chip: Chip } {
  return namingFile(name, () => {
    const input = detectFirmware(bytes, name);
    if (input.kind !== 'app') {
      throw new FormatError(
        'WRONG_KIND',
        `${name} is listed as the app, but has no app description`,
        { where: { file: name, offset: APP_DESC_OFFSET } },
      );
    }
    const { image, wasSigned } = readImageFile(bytes, name);
    return { bytes: bytes.subarray(0, image.length), wasSigned, chip: input.chip };
  });
}

function readBootloader(
  { args, files, place }: BuildFiles,
  bytes: Buffer | undefined,
  chip: Chip,
): BuildDirectory['bootloader'] {
  const file = fileOf(files, 'bootloader');
  if (bytes === undefined || file === undefined) return undefined;
  const name = join(place.name, file.file);
  const offset = args.bootloader?.offset ?? chip.bootloaderOffset;
  if (offset !== chip.bootloaderOffset) {
    throw new FormatError(
      'BAD_VALUE',
      `${name} is listed for ${hex(offset)}, but ${chip.title} starts its bootloader from ${hex(chip.bootloaderOffset)}`,
      { where: { file: name } },
    );
  }
  const bootloader = namingFile(name, () => readBootloaderFile(bytes, name, chip));
  return { ...bootloader, listed: args.bootloader !== undefined };
}

function readTable(
  { args, files, place }: BuildFiles,
  bytes: Buffer | undefined,
): BuildDirectory['table'] {
  const file = fileOf(files, 'partition-table');
  if (bytes === undefined || file === undefined || args.partitionTable === undefined)
    return undefined;
  const { partitions } = namingFile(join(place.name, file.file), () => parsePartitionTable(bytes));
  return { offset: args.partitionTable.offset, partitions };
}

function readConfig(
  { files, place }: BuildFiles,
  contents: ReadonlyMap<BuildFileRole, Buffer>,
): { readonly settings: BuildSettings; readonly secrets: readonly string[] } | undefined {
  const text = contents.get('sdkconfig');
  const json = contents.get('sdkconfig-json');
  const nameOf = (role: BuildFileRole): string =>
    join(place.name, fileOf(files, role)?.file ?? role);
  const written = text === undefined ? undefined : parseSdkconfig(text, nameOf('sdkconfig'));
  const built = json === undefined ? undefined : parseSdkconfigJson(json, nameOf('sdkconfig-json'));
  const config = built ?? written;
  if (config === undefined) return undefined;
  const settings = readBuildSettings(config);
  const other = written === undefined ? undefined : readBuildSettings(written);
  const difference = other === undefined ? undefined : differenceBetween(settings, other);
  if (difference !== undefined) {
    throw new ProfileError(
      'BUILD_INCONSISTENT',
      `${nameOf('sdkconfig')} is not what was built: it says something else of '${difference}' than config/sdkconfig.json`,
      { where: { file: nameOf('sdkconfig') }, hint: 'Run idf.py build again.' },
    );
  }
  return { settings, secrets: secretsIn(config) };
}

function sourceFilesOf({ files, place }: BuildFiles, elf: BuildFile | undefined): SourceFile[] {
  // Without its ELF file nothing says whose map it is.
  const map = elf === undefined ? undefined : fileOf(files, 'map');
  const carried = [fileOf(files, 'sdkconfig'), elf, map];
  return carried.flatMap((file) =>
    file === undefined
      ? []
      : [
          {
            role: file.role as SourceFile['role'],
            path: join(place.root, file.file),
            ...pin(file),
          },
        ],
  );
}

function pin({ size, sha256 }: BuildFile): Pick<SourceFile, 'size' | 'sha256'> {
  return { size, sha256 };
}
