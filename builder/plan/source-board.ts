import { resolve } from 'node:path';
import type { Chip } from '../chip/chip.ts';
import { flashSizeByName } from '../chip/flash-settings.ts';
import { LayoutError, ProfileError } from '../errors/families.ts';
import { listInProject } from '../files/project-lookup.ts';
import { listBoards } from '../micropython/board.ts';
import {
  hasProfile,
  loadProfile,
  nearestNames,
  type LoadedProfile,
} from '../profile/load-profile.ts';
import { profileSchema, type Profile } from '../profile/profile.ts';
import { checkSchema } from '../schema/schema.ts';
import type { PlanRequest } from './make-plan.ts';
import { chipOfBoard, findSources, type Sources } from './micropython-source.ts';
import { profileRequest } from './profile-request.ts';

/**
 * The board of a build from source: its profile where there is one, else one made from what MicroPython's own files say
 * of it, so that any stock board can be built. Throws ProfileError for a board that neither knows.
 */
export async function loadSourceBoard(
  request: PlanRequest,
): Promise<{ readonly loaded: LoadedProfile; readonly sources: Sources }> {
  const { board, projectDirectory } = request;
  if (
    request.profile !== undefined ||
    board === undefined ||
    (await hasProfile(projectDirectory, board))
  )
    return withProfile(request);
  const known = await listInProject(projectDirectory, 'profiles', '.yaml');
  // Most likely a slip of the finger: not worth a download to find out.
  if (request.micropython === undefined && nearestNames(board, known).length > 0)
    return withProfile(request);
  const settings = derivedProfile(board, 'esp32', '4MB', 'ota-4MiB');
  const sources = await findSources(request, settings).catch(async (error: unknown) => {
    if (!(error instanceof ProfileError) || error.code !== 'BOARD_UNKNOWN') throw error;
    throw await unknownBoard(request, board, known, error);
  });
  const chip = chipOfBoard(sources, undefined);
  const layout = layoutFor(sources.facts.flashSize, board);
  return {
    sources,
    loaded: {
      profile: derivedProfile(board, chip.name, sources.facts.flashSize, layout),
      chip,
      file: `MicroPython's board ${board}`,
      placeOf: () => undefined,
    },
  };
}

async function withProfile(
  request: PlanRequest,
): Promise<{ readonly loaded: LoadedProfile; readonly sources: Sources }> {
  const loaded = await loadProfile(profileRequest(request));
  const sources = await findSources(request, loaded.profile);
  chipOfBoard(sources, loaded.profile);
  return { loaded, sources };
}

function derivedProfile(
  board: string,
  chip: Chip['name'],
  flashSize: string,
  layout: string,
): Profile {
  const result = checkSchema(profileSchema, {
    schema: 1,
    board,
    chip,
    flash: { size: flashSize },
    partitions: { layout },
  });
  if (result.ok) return result.value;
  const [issue] = result.issues;
  throw new ProfileError(
    'PROFILE_INVALID',
    `no profile can be made from MicroPython's board ${board}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
  );
}

/** The largest layout of ours that the board's flash holds. */
function layoutFor(flashSize: string, board: string): string {
  const bytes = flashSizeByName(flashSize)?.bytes ?? 0;
  const mebibytes = [16, 8, 4].find((size) => size * 0x100000 <= bytes);
  if (mebibytes !== undefined) return `ota-${mebibytes}MiB`;
  throw new LayoutError(
    'LAYOUT_UNKNOWN',
    `board ${board} has ${flashSize} of flash, too little for two slots with MicroPython's app in each`,
    {
      hint: `Write a profile with a layout of your own (profiles/${board}.yaml), or name --flash-size and --layout for the flash that is really there.`,
    },
  );
}

async function unknownBoard(
  { micropython, projectDirectory }: PlanRequest,
  board: string,
  profiles: readonly string[],
  error: ProfileError,
): Promise<ProfileError> {
  const directory =
    micropython === undefined
      ? (error.where?.file?.replace(/[/\\]ports[/\\].*$/, '') ?? '')
      : resolve(projectDirectory, micropython);
  const boards = await listBoards(directory);
  const near = nearestNames(board, [...new Set([...profiles, ...boards])]);
  return new ProfileError(
    'BOARD_UNKNOWN',
    `there is no profile for board '${board}', and MicroPython has no such board either` +
      (near.length === 0 ? '' : `; did you mean ${near.join(' or ')}?`),
    {
      hint: `Boards with a profile: ${profiles.join(', ')}. MicroPython's own are in ports/esp32/boards.`,
      details: { known: [...profiles], boards: [...boards] },
      cause: error,
    },
  );
}
