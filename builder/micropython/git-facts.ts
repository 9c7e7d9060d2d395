import { createHash } from 'node:crypto';
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readGit } from '../process/git.ts';
import type { ToolResult } from '../process/run-tool.ts';
import type { SourceTree } from './source-tree.ts';
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
};

/** A list or diff of this size is none of a source tree. */
const OUTPUT_LIMIT = 256 * 1024 * 1024;
const TIMEOUT_MS = 120_000;

/**
 * Asks git what a checkout holds, and changes nothing in it, not even git's own index. Undefined where its directory is
 * not the top of a repository, or git is not there.
 */
export async function gitFacts({
  directory,
  submodules,
  leaveOut,
}: SourceTree): Promise<GitFacts | undefined> {
  const top = await git(directory, ['rev-parse', '--show-cdup']);
  if (!top.ok || top.stdout.trim() !== '') return undefined;
  const [head, time, described, diff, untracked, hidden] = await Promise.all([
    git(directory, ['rev-parse', 'HEAD']),
    git(directory, ['log', '-1', '--format=%ct']),
    git(directory, ['describe', '--tags', '--always', '--match', 'v[1-9].*']),
    differences(directory, submodules),
    inEach(submodules, (folder) => untrackedIn(directory, folder, leaveOut)),
    inEach(submodules, (folder) => hiddenIn(directory, folder, leaveOut)),
  ]);
  if (![head, time, described, diff].every(({ ok }) => ok)) return undefined;
  return {
    commit: head.stdout.trim(),
    committedAt: Number(time.stdout.trim()),
    described: described.stdout.trim(),
    dirty: diff.stdout.trim() !== '' || untracked || hidden,
  };
}

/**
 * Names of tracked files that differ, with those of submodules, whatever the settings of this repository hide. The
 * submodules of other ports are of no interest: they are not even fetched.
 */
function differences(directory: string, { others }: Submodules): Promise<ToolResult> {
  const settings = ['--name-only', '--no-ext-diff', '--no-textconv', '--no-color'];
  const paths = ['--', '.', ...others.map((path) => `:(exclude)${path}`)];
  return git(directory, ['diff', 'HEAD', ...settings, '--ignore-submodules=untracked', ...paths]);
}

/** True when `question` is, for the tree itself or one of the submodules that the build reads. */
async function inEach(
  { needed }: Submodules,
  question: (folder: string) => Promise<boolean>,
): Promise<boolean> {
  const answers = await Promise.all(['', ...needed.map(({ path }) => path)].map(question));
  return answers.includes(true);
}

/** Whether there are files that a build would read although they are in no commit, and that git does not ignore. */
async function untrackedIn(
  directory: string,
  folder: string,
  leaveOut: readonly string[],
): Promise<boolean> {
  const names = await list(directory, folder, ['--others', '--exclude-standard']);
  return names.some((name) => isSource(join(folder, name), leaveOut));
}

/**
 * Whether files differ that git was told not to look at (update-index --assume-unchanged and --skip-worktree, sparse
 * checkouts): in no diff, but in the build.
 */
async function hiddenIn(
  directory: string,
  folder: string,
  leaveOut: readonly string[],
): Promise<boolean> {
  for (const entry of await list(directory, folder, ['-v', '--stage'])) {
    const [, blob = '', path = ''] = /^[a-zS] 100\d{3} ([0-9a-f]+) 0\t(.+)$/s.exec(entry) ?? [];
    if (path === '' || !isSource(join(folder, path), leaveOut)) continue;
    const place = join(directory, folder, path);
    const isFile = await lstat(place).then(
      (found) => found.isFile(),
      () => false,
    );
    if (isFile && blobOf(await readFile(place), blob.length) !== blob) return true;
  }
  return false;
}

/** What git calls a file with these bytes, in as many hex digits as the repository's hashes have. */
function blobOf(bytes: Buffer, digits: number): string {
  const hash = createHash(digits === 64 ? 'sha256' : 'sha1');
  return hash.update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

async function list(
  directory: string,
  folder: string,
  args: readonly string[],
): Promise<readonly string[]> {
  const { ok, stdout } = await git(join(directory, folder), ['ls-files', '-z', ...args]);
  return ok ? stdout.split('\0').filter((name) => name !== '') : [];
}

function git(directory: string, args: readonly string[]): Promise<ToolResult> {
  return readGit(args, { directory, timeoutMs: TIMEOUT_MS, outputLimit: OUTPUT_LIMIT });
}
