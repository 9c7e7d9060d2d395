import { spawnSync } from 'node:child_process';

const PATIENCE_MS = 2000;

/**
 * Process ids of all that a process has started, and of what that has started, as `ps` (POSIX) lists them now; none where it
 * does not. `environment` is what `ps` gets: it shows nothing that it should not inherit.
 */
export function descendantsOf(
  pid: number,
  environment: Readonly<Record<string, string | undefined>>,
): readonly number[] {
  const { status, stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], {
    env: { ...environment },
    encoding: 'utf8',
    timeout: PATIENCE_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (status !== 0) return [];
  const processes = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const found = [pid];
  // The list grows while it is walked: children of children are found behind their parents.
  for (const parent of found)
    found.push(...processes.flatMap(([child, its]) => (its === parent && child ? [child] : [])));
  return found.slice(1);
}
