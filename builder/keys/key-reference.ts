import { SigningError } from '../errors/families.ts';
import { rememberSecretVariable } from '../process/child-environment.ts';
import { parsePkcs11Uri, type Pkcs11Uri } from './pkcs11-uri.ts';
import { parseSecretSource, type SecretSource } from './secret-source.ts';
import { splitWords } from './split-words.ts';

/** Which key, and where it lives. No kind holds a secret. */
export type KeyReference =
  | { readonly kind: 'development' }
  | { readonly kind: 'file'; readonly path: string; readonly passphrase?: SecretSource }
  | { readonly kind: 'environment'; readonly name: string; readonly passphrase?: SecretSource }
  | { readonly kind: 'pkcs11'; readonly uri: Pkcs11Uri }
  | {
      readonly kind: 'command';
      readonly publicKeyFile: string;
      readonly program: string;
      readonly args: readonly string[];
    };

/** How openssl (`-passin env:NAME`), pkcs11-tool (`--pin env:NAME`) and others are told where a secret is. */
const ENVIRONMENT_WORD = /(?:^|=)env:(\w+)$/;
const PASSPHRASE_SOURCE = '?passphrase-source=';
/** Where a passphrase itself would stand. */
const PASSPHRASE_ITSELF = /[?&;](passphrase|password|pass|pin)(-value)?=/i;

/**
 * Reads a key reference: `dev`, `file:PATH` or a plain path, `env:NAME`, `pkcs11:…` (RFC 7512), or
 * `command:PUBLIC_KEY_FILE PROGRAM ARG…`. `file:` and `env:` may end in `?passphrase-source=file:PATH` or `…=env:NAME`.
 * Looks at the text only. Throws SigningError (KEY_REFERENCE).
 */
export function parseKeyReference(reference: string): KeyReference {
  if (reference === 'dev') return { kind: 'development' };
  const scheme = /^([A-Za-z][A-Za-z0-9+]+):/.exec(reference)?.[1];
  const rest = reference.slice((scheme?.length ?? -1) + 1);
  switch (scheme) {
    case undefined:
      return { kind: 'file', path: plainPath(reference) };
    case 'file': {
      const { name: path, ...passphrase } = splitPassphraseSource(rest);
      return { kind: 'file', path, ...passphrase };
    }
    case 'env':
      return { kind: 'environment', ...splitPassphraseSource(rest) };
    case 'pkcs11':
      return { kind: 'pkcs11', uri: parsePkcs11Uri(reference) };
    case 'command':
      return parseCommand(rest);
    default:
      throw new SigningError(
        'KEY_REFERENCE',
        `'${scheme}:' is not a kind of key reference that this version can open`,
        { hint: 'Use a PEM file (PATH or file:PATH), env:NAME, pkcs11:…, command:… or dev.' },
      );
  }
}

/** Without `file:` nothing is split off, because any character can stand in a path: but nobody means these. */
function plainPath(path: string): string {
  refusePassphrase(path);
  if (!path.includes(PASSPHRASE_SOURCE)) return path;
  throw new SigningError('KEY_REFERENCE', 'a passphrase-source stands behind a plain path', {
    hint: 'Write file: in front of the path: file:KEY?passphrase-source=file:PATH (or env:NAME).',
  });
}

function refusePassphrase(text: string): void {
  if (!PASSPHRASE_ITSELF.test(text)) return;
  throw new SigningError(
    'KEY_REFERENCE',
    'a key reference contains a passphrase, which process lists and logs would show',
    {
      hint: 'Use file:KEY?passphrase-source=file:PATH (or env:NAME), or let yourself be asked. Change that passphrase: it may be in logs already.',
    },
  );
}

function splitPassphraseSource(text: string): {
  readonly name: string;
  readonly passphrase?: SecretSource;
} {
  refusePassphrase(text);
  const at = text.lastIndexOf(PASSPHRASE_SOURCE);
  if (at === -1) return { name: text };
  const source = text.slice(at + PASSPHRASE_SOURCE.length);
  return { name: text.slice(0, at), passphrase: parseSecretSource(source, 'passphrase-source') };
}

function parseCommand(text: string): KeyReference {
  const [publicKeyFile, program, ...args] = splitWords(text);
  for (const word of args) {
    const [, name] = ENVIRONMENT_WORD.exec(word) ?? [];
    if (name !== undefined) rememberSecretVariable(name);
  }
  if (publicKeyFile !== undefined && program !== undefined && program !== '')
    return { kind: 'command', publicKeyFile, program, args };
  throw new SigningError(
    'KEY_REFERENCE',
    'a command: reference needs a public key file and a program',
    { hint: 'Write it as: command:keys/release.pub.pem PROGRAM ARGUMENT… (see keys/README.md).' },
  );
}

/** Files that a key reference names, as they are named there: what is written must be none of them. */
export function filesOfReference(reference: KeyReference): readonly string[] {
  switch (reference.kind) {
    case 'file':
      return [reference.path, ...filesOfSource(reference.passphrase)];
    case 'environment':
      return filesOfSource(reference.passphrase);
    case 'pkcs11':
      return filesOfSource(reference.uri.pinSource);
    case 'command':
      return [reference.publicKeyFile];
    case 'development':
      return [];
  }
}

function filesOfSource(source: SecretSource | undefined): readonly string[] {
  return source?.kind === 'file' ? [source.path] : [];
}
