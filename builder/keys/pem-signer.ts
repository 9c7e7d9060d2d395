import { constants, createPublicKey, sign } from 'node:crypto';
import { checkedSigner } from './checked-signer.ts';
import { signDeterministically } from './deterministic-ecdsa.ts';
import { parsePrivateKey, type PrivateKey } from './private-key.ts';
import type { Signer } from './signer.ts';

/** A signer from a private key in PEM without a passphrase. Throws SigningError for a text that is not such a key. */
export function pemSigner(
  text: string,
  reference: string,
  options: { readonly development: boolean },
): Signer {
  return privateKeySigner(parsePrivateKey(text, reference), reference, options);
}

/** A signer from a private key in this process. `development` marks it beyond what the key says of itself. */
export function privateKeySigner(
  { key, fields, development }: PrivateKey,
  reference: string,
  options: { readonly development: boolean },
): Signer {
  const keyOptions =
    fields.scheme === 'rsa3072'
      ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
      : { key, dsaEncoding: 'ieee-p1363' as const };
  const signer = checkedSigner({
    reference,
    publicKey: createPublicKey(key),
    development: options.development || development,
    sign: ({ hash, contents }) => Promise.resolve(sign(hash, contents, keyOptions)),
  });
  if (fields.scheme !== 'ecdsa256') return signer;
  return {
    ...signer,
    signDeterministically: (contents) => Promise.resolve(signDeterministically(key, contents)),
  };
}
