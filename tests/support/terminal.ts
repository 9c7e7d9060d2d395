import { spawn, spawnSync } from 'node:child_process';
import { environmentOf, MAIN, type Workspace } from './cli.ts';

/** Runs the built command on a terminal of its own (`script` of util-linux); undefined where there is no such program. */
export async function terminalRun(
  workspace: Workspace,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly text: string } | undefined> {
  if (spawnSync('script', ['--version']).status !== 0) return undefined;
  const quoted = [process.execPath, MAIN, ...args].map((arg) => `'${arg}'`).join(' ');
  const child = spawn('script', ['-qec', quoted, '/dev/null'], {
    cwd: workspace.directory,
    env: environmentOf({ ...environment, TERM: 'xterm', SHELL: '/bin/sh' }),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const code = await new Promise<number | null>((done) => child.on('close', done));
  return { code, text };
}
