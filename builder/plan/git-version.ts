import { readGit } from '../process/git.ts';

/**
 * The version that git gives the user's project: `1.2.3` on the tag `v1.2.3`, `1.2.3-4-gabcdef0` after it, with
 * `-dirty` when tracked files differ. Undefined where there is no git, no repository or no tag.
 */
export async function gitVersion(projectDirectory: string): Promise<string | undefined> {
  const { ok, stdout } = await readGit(['describe', '--tags', '--match', 'v[0-9]*', '--dirty'], {
    directory: projectDirectory,
    timeoutMs: 10_000,
  });
  const described = stdout.trim();
  return ok && described !== '' ? described.replace(/^v/, '') : undefined;
}
