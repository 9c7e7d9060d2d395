import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ProfileError, UsageError } from '../errors/families.ts';
import { OtaBuildError } from '../errors/ota-build-error.ts';
import { listInProject } from '../files/project-lookup.ts';
import { loadProfile } from '../profile/load-profile.ts';
import { checkSecureVersion, checkVariant, checkVersion } from './check-names.ts';

/** Jobs of one matrix. Source: GitHub Docs, "Running variations of jobs in a workflow". */
export const MOST_JOBS = 256;

/** One job: what to build, and what its release will be called. Texts and numbers only: they become `matrix.…` of a workflow. */
export type MatrixEntry = {
  readonly board: string;
  /** Empty when there is none. */
  readonly variant: string;
  readonly chip: string;
  readonly version: string;
  readonly secureVersion: number;
  /** `<BOARD>[-<VARIANT>]`. */
  readonly target: string;
  /** `<BOARD>[-<VARIANT>]-<version>`: the release directory. */
  readonly stem: string;
};

/** `strategy.matrix` of a workflow: `fromJSON` of this. */
export type ReleaseMatrix = { readonly include: readonly MatrixEntry[] };

export type MatrixRequest = {
  readonly projectDirectory: string;
  /** `BOARD` or `BOARD-VARIANT`; none: every profile of the project, or of our package where it has none. */
  readonly targets: readonly string[];
  /** Of all of them, where profiles do not say otherwise. */
  readonly appVersion: string | undefined;
  readonly secureVersion: number | undefined;
};

/**
 * What a release has to build, from profiles alone: a job that plans needs neither sources nor ESP-IDF. Sorted by name, so that
 * the same project gives the same matrix. Throws ProfileError that tells what is wrong with every profile, UsageError for
 * targets that are no names, named twice, or too many.
 */
export async function makeMatrix(request: MatrixRequest): Promise<ReleaseMatrix> {
  const asked = request.targets.length > 0 ? request.targets : await profilesOf(request);
  const targets = [...asked].sort();
  const twice = targets.find((target, index) => targets[index + 1] === target);
  if (twice !== undefined) throw new UsageError('USAGE', `${twice} is named twice`);
  if (targets.length > MOST_JOBS) {
    throw new UsageError(
      'USAGE',
      `${targets.length} boards are more than the ${MOST_JOBS} jobs that a matrix of GitHub Actions can have`,
      { hint: 'Name some of them: --matrix BOARD,BOARD-VARIANT.' },
    );
  }
  const gitVersion = await versionFromGit(request.projectDirectory);
  const results = await Promise.allSettled(
    targets.map((target) => entryOf(target, request, gitVersion)),
  );
  throwAll(results.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : [])));
  return { include: results.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])) };
}

/** The project's own: a product is not released for every board that we have a profile of. */
async function profilesOf({ projectDirectory }: MatrixRequest): Promise<readonly string[]> {
  const entries = await readdir(join(projectDirectory, 'profiles')).catch(() => []);
  const own = entries.flatMap((name) => (name.endsWith('.yaml') ? [name.slice(0, -5)] : []));
  return own.length > 0 ? own : listInProject(projectDirectory, 'profiles', '.yaml');
}

async function entryOf(
  target: string,
  request: MatrixRequest,
  gitVersion: string | undefined,
): Promise<MatrixEntry> {
  const [board = '', ...rest] = target.split('-');
  const variant = rest.length === 0 ? undefined : checkVariant(rest.join('-'));
  const { projectDirectory, appVersion } = request;
  const { profile, chip } = await loadProfile({ projectDirectory, board, file: undefined });
  const version = checkVersion(appVersion ?? profile.version ?? gitVersion ?? noVersion(target));
  return {
    board: profile.board,
    variant: variant ?? '',
    chip: chip.name,
    version,
    secureVersion: checkSecureVersion(request.secureVersion ?? profile.secureVersion, chip),
    target,
    stem: `${target}-${version}`,
  };
}

/** Loaded only when it is asked: starting a process is not what a plan usually needs. */
async function versionFromGit(projectDirectory: string): Promise<string | undefined> {
  const { gitVersion } = await import('./git-version.ts');
  return gitVersion(projectDirectory);
}

function noVersion(target: string): never {
  throw new ProfileError('VERSION_INVALID', `no version was named for ${target}`, {
    hint: 'Use --app-version, tag the commit (v1.2.3), or write one into the profile.',
  });
}

/** One error as it is; several as one that tells all of them, and has them as its cause. */
function throwAll(errors: readonly unknown[]): void {
  const known = errors.filter((each): each is OtaBuildError => each instanceof OtaBuildError);
  const [first] = known;
  const bug = errors.find((each) => !(each instanceof OtaBuildError));
  if (bug !== undefined) throw bug as Error;
  if (first === undefined) return;
  if (known.length === 1) throw first;
  throw new ProfileError('PROFILE_INVALID', known.map(({ message }) => message).join('\n'), {
    ...(first.where === undefined ? {} : { where: first.where }),
    details: { errors: known.map(({ code, message, where }) => ({ code, message, where })) },
    cause: new AggregateError(known),
  });
}
