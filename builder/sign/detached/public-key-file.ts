import type { KeyObject } from 'node:crypto';
import { resolve } from 'node:path';
import { FormatError, SigningError } from '../../errors/families.ts';
import { readInput } from '../../files/read-input.ts';
import { keyDigest, type PublicKeyFields } from '../../format/signature-block.ts';
import { publicKeyFields } from '../../format/signature-key.ts';
import { isDevelopmentKey } from '../../keys/development-key.ts';
import { DEVELOPMENT_MARK } from '../../keys/private-key.ts';
import { readPublicKey } from '../../keys/public-key.ts';

const KEY_FILE_LIMIT = 64 * 1024;

/** The public half of a key that signs elsewhere. */
export type PublicKeyFile = {
  /** The file as messages name it. */
  readonly name: string;
  readonly key: KeyObject;
  readonly fields: PublicKeyFields;
  /** It carries the mark of a development key, or is the one of the project. */
  readonly development: boolean;
};

/**
 * Reads public keys in PEM, named as the user named them. Throws SigningError for what is none that Secure Boot takes, and
 * for a private key, which has no business where others sign; UsageError when a file cannot be read.
 */
export function readPublicKeys(
  { projectDirectory }: { readonly projectDirectory: string },
  names: readonly string[],
): Promise<readonly PublicKeyFile[]> {
  return Promise.all(names.map((name) => readPublicKeyFile(projectDirectory, name)));
}

async function readPublicKeyFile(projectDirectory: string, name: string): Promise<PublicKeyFile> {
  const path = resolve(projectDirectory, name);
  const text = (await readInput(path, 'a public key in PEM', KEY_FILE_LIMIT)).toString('utf8');
  if (text.includes('PRIVATE KEY-----')) {
    throw new SigningError(
      'KEY_WRONG_TYPE',
      `${name} is a private key; the public key was expected`,
      {
        hint: 'Take the .pub.pem beside it, or sign with it here: --key.',
      },
    );
  }
  const key = readPublicKey(text, name);
  try {
    const fields = publicKeyFields(key);
    const { scheme } = fields;
    const development =
      text.includes(DEVELOPMENT_MARK) ||
      (await isDevelopmentKey({ digest: keyDigest(fields), scheme }, projectDirectory));
    return { name, key, fields, development };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new SigningError('KEY_WRONG_TYPE', `${name}: ${error.message}`);
  }
}
