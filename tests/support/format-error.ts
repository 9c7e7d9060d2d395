import { FormatError } from '../../builder/errors/families.ts';

/** The FormatError that `action` throws. Anything else, and nothing thrown, fails the test. */
export function formatErrorOf(action: () => unknown): FormatError {
  try {
    action();
  } catch (error) {
    if (error instanceof FormatError) return error;
    throw error;
  }
  throw new Error('a FormatError was expected, but nothing was thrown');
}

/** True when `action` throws a FormatError, false when it returns; any other error passes through. */
export function throwsFormatError(action: () => unknown): boolean {
  try {
    action();
    return false;
  } catch (error) {
    if (error instanceof FormatError) return true;
    throw error;
  }
}
