import { constants, createHash, createPublicKey, sign, verify } from 'node:crypto';
import { SigningError } from '../errors/families.ts';
import { keyDigest } from '../format/signature-block.ts';
import { SIGNATURE_SCHEMES } from '../format/signature-scheme.ts';
import { signDeterministically } from './deterministic-ecdsa.ts';
import { forgeVerifiesPss } from './forge.ts';
import { parsePrivateKey, type PrivateKey } from './private-key.ts';
import type { Signer } from './signer.ts';

/**
 * A signer from a private key in PEM. Every signature is checked before it is handed out: RSA by node-forge, ECDSA by
 * node:crypto. Throws SigningError for a text that is not such a key.
 */
export function pemSigner(
  text: string,
  reference: string,
  options: { readonly development: boolean },
): Signer {
  const privateKey = parsePrivateKey(text, reference);
  return {
    reference,
    scheme: privateKey.fields.scheme,
    publicKey: createPublicKey(privateKey.key),
    digest: keyDigest(privateKey.fields),
    development: options.development || privateKey.development,
    sign: (contents) => Promise.resolve(signChecked(privateKey, contents, reference)),
    ...(privateKey.fields.scheme === 'ecdsa256'
      ? {
          signDeterministically: (contents) =>
            Promise.resolve(signDeterministically(privateKey.key, contents)),
        }
      : {}),
  };
}

function signChecked({ key, fields }: PrivateKey, contents: Uint8Array, reference: string): Buffer {
  const { hash } = SIGNATURE_SCHEMES[fields.scheme];
  const keyOptions =
    fields.scheme === 'rsa3072'
      ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
      : { key, dsaEncoding: 'ieee-p1363' as const };
  const signature = sign(hash, contents, keyOptions);
  const holds =
    fields.scheme === 'rsa3072'
      ? forgeVerifiesPss(fields, createHash(hash).update(contents).digest(), signature)
      : verify(hash, contents, { ...keyOptions, key: createPublicKey(key) }, signature);
  if (holds) return signature;
  throw new SigningError(
    'SIGNATURE_SELF_CHECK',
    `${reference} made a signature that does not verify; nothing was signed`,
  );
}
