import { setTimeout as sleep } from 'node:timers/promises';
import { mayHaveHappened } from './failure.ts';

/** Waits between attempts, in milliseconds: who runs the command again goes on where it stopped. */
const PAUSES = [1000, 3000, 9000] as const;

/** Waits; rejects with the signal's reason as soon as that is aborted. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => {
    signal.throwIfAborted();
  });
}

/**
 * Does something that must not happen twice: when an attempt fails in a way that leaves open whether it happened (`isOpen`, by
 * default a 5xx or a cut connection), `find` looks for its result before the next attempt. Throws the last attempt's error.
 */
export async function attemptOnce<T>({
  attempt,
  find,
  signal,
  isOpen = mayHaveHappened,
}: {
  readonly attempt: () => Promise<T>;
  readonly find: () => Promise<T | undefined>;
  readonly signal: AbortSignal;
  readonly isOpen?: (error: unknown) => boolean;
}): Promise<T> {
  for (let count = 0; ; count += 1) {
    try {
      return await attempt();
    } catch (error) {
      const milliseconds = PAUSES[count];
      if (!isOpen(error)) throw error;
      if (milliseconds !== undefined) await pause(milliseconds, signal);
      const found = await find();
      if (found !== undefined) return found;
      if (milliseconds === undefined) throw error;
    }
  }
}
