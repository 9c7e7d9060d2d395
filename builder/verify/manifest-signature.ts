import { constants, verify } from 'node:crypto';
import { FormatError } from '../errors/families.ts';
import { publicKeyOf } from '../format/signature-key.ts';
import { SIGNATURE_SCHEMES } from '../format/signature-scheme.ts';
import type { CheckedBlock } from './signature.ts';

/**
 * True when `signature` is one over the manifest's exact bytes by the key of a signature block: RSA-PSS with SHA-256 and
 * a salt of 32 bytes, or ECDSA in DER with the hash of its scheme, as `openssl dgst -verify` takes them.
 */
export function manifestSignatureHolds(
  manifest: Buffer,
  signature: Buffer,
  { block }: CheckedBlock,
): boolean {
  const { hash } = SIGNATURE_SCHEMES[block.scheme];
  try {
    const key = publicKeyOf(block);
    return block.scheme === 'rsa3072'
      ? verify(
          hash,
          manifest,
          { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
          signature,
        )
      : verify(hash, manifest, { key, dsaEncoding: 'der' }, signature);
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}
