import { rename, rm, stat } from 'node:fs/promises';
import { createHash, randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { FetchError, ToolchainError } from '../errors/families.ts';
import { clearOld, makeCacheDirectory } from '../files/cache-directory.ts';
import { readGit, runGit } from '../process/git.ts';
import { readSubmodules } from './submodules.ts';

/** Where MicroPython's sources are published. */
const REPOSITORY = 'https://github.com/micropython/micropython.git';

export type PinnedSource = {
  /** Tag, `v1.28.0`. */
  readonly version: string;
  /** Full commit hash that the tag must point to: a tag can be moved. */
  readonly commit: string | undefined;
  /** Anything that git can clone; MicroPython's own repository when not given. */
  readonly repository: string | undefined;
};

export type FetchHost = {
  readonly cacheDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly note: (message: string) => void;
};

const TIMEOUT_MS = 30 * 60_000;

/**
 * A checkout of a pinned version in the cache, fetched by git when it is not there yet; it appears there whole or not
 * at all. Throws FetchError when it cannot be had or its tag points to another commit, ToolchainError without git.
 */
export async function fetchCheckout(pinned: PinnedSource, host: FetchHost): Promise<string> {
  const repository = pinned.repository ?? REPOSITORY;
  const key = createHash('sha256').update(`${repository}\0${pinned.version}`).digest('hex');
  const target = join(
    host.cacheDirectory,
    'sources',
    `micropython-${pinned.version}-${key.slice(0, 12)}`,
  );
  if (!(await isDirectory(target))) await cloneInto(target, repository, pinned, host);
  await requireCommit(target, repository, pinned);
  return target;
}

async function cloneInto(
  target: string,
  repository: string,
  pinned: PinnedSource,
  host: FetchHost,
): Promise<void> {
  const { version } = pinned;
  host.note(`fetching MicroPython ${version} from ${withoutCredentials(repository)}`);
  const aside = `${target}.${randomBytes(6).toString('hex')}.partial`;
  await makeCacheDirectory(dirname(target));
  await clearOld(dirname(target), /\.partial$/);
  try {
    await git(
      ['clone', '--quiet', '--depth', '1', '--branch', version, '--', repository, aside],
      dirname(target),
      { ...host, repository, version },
    );
    await requireCommit(aside, repository, pinned);
    const { needed } = await readSubmodules(aside);
    if (needed.length > 0) {
      const paths = needed.map(({ path }) => path);
      await git(
        ['submodule', '--quiet', 'update', '--init', '--depth', '1', '--', ...paths],
        aside,
        { ...host, repository, version },
      );
    }
    await rename(aside, target).catch(async (error: unknown) => {
      // Another build was faster; its copy is as good.
      if (!(await isDirectory(target))) throw error;
    });
  } finally {
    await rm(aside, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function git(
  args: readonly string[],
  directory: string,
  what: { readonly repository: string; readonly version: string } & FetchHost,
): Promise<void> {
  const { ok, stderr } = await runGit(args, {
    directory,
    timeoutMs: TIMEOUT_MS,
    signal: what.signal,
    // A question on the terminal would be waited for, for ever.
    environment: { ...what.environment, GIT_TERMINAL_PROMPT: '0' },
  });
  if (what.signal.aborted) throw what.signal.reason;
  if (ok) return;
  const reason = withoutCredentials(reasonIn(stderr));
  if (reason === '') {
    const { ok: hasGit } = await runGit(['--version'], {
      directory,
      timeoutMs: 10_000,
      environment: what.environment,
    });
    if (!hasGit)
      throw new ToolchainError(
        'TOOL_MISSING',
        'git was not found; MicroPython is fetched with it',
        {
          hint: 'Install git, or name a MicroPython source tree with --micropython DIR.',
        },
      );
  }
  throw new FetchError(
    'SOURCE_UNREACHABLE',
    `MicroPython ${what.version} could not be fetched from ${withoutCredentials(what.repository)}: ${reason}`,
    {
      hint: /Remote branch .* not found/.test(reason)
        ? `There is no tag ${what.version} there: look at micropython.version in the profile.`
        : 'Name a checkout that is here with --micropython DIR, or try again with a network.',
    },
  );
}

/** What git says first is why; what comes last is often only that it gave up. */
function reasonIn(stderr: string): string {
  const lines = stderr.trim().split('\n');
  return lines.find((line) => /^(fatal|error): /.test(line)) ?? lines.at(-1) ?? '';
}

async function requireCommit(
  directory: string,
  repository: string,
  { version, commit }: PinnedSource,
): Promise<void> {
  if (commit === undefined) return;
  const { stdout } = await readGit(['rev-parse', 'HEAD'], { directory, timeoutMs: 10_000 });
  if (stdout.trim() === commit) return;
  throw new FetchError(
    'SOURCE_MISMATCH',
    `tag ${version} of ${withoutCredentials(repository)} is commit ${stdout.trim() || 'unknown'}, but the profile pins ${commit}`,
    {
      where: { file: directory },
      hint: 'A tag that moved is a reason to look closer. If the profile is wrong, change micropython.commit; if the copy in the cache is, delete it.',
    },
  );
}

/** A user and password or a token in a URL is nobody else's business. */
function withoutCredentials(text: string): string {
  return text.replaceAll(/(\w+:\/\/)[^/@\s]+@/g, '$1');
}

function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}
