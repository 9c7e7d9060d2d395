import { ecdsaToDer } from './forge.ts';
import type { Signer } from './signer.ts';

/**
 * A detached signature over a manifest's exact bytes, as `openssl dgst -verify` takes it: RSA-PSS as 384 bytes, ECDSA
 * in DER.
 */
export async function signManifest(manifest: Buffer, signer: Signer): Promise<Buffer> {
  const signature = await signer.sign(manifest);
  return signer.scheme === 'rsa3072' ? signature : ecdsaToDer(signature);
}
