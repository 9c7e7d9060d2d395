import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { gitVersion } from '../../../builder/plan/git-version.ts';
import { tempProject } from '../../support/temp-directory.ts';

/** git in a repository, with nothing of what this user has configured. */
function git(root: string, ...args: readonly string[]): void {
  const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com'];
  execFileSync('git', [...identity, '-c', 'init.defaultBranch=main', ...args], {
    cwd: root,
    stdio: 'pipe',
    env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
  });
}

/** A repository with one commit and these tags on it. */
async function repository(...tags: readonly string[]): Promise<string> {
  const root = await tempProject({ file: 'one\n' });
  git(root, 'init');
  commit(root);
  for (const tag of tags) git(root, 'tag', tag);
  return root;
}

function commit(root: string): void {
  git(root, 'add', '.');
  git(root, 'commit', '--allow-empty', '-m', 'change');
}

describe('the version that git gives a project', () => {
  test('is its tag, without the v', async () => {
    expect(await gitVersion(await repository('v1.2.3'))).toBe('1.2.3');
  });

  test('counts the commits after the tag', async () => {
    const root = await repository('v1.2.3');
    commit(root);
    expect(await gitVersion(root)).toMatch(/^1\.2\.3-1-g[0-9a-f]{7,}$/);
  });

  test('says that tracked files differ', async () => {
    const root = await repository('v1.2.3');
    appendFileSync(join(root, 'file'), 'two\n');
    expect(await gitVersion(root)).toBe('1.2.3-dirty');
  });

  test('does not come from tags of other kinds', async () => {
    expect(await gitVersion(await repository('release', 'verify-this'))).toBeUndefined();
    expect(await gitVersion(await repository('nightly', 'v2.0.0'))).toBe('2.0.0');
  });

  test('is missing without a tag, without a commit and without a repository', async () => {
    expect(await gitVersion(await repository())).toBeUndefined();
    const empty = await tempProject();
    git(empty, 'init');
    expect(await gitVersion(empty)).toBeUndefined();
    expect(await gitVersion(await tempProject())).toBeUndefined();
  });

  test('is missing where the directory is', async () => {
    expect(await gitVersion('/nowhere/at/all')).toBeUndefined();
  });
});
