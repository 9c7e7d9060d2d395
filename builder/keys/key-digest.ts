import { FormatError, SigningError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import { keyDigest, type PublicKeyFields } from '../format/signature-block.ts';
import { publicKeyFields } from '../format/signature-key.ts';
import type { SignatureScheme } from '../format/signature-scheme.ts';
import { readPem } from './forge.ts';
import { parsePrivateKey } from './private-key.ts';
import { readPublicKey } from './public-key.ts';

/**
 * The eFuse digest (32 bytes) of a public or private key file in PEM. `name` is the file as messages show it.
 * Throws SigningError for what is not such a key, UsageError when the file cannot be read.
 */
export async function readKeyDigest(
  path: string,
  name: string,
): Promise<{ readonly digest: Buffer; readonly scheme: SignatureScheme }> {
  const text = await readKeyText(path, name);
  const isPublic =
    readPem(text)?.some(({ label }) => label === 'PUBLIC KEY' || label === 'RSA PUBLIC KEY') ===
    true;
  const fields = isPublic ? publicFields(text, name) : parsePrivateKey(text, name).fields;
  return { digest: keyDigest(fields), scheme: fields.scheme };
}

async function readKeyText(path: string, name: string): Promise<string> {
  try {
    return (await readInput(path, 'a key in PEM', 64 * 1024)).toString('utf8');
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
