import type { IndexSignature } from '../release-index/index-signatures.ts';
import { signDetached } from './sign-manifest.ts';
import type { Signer } from './signer.ts';

/** Signatures over the exact bytes of an index, one by each signer. Throws SigningError. */
export async function signIndex(
  index: Buffer,
  signers: readonly Signer[],
): Promise<readonly IndexSignature[]> {
  const signatures: IndexSignature[] = [];
  // One after the other: a token or a person at a terminal may be asked.
  for (const signer of signers) {
    signatures.push({
      key: signer.digest.toString('hex'),
      publicKey: signer.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      signature: await signDetached(index, signer),
    });
  }
  return signatures;
}
