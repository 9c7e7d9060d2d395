import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { hashInput } from '../files/read-input.ts';
import { runTool, type ToolResult } from '../process/run-tool.ts';

/** What git knows of a checkout. */
export type GitFacts = {
  /** Full hash of HEAD. */
  readonly commit: string;
  /** When HEAD was committed, in seconds since 1970. */
  readonly committedAt: number;
  /** `git describe` against MicroPython's tags, without `-dirty`. */
  readonly described: string;
  /** Tracked files differ from HEAD, or there are untracked files that git does not ignore. */
  readonly dirty: boolean;
  /** SHA-256 over the commit and everything that differs from it: equal for equal sources. */
  readonly fingerprint: string;
};

/** A diff of this size is no local change any more. */
const DIFF_LIMIT = 256 * 1024 * 1024;
const TIMEOUT_MS = 120_000;

/**
 * Asks git what a checkout holds, and changes nothing in it, not even git's own index. Undefined where `directory` is
 * not the top of a repository, or git is not there.
 */
export async function gitFacts(directory: string): Promise<GitFacts | undefined> {
  const top = await git(directory, ['rev-parse', '--show-cdup']);
  if (!top.ok || top.stdout.trim() !== '') return undefined;
  const [head, time, described, diff, untracked] = await Promise.all([
    git(directory, ['rev-parse', 'HEAD']),
    git(directory, ['log', '-1', '--format=%ct']),
    git(directory, ['describe', '--tags', '--always', '--match', 'v[1-9].*']),
    git(directory, ['diff', 'HEAD', '--binary', '--no-ext-diff', '--submodule=diff']),
    git(directory, ['ls-files', '--others', '--exclude-standard', '-z']),
  ]);
  if (![head, time, described, diff, untracked].every(({ ok }) => ok)) return undefined;
  const commit = head.stdout.trim();
  const files = untracked.stdout.split('\0').filter((name) => name !== '');
  const hash = createHash('sha256').update(`${commit}\0${diff.stdout}\0`);
  for (const name of files.sort()) {
    const { sha256 } = await hashInput(join(directory, name), 'a source file').catch(() => ({
      sha256: 'unreadable',
    }));
    hash.update(`${name}\0${sha256}\0`);
  }
  return {
    commit,
    committedAt: Number(time.stdout.trim()),
    described: described.stdout.trim(),
    dirty: diff.stdout.trim() !== '' || files.length > 0,
    fingerprint: hash.digest('hex'),
  };
}

/** git on somebody else's directory: it takes no locks there, runs no monitor of theirs, and asks for nothing. */
function git(directory: string, args: readonly string[]): Promise<ToolResult> {
  return runTool(
    'git',
    ['--no-optional-locks', '-c', 'core.fsmonitor=false', '-c', 'safe.directory=*', ...args],
    { directory, timeoutMs: TIMEOUT_MS, outputLimit: DIFF_LIMIT },
  );
}
