import { resolve } from 'node:path';
import { FormatError, SigningError, UsageError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import { rememberSecretVariable } from '../process/child-environment.ts';

/** Where a passphrase or PIN is kept: never in the reference itself. */
export type SecretSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'env'; readonly name: string };

/** Asks whoever sits at the terminal, without echo. Rejects with InterruptedError on Ctrl-C. */
export type AskSecret = (question: string) => Promise<string>;

export type SecretOptions = {
  readonly projectDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Undefined where nobody can be asked: in CI, and without a terminal. */
  readonly askSecret?: AskSecret | undefined;
};

const SECRET_LIMIT = 4096;

/**
 * Reads `file:PATH`, an absolute path, or `env:NAME`, which programs that we start then do not inherit. `what` names the attribute in messages, which never quote the text:
 * whoever mixes things up puts the secret itself there. Throws SigningError (KEY_REFERENCE).
 */
export function parseSecretSource(text: string, what: string): SecretSource {
  const match = /^(file|env):(.+)$/s.exec(text);
  if (match !== null) {
    const [, kind, rest = ''] = match;
    if (kind === 'file') return { kind: 'file', path: rest };
    if (/^[^=\0\s]+$/.test(rest)) {
      rememberSecretVariable(rest);
      return { kind: 'env', name: rest };
    }
  }
  if (text.startsWith('/')) return { kind: 'file', path: text };
  throw new SigningError(
    'KEY_REFERENCE',
    `${what} is neither file:PATH nor env:NAME (what it is, is not shown: it may be secret)`,
  );
}

/**
 * The secret that a source holds: a file's text without its last line end, or an environment variable. Throws
 * SigningError (PASSPHRASE_MISSING) when there is none, or an empty one.
 */
export async function readSecret(source: SecretSource, options: SecretOptions): Promise<string> {
  const text =
    source.kind === 'env'
      ? environmentValue(source.name, options)
      : await readSecretFile(source.path, options);
  const secret = text?.replace(/\r?\n$/, '') ?? '';
  if (secret !== '') return secret;
  throw new SigningError(
    'PASSPHRASE_MISSING',
    source.kind === 'env'
      ? `the environment variable ${source.name} is not set; it should hold a passphrase or PIN`
      : `${source.path} is empty; it should hold a passphrase or PIN`,
  );
}

/** The value of an environment variable that may be one; undefined when it is not set or empty. */
export function environmentValue(
  name: string,
  { environment }: Pick<SecretOptions, 'environment'>,
): string | undefined {
  const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
  return value === '' ? undefined : value;
}

async function readSecretFile(
  path: string,
  { projectDirectory }: SecretOptions,
): Promise<string | undefined> {
  try {
    return (
      await readInput(resolve(projectDirectory, path), 'a passphrase or PIN', SECRET_LIMIT)
    ).toString('utf8');
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof FormatError)) throw error;
    throw new SigningError('PASSPHRASE_MISSING', error.message, {
      cause: error,
      where: { file: path },
    });
  }
}
