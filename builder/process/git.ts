import { runTool, type ToolResult } from './run-tool.ts';

export type GitOptions = {
  readonly directory: string;
  readonly timeoutMs: number;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  readonly outputLimit?: number;
  readonly encoding?: 'utf8' | 'latin1';
};

/**
 * An environment without what git hands to its hooks (GIT_DIR, GIT_INDEX_FILE and the like): run from a hook, git would
 * look at that repository, whatever directory it is started in.
 */
export function withoutGitPlaces(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const places =
    /^GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|NAMESPACE|PREFIX|QUARANTINE_PATH|CONFIG_PARAMETERS|EXTERNAL_DIFF)$/;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !places.test(name)));
}

/** Runs git in a directory. `ok: false` when it fails, takes too long or is not there. */
export function runGit(args: readonly string[], options: GitOptions): Promise<ToolResult> {
  const { environment = process.env, ...others } = options;
  return runTool('git', args, { ...others, environment: withoutGitPlaces(environment) });
}

/** git on somebody else's directory: it takes no locks there, runs no monitor of theirs, and asks for nothing. */
export function readGit(args: readonly string[], options: GitOptions): Promise<ToolResult> {
  const careful = [
    '--no-optional-locks',
    ...['-c', 'core.fsmonitor=false', '-c', 'core.untrackedCache=false'],
    ...['-c', 'safe.directory=*', '-c', 'core.quotePath=true'],
  ];
  return runGit([...careful, ...args], options);
}
