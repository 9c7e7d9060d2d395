import { useProxies } from '../../process/proxies.ts';
import type { Publication, Published, Target } from '../target.ts';
import type { GitHubApi } from './api.ts';
import { knownReleases, listReleases, type ListedRelease } from './known-releases.ts';
import { checkRepository } from './preflight.ts';
import { publishRelease, type Tell } from './publish-release.ts';
import { planRelease, requireTag } from './release-plan.ts';
import { parseGitHubSpec, tokenOf, type GitHubPlace } from './repository.ts';

export type GitHubTargetOptions = Tell & {
  /** GITHUB_TOKEN, GH_TOKEN, GITHUB_API_URL, GITHUB_REPOSITORY and GITHUB_SHA are read from it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Instead of `v<version>`. */
  readonly tag?: string;
  /** Commit or branch that the tag is to be at; by default what a workflow of the same repository runs for. */
  readonly commitish?: string;
};

/** All waiting for rate limits together: the primary one starts anew every hour, and nobody wants to pay a job for that. */
const PATIENCE_SECONDS = 900;

/**
 * `github:OWNER/REPO`: releases of a repository, one for each version, with every file of its release directories as an asset.
 * Throws PublishError for a target or a tag that cannot be one, and when there is no token.
 */
export function githubTarget(spec: string, options: GitHubTargetOptions): Target {
  const place = parseGitHubSpec(spec, options.environment);
  if (options.tag !== undefined) requireTag(options.tag);
  const token = tokenOf(options.environment);
  let opened: Promise<GitHubApi> | undefined;
  const api = (): Promise<GitHubApi> => (opened ??= openApi(place, token, options));
  let listed: Promise<readonly ListedRelease[]> | undefined;
  return {
    name: spec,
    preflight: async () => {
      await checkRepository(await api(), options.tag ?? 'v0.0.0');
    },
    known: async (targetName) => {
      const client = await api();
      return knownReleases(client, await (listed ??= listReleases(client)), targetName);
    },
    publish: async (publications, _signers, done) => {
      listed = undefined;
      const published = await publish(await api(), publications, options);
      published.releases.forEach(done);
      return published;
    },
  };
}

/** Loads GitHub's client, which takes its time, when it is needed. */
async function openApi(
  place: GitHubPlace,
  token: string,
  { environment, note, signal }: GitHubTargetOptions,
): Promise<GitHubApi> {
  await useProxies(environment);
  const [{ GitHubApi: Api }, { openOctokit }] = await Promise.all([
    import('./api.ts'),
    import('./octokit.ts'),
  ]);
  const octokit = openOctokit({
    apiUrl: place.apiUrl,
    token,
    signal,
    patienceSeconds: PATIENCE_SECONDS,
    note,
  });
  return new Api(octokit, { place, token, signal });
}

async function publish(
  api: GitHubApi,
  publications: readonly Publication[],
  options: GitHubTargetOptions,
): Promise<Published> {
  const { environment, signal, tag } = options;
  const plan = planRelease(publications, tag);
  const commitish = options.commitish ?? commitOfWorkflow(api, environment);
  const { release, already } = await publishRelease({
    api,
    plan,
    signal,
    tell: options,
    ...(commitish === undefined ? {} : { commitish }),
  });
  return {
    target: api.place.name,
    releases: publications.map(({ release: { stem }, channel }) => ({
      stem,
      channel,
      place: release.pageUrl,
      already,
    })),
  };
}

/** GITHUB_SHA says what a workflow runs for, in the repository that it runs in. */
function commitOfWorkflow(
  api: GitHubApi,
  environment: GitHubTargetOptions['environment'],
): string | undefined {
  const repository = environment['GITHUB_REPOSITORY'] ?? '';
  const sha = environment['GITHUB_SHA'] ?? '';
  return repository.toLowerCase() === api.repository.toLowerCase() && sha !== '' ? sha : undefined;
}
