import { PublishError } from '../../errors/families.ts';
import { describeFailure } from './failure.ts';

/** What every call needs: when to stop, and what must be in no message. */
export type Guard = { readonly signal: AbortSignal; readonly token: string };

/**
 * Calls GitHub. Throws the reason of the signal, a PublishError as it is, or what `describeFailure` makes of an error; `doing` is what it is about. A
 * wait for a rate limit is left as soon as the signal comes.
 */
export async function guardedCall<T>(
  { signal, token }: Guard,
  doing: string,
  request: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const { aborted, stop } = abortion(signal);
  try {
    return await Promise.race([request(), aborted]);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof PublishError ? error : describeFailure(error, { doing, token });
  } finally {
    stop();
  }
}

/** A promise that the signal rejects. `stop` takes the listener away again. */
function abortion(signal: AbortSignal): { aborted: Promise<never>; stop: () => void } {
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    const listener = (): void => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', listener);
    stop = () => {
      signal.removeEventListener('abort', listener);
    };
  });
  return { aborted, stop };
}
