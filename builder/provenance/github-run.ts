import type { ResourceDescriptor } from './resolved-dependencies.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The run of a GitHub Actions workflow that this process is a part of. */
export type GitHubRun = {
  /** The workflow file at the ref that it ran from. */
  readonly builderId: string;
  readonly invocationId: string;
  /** The commit that was checked out. */
  readonly repository: ResourceDescriptor;
  readonly parameters: Readonly<Record<string, string>>;
};

/**
 * Reads the run out of the variables that GitHub sets; undefined elsewhere. Of a reusable workflow it names the one that
 * called it: the other is in the identity token only. Source: GitHub Docs, "Variables reference", default environment
 * variables.
 */
export function githubRun(environment: Environment): GitHubRun | undefined {
  const get = (name: string): string => environment[`GITHUB_${name}`] ?? '';
  const [server, repository, ref] = [get('SERVER_URL'), get('REPOSITORY'), get('WORKFLOW_REF')];
  const [run, commit] = [get('RUN_ID'), get('SHA')];
  if (environment['GITHUB_ACTIONS'] !== 'true') return undefined;
  if ([server, repository, ref, run, commit].includes('')) return undefined;
  const attempt = get('RUN_ATTEMPT') === '' ? '' : `/attempts/${get('RUN_ATTEMPT')}`;
  const parameters = {
    eventName: get('EVENT_NAME'),
    repositoryId: get('REPOSITORY_ID'),
    repositoryOwnerId: get('REPOSITORY_OWNER_ID'),
    runnerEnvironment: environment['RUNNER_ENVIRONMENT'] ?? '',
  };
  return {
    builderId: `${server}/${ref}`,
    invocationId: `${server}/${repository}/actions/runs/${run}${attempt}`,
    repository: {
      name: repository,
      uri: `git+${server}/${repository}@${get('REF')}`,
      digest: { gitCommit: commit },
    },
    parameters: Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== '')),
  };
}
