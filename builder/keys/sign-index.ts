import type { IndexSignature } from '../release-index/index-signatures.ts';
import { signDetached } from './sign-manifest.ts';
import type { Signer } from './signer.ts';

let last: Promise<unknown> = Promise.resolve();

/**
 * Signatures over the exact bytes of an index, one by each signer. Never two at the same time, whoever else wants an index
 * signed: a token or a person at a terminal may be asked. Throws SigningError.
 */
export function signIndex(
  index: Buffer,
  signers: readonly Signer[],
): Promise<readonly IndexSignature[]> {
  const signatures = last.then(() => signByEach(index, signers));
  last = signatures.catch(() => undefined);
  return signatures;
}

async function signByEach(
  index: Buffer,
  signers: readonly Signer[],
): Promise<readonly IndexSignature[]> {
  const signatures: IndexSignature[] = [];
  for (const signer of signers) {
    signatures.push({
      key: signer.digest.toString('hex'),
      publicKey: signer.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      signature: await signDetached(index, signer),
    });
  }
  return signatures;
}
