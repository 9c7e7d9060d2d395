import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { flashSizeByName } from '../chip/flash-settings.ts';
import { LayoutError, ProfileError, ToolchainError } from '../errors/families.ts';
import { OtaBuildError, type Where } from '../errors/ota-build-error.ts';
import { listInProject } from '../files/project-lookup.ts';
import { checkPartitions, FLASH_SIZE_HINT } from '../partition/check-partitions.ts';
import { loadProfile, type LoadedProfile } from '../profile/load-profile.ts';
import { isPinned } from '../toolchain/container.ts';
import { checkVariant, checkVersion } from './check-names.ts';
import { isContinuousIntegration } from './continuous-integration.ts';
import {
  layoutOf,
  secureVersionOf,
  signingOf,
  versionFromGit,
  type PlanRequest,
} from './make-plan.ts';
import type { Plan } from './plan.ts';

/** A matrix of GitHub Actions has at most so many jobs. */
const MOST_ENTRIES = 256;

/** A job of a matrix: a release, what it will be called, and the arguments that make it. All of it is text, numbers and lists. */
export type MatrixEntry = {
  readonly board: string;
  /** Empty for none. */
  readonly variant: string;
  readonly chip: string;
  readonly version: string;
  readonly secureVersion: number;
  /** `<BOARD>[-<VARIANT>]-<version>`: the release directory's name. */
  readonly stem: string;
  /** A name for what a job uploads. */
  readonly artifact: string;
  readonly layout: string;
  /** Empty when it is not signed, and not made ready for it. */
  readonly scheme: string;
  /** Empty where profile and command line name none. */
  readonly container: string;
  readonly idfVersion: string;
  /** For `ota-build`. */
  readonly arguments: readonly string[];
};

export type MatrixRequest = {
  /** Everything but board and variant, which are the matrix. */
  readonly request: PlanRequest;
  /** `BOARD`, `BOARD-VARIANT`, or with `*` for any characters; none: every profile of the project. */
  readonly boards: readonly string[];
  /** Options of the command line that every entry hands on. */
  readonly handedOn: readonly string[];
};

type Target = { readonly board: string; readonly variant: string | undefined };

/** Something that is wrong with one entry. */
export type MatrixProblem = Where & { readonly message: string; readonly hint?: string };

/**
 * The entries of a matrix, sorted by name, each checked as far as that takes neither sources nor a compiler: its profile,
 * version, secure_version, layout and signature scheme. Throws ProfileError that has the problems of every profile, or for a matrix
 * that would be empty or too large.
 */
export async function planMatrix(matrix: MatrixRequest): Promise<readonly MatrixEntry[]> {
  const targets = await targetsOf(matrix);
  if (targets.length > MOST_ENTRIES) {
    throw new ProfileError(
      'MATRIX_SIZE',
      `the matrix would have ${targets.length} entries; GitHub Actions runs at most ${MOST_ENTRIES} jobs of one`,
      { hint: 'Make several with --board, each for a part of the boards.' },
    );
  }
  const version =
    matrix.request.appVersion ?? (await versionFromGit(matrix.request.projectDirectory));
  const entries: MatrixEntry[] = [];
  const errors: OtaBuildError[] = [];
  for (const target of targets) {
    try {
      entries.push(await entryOf(matrix, target, version));
    } catch (error) {
      if (!(error instanceof OtaBuildError)) throw error;
      errors.push(error as OtaBuildError);
    }
  }
  const [first, ...others] = errors;
  if (first === undefined) return entries;
  if (others.length === 0) throw first;
  throw new ProfileError('MATRIX_INVALID', errors.map(({ message }) => message).join('\n'), {
    ...(first.where === undefined ? {} : { where: first.where }),
    details: { problems: errors.flatMap(problemsOf) },
  });
}

function problemsOf({ message, hint, where, details }: OtaBuildError): MatrixProblem[] {
  const own = details['problems'] as MatrixProblem[] | undefined;
  return own ?? [{ ...where, message, ...(hint === undefined ? {} : { hint }) }];
}

async function targetsOf({ request, boards }: MatrixRequest): Promise<readonly Target[]> {
  const known = await knownBoards(request.projectDirectory);
  const variant = checkVariant(request.variant);
  const asked = boards.length === 0 ? ['*'] : boards;
  const targets = asked.flatMap((text): Target[] => {
    const [name = '', own] = text.split(/-(.*)/s);
    const target = { variant: checkVariant(own) ?? variant };
    if (!name.includes('*')) return [{ board: name, ...target }];
    const pattern = new RegExp(`^${name.split('*').map(escaped).join('.*')}$`);
    const found = known.filter((board) => pattern.test(board));
    if (found.length > 0) return found.map((board) => ({ board, ...target }));
    throw new ProfileError(
      'MATRIX_SIZE',
      `no board is called like '${text}': the matrix would be empty`,
      {
        hint: `Known boards: ${known.join(', ')}.`,
      },
    );
  });
  const byName = new Map(targets.map((target) => [nameOf(target), target]));
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, target]) => target);
}

function nameOf({ board, variant }: Target): string {
  return variant === undefined ? board : `${board}-${variant}`;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** The profiles of the project; those of the package only where it has none of its own. */
async function knownBoards(projectDirectory: string): Promise<readonly string[]> {
  const own = await readdir(join(projectDirectory, 'profiles')).catch(() => []);
  const boards = own.filter((file) => file.endsWith('.yaml')).map((file) => file.slice(0, -5));
  return boards.length > 0 ? boards : listInProject(projectDirectory, 'profiles', '.yaml');
}

async function entryOf(
  { request, handedOn }: MatrixRequest,
  target: Target,
  named: string | undefined,
): Promise<MatrixEntry> {
  const { board, variant } = target;
  const { projectDirectory } = request;
  const loaded = await loadProfile({ projectDirectory, board, file: undefined });
  const { profile, chip } = loaded;
  const version = versionOf(request, loaded, named);
  const secureVersion = secureVersionOf(request, loaded);
  const layout = await layoutOf(request, loaded);
  requireSoundTable(layout, request, loaded);
  const signing = signingOf(request, loaded);
  const container = containerOf(request, loaded);
  const stem = `${nameOf(target)}-${version}`;
  return {
    board,
    variant: variant ?? '',
    chip: chip.name,
    version,
    secureVersion,
    stem,
    artifact: `release-${stem}`,
    layout: layout.name,
    scheme: signing?.scheme ?? '',
    container,
    idfVersion: request.idfVersion ?? profile.espIdf.version ?? '',
    arguments: [
      'build',
      ...['--board', board],
      ...(variant === undefined ? [] : ['--variant', variant]),
      ...['--app-version', version],
      ...['--secure-version', String(secureVersion)],
      ...handedOn,
    ],
  };
}

/** CI takes images by digest: known before any job starts. */
function containerOf(request: PlanRequest, { profile, file, placeOf }: LoadedProfile): string {
  const own = profile.espIdf.container;
  const image = request.container ?? own ?? '';
  const isForCi = isContinuousIntegration(request.host.environment);
  if (image === '' || request.firmware !== undefined || !isForCi || isPinned(image)) return image;
  const where = request.container === undefined ? placeOf(['espIdf', 'container']) : undefined;
  const named = where === undefined ? '--container' : `${file}: espIdf.container`;
  throw new ToolchainError(
    'CONTAINER_UNPINNED',
    `${named}: ${image} is named by a tag, which may mean something else tomorrow; CI takes images by digest`,
    { hint: 'Write espressif/idf@sha256:…', ...(where === undefined ? {} : { where }) },
  );
}

/** As `makePlan` finds it, as far as that is known before there are sources: MicroPython's version is the tag to be built. */
function versionOf(
  { appVersion, firmware, micropython }: PlanRequest,
  { profile, placeOf, file }: LoadedProfile,
  named: string | undefined,
): string {
  const isOwn = appVersion === undefined && profile.version !== undefined;
  const ofSources =
    firmware === undefined && micropython === undefined
      ? profile.micropython.version.replace(/^v/, '')
      : undefined;
  const version = appVersion ?? profile.version ?? named ?? ofSources;
  if (version !== undefined) return checkVersion(version, isOwn ? placeOf(['version']) : undefined);
  throw new ProfileError(
    'VERSION_INVALID',
    `${file}: no version was named, and git has none: a matrix says what will be built`,
    { hint: 'Use --app-version, or tag the commit (v1.2.3).' },
  );
}

function requireSoundTable(
  { file, partitions }: Plan['layout'],
  request: PlanRequest,
  { profile, placeOf }: LoadedProfile,
): void {
  const size = flashSizeByName(request.flashSize ?? profile.flash.size);
  // Where the bootloader's header says how much flash there is, only a build can tell.
  if (size === undefined) return;
  const [first] = checkPartitions(partitions, {
    tableOffset: profile.partitions.tableOffset,
    flashSize: size.bytes,
  }).filter(({ severity }) => severity === 'error');
  if (first?.severity !== 'error') return;
  const line = partitions[first.rows.at(-1) ?? 0]?.line;
  const place = line === undefined ? file : `${file}:${line}`;
  const isSize = first.code === 'FLASH_SIZE';
  // A layout serves many boards: which flash it has to fit is what this one says.
  const own = isSize && request.flashSize === undefined ? placeOf(['flash', 'size']) : undefined;
  throw new LayoutError(first.code, `${profile.board}: ${place}: ${first.message}`, {
    where: own ?? { file, ...(line === undefined ? {} : { line }) },
    ...(isSize ? { hint: FLASH_SIZE_HINT } : {}),
  });
}
