import { verify, type KeyObject } from 'node:crypto';
import { publicKeyFields } from '../format/signature-key.ts';
import { forgeVerifiesPss } from './forge.ts';
import type { SignRequest } from './signer.ts';

/**
 * Whether a signature in a block's form (RSA 384 bytes big-endian, ECDSA r and s) holds for what was to be signed: RSA-PSS
 * by node-forge, a second implementation beside the OpenSSL that made most of them; ECDSA by node:crypto. Never throws.
 */
export function signatureHolds(
  publicKey: KeyObject,
  { hash, digest, contents }: SignRequest,
  signature: Buffer,
): boolean {
  const fields = publicKeyFields(publicKey);
  if (fields.scheme === 'rsa3072') return forgeVerifiesPss(fields, digest, signature);
  return ecdsaHolds(publicKey, hash, contents, signature);
}

/** ECDSA over any bytes with any hash, r and s behind each other; false too for what cannot be a signature. */
export function ecdsaHolds(
  key: KeyObject,
  hash: string,
  contents: Uint8Array,
  signature: Buffer,
): boolean {
  return verify(hash, contents, { key, dsaEncoding: 'ieee-p1363' }, signature);
}
