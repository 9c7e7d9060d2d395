import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { SIGNATURE_SCHEMES, type SignatureScheme } from '../format/signature-scheme.ts';
import { encryptPrivateKey } from './encrypt-key.ts';
import { DEVELOPMENT_MARK } from './private-key.ts';

const generate = promisify(generateKeyPair);

/** A new key pair in PEM: the private key as PKCS#8, under its passphrase if it has one, the public key as SubjectPublicKeyInfo. */
export type GeneratedKey = { readonly privatePem: string; readonly publicPem: string };

/** Makes a key pair for a scheme with OpenSSL's generator. RSA takes about half a second. */
export async function generateKey(
  scheme: SignatureScheme,
  options: { readonly development: boolean; readonly passphrase?: string | undefined },
): Promise<GeneratedKey> {
  const { privateKey, publicKey } =
    scheme === 'rsa3072'
      ? await generate('rsa', { modulusLength: 3072, publicExponent: 65537 })
      : await generate('ec', { namedCurve: SIGNATURE_SCHEMES[scheme].curve });
  const mark = options.development ? `${DEVELOPMENT_MARK}\n` : '';
  const privatePem =
    options.passphrase === undefined
      ? privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      : await encryptPrivateKey(
          privateKey.export({ type: 'pkcs8', format: 'der' }),
          options.passphrase,
        );
  return {
    privatePem: `${mark}${privatePem}`,
    publicPem: `${mark}${publicKey.export({ type: 'spki', format: 'pem' }).toString()}`,
  };
}
