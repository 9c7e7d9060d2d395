import { stat } from 'node:fs/promises';
import { relative, resolve, sep } from 'node:path';
import { FormatError, SigningError, UsageError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import type { SignatureScheme } from '../format/signature-scheme.ts';
import { developmentKey, developmentKeyPath, isDevelopmentKey } from './development-key.ts';
import { parseKeyReference, type KeyReference } from './key-reference.ts';
import { passphraseOf } from './passphrase.ts';
import { pemSigner, privateKeySigner } from './pem-signer.ts';
import { readPrivateKey } from './private-key.ts';
import { environmentValue, type SecretOptions } from './secret-source.ts';
import type { Signer } from './signer.ts';

const KEY_FILE_LIMIT = 64 * 1024;

export type OpenOptions = SecretOptions & {
  /** What a development key is made for. */
  readonly scheme: SignatureScheme;
  readonly note: (message: string) => void;
  readonly warn: (code: string, message: string) => void;
  /** Ends programs that were asked to sign. */
  readonly signal?: AbortSignal | undefined;
};

type Kind<K extends KeyReference['kind']> = Extract<KeyReference, { readonly kind: K }>;

/**
 * Opens what a key reference names (`parseKeyReference` has the kinds). A key of any kind that is the project's development
 * key is marked as one. Throws SigningError; a message names the reference, never what it holds.
 */
export async function openSigner(reference: string, options: OpenOptions): Promise<Signer> {
  const signer = await openReference(reference, options);
  if (signer.development || !(await isDevelopmentKey(signer, options.projectDirectory)))
    return signer;
  return { ...signer, development: true };
}

async function openReference(reference: string, options: OpenOptions): Promise<Signer> {
  const parsed = parseKeyReference(reference);
  switch (parsed.kind) {
    case 'development':
      return openDevelopmentKey(options);
    case 'environment':
      return openEnvironmentKey(reference, parsed, options);
    case 'file':
      return openKeyFile(reference, parsed, options);
    case 'command': {
      // Loaded where they are used: most keys are files.
      const { commandSigner } = await import('./command-signer.ts');
      return commandSigner(reference, parsed, options);
    }
    case 'pkcs11': {
      const { pkcs11Signer } = await import('./pkcs11-signer.ts');
      return pkcs11Signer(reference, parsed.uri, options);
    }
  }
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

async function openEnvironmentKey(
  reference: string,
  { name, passphrase }: Kind<'environment'>,
  options: OpenOptions,
): Promise<Signer> {
  const pem = environmentValue(name, options);
  if (pem === undefined || pem.trim() === '') {
    throw new SigningError(
      'KEY_MISSING',
      `the environment variable ${name} is not set; it should hold a private key in PEM`,
    );
  }
  const key = await readPrivateKey(Buffer.from(pem), reference, () =>
    passphraseOf(`env:${name}`, passphrase, options),
  );
  return privateKeySigner(key, reference, { development: false });
}

async function openKeyFile(
  reference: string,
  { path: file, passphrase }: Kind<'file'>,
  options: OpenOptions,
): Promise<Signer> {
  const path = resolve(options.projectDirectory, file);
  const bytes = await readKeyFile(path, file);
  const key = await readPrivateKey(bytes, file, () => passphraseOf(file, passphrase, options));
  const folder = resolve(developmentKeyPath(options.projectDirectory, options.scheme), '..');
  const signer = privateKeySigner(key, reference, { development: path.startsWith(folder + sep) });
  const mode = (await stat(path)).mode & 0o777;
  if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
    options.warn(
      'KEY_PERMISSIONS',
      `${file} can be read by others (mode ${mode.toString(8)}): chmod 600 ${file}`,
    );
  }
  return signer;
}

async function readKeyFile(path: string, file: string): Promise<Buffer> {
  try {
    return await readInput(path, 'a private key', KEY_FILE_LIMIT);
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof FormatError)) throw error;
    const code = error.code === 'INPUT_MISSING' ? 'KEY_MISSING' : 'KEY_UNREADABLE';
    throw new SigningError(code, error.message, {
      cause: error,
      where: { file },
      hint: 'Make a key with: ota-build keys generate FILE, or sign with --key dev to try things out.',
    });
  }
}
