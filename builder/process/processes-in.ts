import { readdir, readFile, readlink } from 'node:fs/promises';
import { sep } from 'node:path';

/**
 * True when a process of this machine works in a directory, or was started with a path in it. False where that cannot be
 * seen: for other users' processes, and where there is no /proc (proc(5), cmdline and cwd).
 */
export async function hasProcesses(directory: string): Promise<boolean> {
  const names = await readdir('/proc').catch(() => []);
  for (const pid of names) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const [args, place] = await Promise.all([
      readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
      readlink(`/proc/${pid}/cwd`).catch(() => ''),
    ]);
    const isIn = (text: string): boolean => `${text}${sep}`.includes(`${directory}${sep}`);
    if ([place, ...args.split('\0')].some(isIn)) return true;
  }
  return false;
}
