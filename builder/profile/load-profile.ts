import { distance } from 'fastest-levenshtein';
import { relative } from 'node:path';
import type { Chip } from '../chip/chip.ts';
import { findChipByName } from '../chip/registry.ts';
import { FormatError, ProfileError, UsageError } from '../errors/families.ts';
import type { Where } from '../errors/ota-build-error.ts';
import { findInProject, listInProject } from '../files/project-lookup.ts';
import { readInput } from '../files/read-input.ts';
import { parseYamlFile, placeInYaml } from '../schema/yaml-file.ts';
import { profileSchema, type Profile } from './profile.ts';

/** A profile, the chip that it names, and the file that it came from as messages show it. */
export type LoadedProfile = {
  readonly profile: Profile;
  readonly chip: Chip;
  readonly file: string;
  /** Where in that file the value of a key is (`['flash', 'size']`), for messages about it; undefined where there is no file. */
  readonly placeOf: (path: readonly string[]) => Where | undefined;
};

/** A board's name can be a file's name; any other is refused where profiles are looked up. */
const PLAIN_NAME = /^[A-Za-z0-9_]{1,64}$/;

const PROFILE_LIMIT = 64 * 1024;

export type ProfileRequest = {
  readonly projectDirectory: string;
  readonly board: string | undefined;
  /** A profile file named on the command line; wins over the lookup by board name. */
  readonly file: string | undefined;
};

/**
 * Loads the profile of a board: `--profile FILE`, or `profiles/BOARD.yaml` of the project, or of our package.
 * Throws ProfileError that names file, line and column, or the boards that are there when the board is unknown.
 */
export async function loadProfile(request: ProfileRequest): Promise<LoadedProfile> {
  const path = request.file ?? (await findProfile(request.projectDirectory, request.board));
  const file = shortPath(request.projectDirectory, path);
  const text = (await readProfile(path, file)).toString('utf8');
  const profile = parseYamlFile(file, text, profileSchema, (message, options) => {
    return new ProfileError('PROFILE_INVALID', message, options);
  });
  const chip = findChipByName(profile.chip);
  if (chip === undefined)
    throw new ProfileError('PROFILE_INVALID', `${file}: chip: unknown '${profile.chip}'`);
  if (request.board !== undefined && profile.board !== request.board) {
    throw new ProfileError(
      'PROFILE_INVALID',
      `${file} is the profile of ${profile.board}, not of ${request.board}`,
      {
        where: { file },
        hint: `Use --board ${profile.board}, or the profile of ${request.board}.`,
      },
    );
  }
  return { profile, chip, file, placeOf: (path) => placeInYaml(file, text, path) };
}

async function readProfile(path: string, file: string): Promise<Buffer> {
  try {
    return await readInput(path, 'a profile', PROFILE_LIMIT);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new ProfileError(
      'PROFILE_INVALID',
      `${file}:1:1: too large: a profile has at most ${PROFILE_LIMIT} bytes`,
      { where: { file }, cause: error },
    );
  }
}

async function findProfile(projectDirectory: string, board: string | undefined): Promise<string> {
  if (board === undefined) {
    throw new UsageError('USAGE', 'no board was named', {
      hint: `Use --board with one of ${(await listInProject(projectDirectory, 'profiles', '.yaml')).join(', ')}.`,
    });
  }
  const isPlainName = PLAIN_NAME.test(board);
  const found = isPlainName
    ? await findInProject(projectDirectory, 'profiles', `${board}.yaml`)
    : undefined;
  if (found !== undefined) return found.path;
  const known = await listInProject(projectDirectory, 'profiles', '.yaml');
  throw new ProfileError(
    'BOARD_UNKNOWN',
    `there is no profile for board '${board}'${nearest(board, known)}`,
    {
      hint: `Known boards: ${known.join(', ')}. Another board needs a profiles/${isPlainName ? board : 'BOARD'}.yaml, or --profile FILE.`,
      details: { known },
    },
  );
}

function nearest(board: string, known: readonly string[]): string {
  const near = nearestNames(board, known);
  return near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`;
}

/** At most three of the known boards whose names are like `board`, the likest first. */
export function nearestNames(board: string, known: readonly string[]): readonly string[] {
  const wanted = board.toUpperCase().replaceAll('-', '_');
  return known
    .map((name) => ({
      name,
      edits: Math.min(distance(wanted, name), distance(`ESP32_GENERIC_${wanted}`, name)),
    }))
    .filter(({ name, edits }) => edits <= 3 || name.includes(wanted))
    .sort((a, b) => a.edits - b.edits)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** True when `profiles/BOARD.yaml` is there, in the project or in our package. */
export async function hasProfile(projectDirectory: string, board: string): Promise<boolean> {
  if (!PLAIN_NAME.test(board)) return true;
  return (await findInProject(projectDirectory, 'profiles', `${board}.yaml`)) !== undefined;
}

/** Paths inside the project are shown relative to it: shorter, and the same on every machine. */
export function shortPath(projectDirectory: string, path: string): string {
  const short = relative(projectDirectory, path);
  return short === '' || short.startsWith('..') ? path : short;
}
