import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ProfileError } from '../errors/families.ts';
import { hashInput, readInput } from '../files/read-input.ts';
import type { BuildFileRole } from './build-file-roles.ts';
import { FLASHER_ARGS, locate, openBuildDirectory, type BuildPlace } from './build-place.ts';
import { parseFlasherArgs, type FlasherArgs } from './flasher-args.ts';
import { parseProjectDescription, type ProjectDescription } from './project-description.ts';

/** A file of a build directory, pinned: as it was when it was looked at. */
export type BuildFile = {
  readonly role: BuildFileRole;
  /** Below the build directory, with forward slashes. */
  readonly file: string;
  readonly size: number;
  /** In hex. */
  readonly sha256: string;
};

/** A finished build: its files, and what they say of each other. */
export type BuildFiles = {
  readonly place: BuildPlace;
  readonly args: FlasherArgs;
  readonly project?: ProjectDescription;
  /** One of each role that is there; `app` and `flasher-args` always are. */
  readonly files: readonly BuildFile[];
};

const PROJECT_DESCRIPTION = 'project_description.json';
/** Where ESP-IDF builds the bootloader; with Secure Boot on, flasher_args.json may leave it out. */
const BOOTLOADER = 'bootloader/bootloader.bin';

/** Most bytes that are read of a file, by role. A project description lists every component with its sources. */
const LIMITS: Partial<Record<BuildFileRole, number>> = {
  'flasher-args': 1024 * 1024,
  'project-description': 32 * 1024 * 1024,
  sdkconfig: 4 * 1024 * 1024,
  'sdkconfig-json': 4 * 1024 * 1024,
};

/**
 * Finds and pins the files of a finished ESP-IDF build directory. Everything has to lie in it, symbolic links followed.
 * `name` is the directory as messages show it. Throws UsageError for a directory that is none, FormatError for paths that
 * lead out of it and for malformed files, ProfileError for a build that is not finished.
 */
export async function findBuildFiles(directory: string, name: string): Promise<BuildFiles> {
  const place = await openBuildDirectory(directory, name);
  const listed = await readJson(place, 'flasher-args', FLASHER_ARGS, parseFlasherArgs);
  if (listed === undefined) throw notFinished(name, FLASHER_ARGS);
  const { value: args } = listed;
  if (args.app === undefined) throw noApp(name);
  const described = await readJson(
    place,
    'project-description',
    PROJECT_DESCRIPTION,
    parseProjectDescription,
  );
  const project = described?.value;
  const files = [listed.file, ...(described === undefined ? [] : [described.file])];
  for (const [role, file] of filesOf(args, args.app.file, project)) {
    const path = await locate(place, file);
    if (path !== undefined) files.push({ role, file, ...(await hashInput(path, whatIs(role))) });
    else if (isListed(role, args)) throw notFinished(name, file);
  }
  return { place, args, ...(project === undefined ? {} : { project }), files };
}

/** The file of that role; undefined when the build has none. */
export function fileOf(files: readonly BuildFile[], role: BuildFileRole): BuildFile | undefined {
  return files.find((file) => file.role === role);
}

function filesOf(
  args: FlasherArgs,
  app: string,
  project: ProjectDescription | undefined,
): readonly (readonly [BuildFileRole, string])[] {
  const elf = project?.elf ?? app.replace(/(\.bin)?$/, '.elf');
  const table = args.partitionTable?.file;
  return [
    ['sdkconfig', 'sdkconfig'],
    ['sdkconfig-json', 'config/sdkconfig.json'],
    ['app', app],
    ['bootloader', args.bootloader?.file ?? BOOTLOADER],
    ...(table === undefined ? [] : [['partition-table', table] as const]),
    ['elf', elf],
    ['map', elf.replace(/(\.elf)?$/, '.map')],
  ];
}

/** Reads a file of a build directory whole, and makes sure that it is what was pinned. Throws ProfileError otherwise. */
export async function readBuildFile(
  place: BuildPlace,
  { role, file, sha256: pinned }: BuildFile,
): Promise<Buffer> {
  const path = await locate(place, file);
  if (path === undefined) throw notFinished(place.name, file);
  const bytes = await readInput(path, whatIs(role), LIMITS[role]);
  if (sha256(bytes) === pinned) return bytes;
  throw new ProfileError('SOURCE_CHANGED', `${join(place.name, file)} changed while it was read`, {
    where: { file: join(place.name, file) },
    hint: 'Wait for the build to end, then plan again.',
  });
}

async function readJson<T>(
  place: BuildPlace,
  role: BuildFileRole,
  file: string,
  parse: (bytes: Buffer, name: string) => T,
): Promise<{ readonly value: T; readonly file: BuildFile } | undefined> {
  const path = await locate(place, file);
  if (path === undefined) return undefined;
  const bytes = await readInput(path, whatIs(role), LIMITS[role]);
  return {
    value: parse(bytes, join(place.name, file)),
    file: { role, file, size: bytes.length, sha256: sha256(bytes) },
  };
}

/** What flasher_args.json names has to be there; the rest of a build may have been left behind. */
function isListed(role: BuildFileRole, args: FlasherArgs): boolean {
  if (role === 'bootloader') return args.bootloader !== undefined;
  return role === 'app' || role === 'partition-table';
}

function whatIs(role: BuildFileRole): string {
  return `a file of an ESP-IDF build (${role})`;
}

function notFinished(name: string, file: string): ProfileError {
  return new ProfileError(
    'BUILD_UNFINISHED',
    `${name} is an ESP-IDF build directory, but ${file} is not there: the build is not finished`,
    { where: { file: join(name, file) }, hint: 'Run idf.py build to its end.' },
  );
}

function noApp(name: string): ProfileError {
  return new ProfileError(
    'BUILD_UNFINISHED',
    `${name} has no app for flash: its flasher_args.json lists none`,
    {
      where: { file: join(name, FLASHER_ARGS) },
      hint: 'A build for RAM (CONFIG_APP_BUILD_TYPE_RAM), a bootloader alone or a configured but empty build makes no release.',
    },
  );
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
