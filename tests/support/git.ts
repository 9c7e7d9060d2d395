import { execFileSync } from 'node:child_process';

/** git in a directory, as nobody in particular and without anybody's settings. */
export function git(directory: string, ...args: readonly string[]): string {
  return execFileSync('git', ['-c', 'init.defaultBranch=main', ...args], {
    cwd: directory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_SYSTEM: '/dev/null',
      GIT_AUTHOR_NAME: 'Test',
      GIT_AUTHOR_EMAIL: 'test@example.com',
      GIT_COMMITTER_NAME: 'Test',
      GIT_COMMITTER_EMAIL: 'test@example.com',
      GIT_AUTHOR_DATE: '2026-04-06T00:00:00Z',
      GIT_COMMITTER_DATE: '2026-04-06T00:00:00Z',
    },
  });
}

/** Makes a repository of a directory, with one commit that has a tag. Returns the commit. */
export function makeRepository(directory: string, tag: string): string {
  git(directory, 'init', '--quiet');
  git(directory, 'add', '--all');
  git(directory, 'commit', '--quiet', '-m', 'as released');
  git(directory, 'tag', tag);
  return git(directory, 'rev-parse', 'HEAD').trim();
}
