import { FormatError, SigningError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import { keyDigest, type PublicKeyFields } from '../format/signature-block.ts';
import { publicKeyFields } from '../format/signature-key.ts';
import type { SignatureScheme } from '../format/signature-scheme.ts';
import { isDevelopmentKey } from './development-key.ts';
import { readPem } from './forge.ts';
import { passphraseOf } from './passphrase.ts';
import { DEVELOPMENT_MARK, readPrivateKey } from './private-key.ts';
import { readPublicKey } from './public-key.ts';
import type { SecretOptions } from './secret-source.ts';

export type KeyDigest = {
  readonly digest: Buffer;
  readonly scheme: SignatureScheme;
  /** It says so of itself, or is the one of the project. */
  readonly development: boolean;
};

/**
 * The eFuse digest (32 bytes) of a public key file in PEM, or of a private key in any form that we sign with. `name` is the file
 * as messages show it. Throws SigningError for what is not such a key, UsageError when the file cannot be read.
 */
export async function readKeyDigest(
  path: string,
  name: string,
  options: SecretOptions,
): Promise<KeyDigest> {
  const bytes = await readKeyFile(path, name);
  const text = bytes.toString('utf8');
  const isPublic =
    readPem(text)?.some(({ label }) => label === 'PUBLIC KEY' || label === 'RSA PUBLIC KEY') ===
    true;
  const { fields, development } = isPublic
    ? { fields: publicFields(text, name), development: text.includes(DEVELOPMENT_MARK) }
    : await readPrivateKey(bytes, name, () => passphraseOf(name, undefined, options));
  const key = { digest: keyDigest(fields), scheme: fields.scheme };
  return {
    ...key,
    development: development || (await isDevelopmentKey(key, options.projectDirectory)),
  };
}

async function readKeyFile(path: string, name: string): Promise<Buffer> {
  try {
    return await readInput(path, 'a key in PEM', 64 * 1024);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new SigningError('KEY_UNREADABLE', `${name} is not a key in PEM: it is too large`);
  }
}

function publicFields(text: string, name: string): PublicKeyFields {
  try {
    return publicKeyFields(readPublicKey(text, name));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new SigningError('KEY_WRONG_TYPE', `${name}: ${error.message}`);
  }
}
