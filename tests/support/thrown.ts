import { OtaBuildError } from '../../builder/errors/ota-build-error.ts';

type ErrorClass<T extends OtaBuildError> = new (...args: never[]) => T;

/** The error of that family that `action` throws or rejects with. Anything else, and nothing thrown, fails the test. */
export async function thrownBy<T extends OtaBuildError>(
  family: ErrorClass<T>,
  action: () => unknown,
): Promise<T> {
  try {
    await action();
  } catch (error) {
    if (error instanceof family) return error;
    throw error;
  }
  throw new Error(`a ${family.name} was expected, but nothing was thrown`);
}

/** Everything of an error that a user could get to see, its causes included. */
export function visibleText(error: unknown): string {
  const seen: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    seen.push(at.name, at.message, at.stack ?? '');
    if (at instanceof OtaBuildError)
      seen.push(at.hint ?? '', JSON.stringify(at.details), JSON.stringify(at.where ?? {}));
  }
  return seen.join('\n');
}
