import { stat } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import { FormatError, SigningError, UsageError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import type { SignatureScheme } from '../format/signature-scheme.ts';
import { developmentKey, developmentKeyPath } from './development-key.ts';
import { pemSigner } from './pem-signer.ts';
import type { Signer } from './signer.ts';

const KEY_FILE_LIMIT = 64 * 1024;

export type OpenOptions = {
  readonly projectDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What a development key is made for. */
  readonly scheme: SignatureScheme;
  readonly note: (message: string) => void;
  readonly warn: (code: string, message: string) => void;
};

/**
 * Opens what a key reference names: `dev`, `env:NAME` (PEM in an environment variable), `file:PATH` or a plain path.
 * Throws SigningError; a message names the reference, never what it holds.
 */
export async function openSigner(reference: string, options: OpenOptions): Promise<Signer> {
  if (reference === 'dev') return openDevelopmentKey(options);
  if (reference.startsWith('env:')) return openEnvironmentKey(reference, options);
  const scheme = /^([a-z][a-z0-9]+):/.exec(reference)?.[1];
  if (scheme !== undefined && scheme !== 'file') {
    throw new SigningError(
      'KEY_REFERENCE',
      `'${reference}' is not a key reference that this version can open`,
      {
        hint: 'Use a PEM file (PATH or file:PATH), env:NAME or dev.',
      },
    );
  }
  return openKeyFile(reference, options);
}

async function openDevelopmentKey({
  projectDirectory,
  scheme,
  note,
}: OpenOptions): Promise<Signer> {
  const { pem, made, path } = await developmentKey(projectDirectory, scheme);
  if (made)
    note(
      `made a development key, ${relative(projectDirectory, path)}: good for trying out, never for a release`,
    );
  return pemSigner(pem, 'dev', { development: true });
}

function openEnvironmentKey(reference: string, { environment }: OpenOptions): Signer {
  const name = reference.slice('env:'.length);
  const pem = Object.hasOwn(environment, name) ? environment[name] : undefined;
  if (pem === undefined || pem.trim() === '') {
    throw new SigningError(
      'KEY_MISSING',
      `the environment variable ${name} is not set; it should hold a private key in PEM`,
    );
  }
  return pemSigner(pem, reference, { development: false });
}

async function openKeyFile(reference: string, options: OpenOptions): Promise<Signer> {
  const path = resolve(options.projectDirectory, reference.replace(/^file:/, ''));
  const pem = await readKeyFile(path, reference);
  const folder = resolve(developmentKeyPath(options.projectDirectory, options.scheme), '..');
  const signer = pemSigner(pem, reference, { development: path.startsWith(folder + sep) });
  const mode = (await stat(path)).mode & 0o777;
  if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
    options.warn(
      'KEY_PERMISSIONS',
      `${reference} can be read by others (mode ${mode.toString(8)}): chmod 600 ${reference}`,
    );
  }
  return signer;
}

async function readKeyFile(path: string, reference: string): Promise<string> {
  try {
    return (await readInput(path, 'a private key in PEM', KEY_FILE_LIMIT)).toString('utf8');
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof FormatError)) throw error;
    const code = error.code === 'INPUT_MISSING' ? 'KEY_MISSING' : 'KEY_UNREADABLE';
    throw new SigningError(code, error.message, {
      cause: error,
      where: { file: reference },
      hint: 'Make a key with: ota-build keys generate FILE, or sign with --key dev to try things out.',
    });
  }
}
