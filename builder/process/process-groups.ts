/** Leaders of the process groups that run for us right now. */
const groups = new Set<number>();

export function addGroup(pid: number): void {
  groups.add(pid);
}

export function removeGroup(pid: number): void {
  groups.delete(pid);
}

/** Sends a signal to a whole process group; nothing happens when it is gone. */
export function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // Gone already.
  }
}

/** Ends every group that is still there: whatever ends us, no build goes on behind our user's back. */
export function endAllGroups(): void {
  for (const pid of groups) signalGroup(pid, 'SIGKILL');
}
