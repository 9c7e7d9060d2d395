import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { SIGNATURE_SCHEMES, type SignatureScheme } from '../format/signature-scheme.ts';
import { DEVELOPMENT_MARK } from './private-key.ts';

const generate = promisify(generateKeyPair);

/** A new key pair in PEM: the private key as PKCS#8, the public key as SubjectPublicKeyInfo. */
export type GeneratedKey = { readonly privatePem: string; readonly publicPem: string };

/** Makes a key pair for a scheme with OpenSSL's generator. RSA takes about half a second. */
export async function generateKey(
  scheme: SignatureScheme,
  options: { readonly development: boolean },
): Promise<GeneratedKey> {
  const { privateKey, publicKey } =
    scheme === 'rsa3072'
      ? await generate('rsa', { modulusLength: 3072, publicExponent: 65537 })
      : await generate('ec', { namedCurve: SIGNATURE_SCHEMES[scheme].curve });
  const mark = options.development ? `${DEVELOPMENT_MARK}\n` : '';
  return {
    privatePem: `${mark}${privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()}`,
    publicPem: `${mark}${publicKey.export({ type: 'spki', format: 'pem' }).toString()}`,
  };
}
