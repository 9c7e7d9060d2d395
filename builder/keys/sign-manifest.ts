import { formatManifestSignatures } from '../manifest/manifest-signatures.ts';
import { ecdsaToDer } from './forge.ts';
import type { Signer } from './signer.ts';

/** The contents of manifest.json.sig: a signature over the manifest's exact bytes by every one of the signers. */
export async function signManifest(manifest: Buffer, signers: readonly Signer[]): Promise<Buffer> {
  const signatures = [];
  // One after the other: a token or a person at a terminal may be asked.
  for (const signer of signers) {
    const signature = await signDetached(manifest, signer);
    signatures.push({ key: signer.digest.toString('hex'), signature });
  }
  return formatManifestSignatures(signatures);
}

/** A detached signature as `openssl dgst -verify` takes it: RSA-PSS as 384 bytes, ECDSA in DER. */
export async function signDetached(contents: Buffer, signer: Signer): Promise<Buffer> {
  const signature = await signer.sign(contents);
  return signer.scheme === 'rsa3072' ? signature : ecdsaToDer(signature);
}
