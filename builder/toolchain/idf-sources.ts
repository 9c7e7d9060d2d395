import { createHash, randomBytes } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readGit, type GitOptions } from '../process/git.ts';
import type { ToolchainIdentity } from './toolchain.ts';

/** What of an ESP-IDF gets into a build. */
const FOLDERS = ['components', 'tools'] as const;
const DIFF_LIMIT = 64 * 1024 * 1024;

/**
 * `identity` is text that is equal for equal sources of an ESP-IDF: commit and local changes, or where no git knows them, names, sizes and
 * times of the files. Where it cannot be told it is another one each time, so that nothing is taken for the same.
 */
export async function identifySources(options: GitOptions): Promise<ToolchainIdentity> {
  const { directory } = options;
  const top = await readGit(['rev-parse', '--show-cdup'], options);
  if (!top.ok || top.stdout.trim() !== '')
    return { identity: `no git ${await hashTimes(directory, FOLDERS)}` };
  const [commit, diff, untracked] = await Promise.all([
    readGit(['rev-parse', 'HEAD'], options),
    // Submodules by their commits: with their contents, git wants objects that shallow clones do not have.
    readGit(
      [
        'diff',
        'HEAD',
        '--binary',
        '--no-ext-diff',
        '--submodule=short',
        '--ignore-submodules=untracked',
      ],
      { ...options, outputLimit: DIFF_LIMIT, encoding: 'latin1' },
    ),
    readGit(['ls-files', '--others', '--exclude-standard', '-z', '--', ...FOLDERS], options),
  ]);
  const source = { commit: commit.stdout.trim(), dirty: !diff.ok || diff.stdout.trim() !== '' };
  const known = commit.ok ? { source } : {};
  const isTold = commit.ok && diff.ok && untracked.ok;
  if (!isTold || /^\+Subproject commit [0-9a-f]+-dirty$/m.test(diff.stdout))
    return { identity: `unknown ${randomBytes(16).toString('hex')}`, ...known };
  const names = untracked.stdout.split('\0').filter((name) => name !== '');
  const identity = [
    commit.stdout.trim(),
    createHash('sha256').update(diff.stdout, 'latin1').digest('hex'),
    await hashTimes(directory, names),
  ].join(' ');
  return { identity, ...known };
}

/** SHA-256 over names, sizes and times of what is at these places below a directory: reading it all would take too long. */
async function hashTimes(root: string, places: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  const visit = async (path: string): Promise<void> => {
    const entry = await stat(join(root, path)).catch(() => undefined);
    if (entry?.isDirectory() !== true) {
      hash.update(`${path}\0${entry?.size ?? ''}\0${entry?.mtimeMs ?? ''}\0`);
      return;
    }
    for (const { name, isLink } of await namesIn(join(root, path)))
      if (!isLink) await visit(`${path}/${name}`);
  };
  for (const place of places) await visit(place);
  return hash.digest('hex');
}

async function namesIn(
  directory: string,
): Promise<readonly { readonly name: string; readonly isLink: boolean }[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries
    .filter(({ name }) => name !== '.git' && name !== '__pycache__')
    .map((entry) => ({ name: entry.name, isLink: entry.isSymbolicLink() }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
