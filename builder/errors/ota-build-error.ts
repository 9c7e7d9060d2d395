/** Where an error points: a file, and a place in it. Lines and columns count from 1, offsets from 0. */
export type Where = {
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly offset?: number;
};

export type ErrorOptions = {
  /** What the reader can do about it, as a sentence. */
  readonly hint?: string;
  readonly where?: Where;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
};

/**
 * An error caused by what we were given, never by a bug of ours: everything thrown that is not one of these is exit 70.
 * `code` is a literal that scripts may rely on; `exit` is the exit code of the process (design.md, section 3).
 */
export abstract class OtaBuildError<Code extends string = string> extends Error {
  abstract readonly exit: number;
  readonly code: Code;
  readonly hint?: string;
  readonly where?: Where;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: Code, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
    if (options.hint !== undefined) this.hint = options.hint;
    if (options.where !== undefined) this.where = options.where;
  }

  /** The family's name (`FormatError`), also where a minifier or another realm would lose it. */
  override get name(): string {
    return this.constructor.name;
  }
}
