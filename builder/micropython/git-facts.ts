import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { hashInput } from '../files/read-input.ts';
import { readGit } from '../process/git.ts';
import type { ToolResult } from '../process/run-tool.ts';
import { isSource } from './sources.ts';
import type { Submodules } from './submodules.ts';

/** What git knows of a checkout. */
export type GitFacts = {
  /** Full hash of HEAD. */
  readonly commit: string;
  /** When HEAD was committed, in seconds since 1970. */
  readonly committedAt: number;
  /** `git describe` against MicroPython's tags, without `-dirty`. */
  readonly described: string;
  /** What the build reads differs from HEAD: changed files, and new ones that git does not ignore. */
  readonly dirty: boolean;
  /** SHA-256 over the commit and everything that differs from it: equal for equal sources. */
  readonly fingerprint: string;
};

/** Files that git does not track, by paths relative to the top of the checkout. */
type LooseFiles = { readonly untracked: readonly string[]; readonly ignored: readonly string[] };

/** A diff of this size is no local change any more. */
const DIFF_LIMIT = 256 * 1024 * 1024;
const TIMEOUT_MS = 120_000;

/**
 * Asks git what a checkout holds, and changes nothing in it, not even git's own index. Undefined where `directory` is
 * not the top of a repository, or git is not there.
 */
export async function gitFacts(
  directory: string,
  submodules: Submodules,
  leaveOut: readonly string[],
): Promise<GitFacts | undefined> {
  const top = await git(directory, ['rev-parse', '--show-cdup']);
  if (!top.ok || top.stdout.trim() !== '') return undefined;
  const [head, time, described, diff, loose] = await Promise.all([
    git(directory, ['rev-parse', 'HEAD']),
    git(directory, ['log', '-1', '--format=%ct']),
    git(directory, ['describe', '--tags', '--always', '--match', 'v[1-9].*']),
    differences(directory, submodules),
    looseFiles(directory, submodules, leaveOut),
  ]);
  if (![head, time, described, diff].every(({ ok }) => ok)) return undefined;
  const commit = head.stdout.trim();
  const hash = createHash('sha256').update(`${commit}\0${diff.stdout}\0`, 'latin1');
  for (const name of [...loose.untracked, ...loose.ignored].sort()) {
    const { sha256 } = await hashInput(join(directory, name), 'a source file').catch(() => ({
      sha256: 'unreadable',
    }));
    hash.update(`${name}\0${sha256}\0`);
  }
  return {
    commit,
    committedAt: Number(time.stdout.trim()),
    described: described.stdout.trim(),
    dirty: diff.stdout.trim() !== '' || loose.untracked.length > 0,
    fingerprint: hash.digest('hex'),
  };
}

/**
 * Tracked files that differ, byte for byte (latin1), with those of submodules. The submodules of other ports are of no
 * interest: they are not even fetched.
 */
function differences(directory: string, { others }: Submodules): Promise<ToolResult> {
  const settings = ['--binary', '--no-ext-diff', '--no-textconv', '--no-color'];
  const paths = ['--', '.', ...others.map((path) => `:(exclude)${path}`)];
  return git(directory, ['diff', 'HEAD', ...settings, '--submodule=diff', ...paths], 'latin1');
}

/** Files that a build would read although they are in no commit, those in submodules among them. */
async function looseFiles(
  directory: string,
  { needed }: Submodules,
  leaveOut: readonly string[],
): Promise<LooseFiles> {
  const list = async (folder: string, kind: readonly string[]): Promise<string[]> => {
    const args = ['ls-files', '--others', '--exclude-standard', ...kind, '-z'];
    const { ok, stdout } = await git(join(directory, folder), args);
    const names = ok ? stdout.split('\0').filter((name) => name !== '') : [];
    return names
      .map((name) => (folder === '' ? name : `${folder}/${name}`))
      .filter((name) => isSource(name, leaveOut));
  };
  const folders = ['', ...needed.map(({ path }) => path)];
  const [untracked, ignored] = await Promise.all(
    [[], ['--ignored']].map((kind) => Promise.all(folders.map((folder) => list(folder, kind)))),
  );
  const unique = (lists: readonly string[][] = []): string[] => [...new Set(lists.flat())];
  return { untracked: unique(untracked), ignored: unique(ignored) };
}

function git(
  directory: string,
  args: readonly string[],
  encoding: 'utf8' | 'latin1' = 'utf8',
): Promise<ToolResult> {
  return readGit(args, { directory, timeoutMs: TIMEOUT_MS, outputLimit: DIFF_LIMIT, encoding });
}
