import { FormatError } from '../errors/families.ts';

/** Runs `action`; a FormatError that does not say which file it is about then names `file`. */
export function namingFile<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof FormatError) || error.message.includes(file)) throw error;
    throw new FormatError(error.code, `${file}: ${error.message}`, {
      cause: error,
      where: { ...error.where, file },
      details: error.details,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}
