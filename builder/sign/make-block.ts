import { createHash } from 'node:crypto';
import type { SignatureBlock } from '../format/signature-block.ts';
import { publicKeyFields } from '../format/signature-key.ts';
import { SIGNATURE_SCHEMES } from '../format/signature-scheme.ts';
import type { Signer } from '../keys/signer.ts';

/** A Secure Boot V2 signature block over `contents`: everything in front of the sector. Throws what the signer throws. */
export async function makeBlock(contents: Buffer, signer: Signer): Promise<SignatureBlock> {
  const fields = publicKeyFields(signer.publicKey);
  const imageDigest = createHash(SIGNATURE_SCHEMES[fields.scheme].hash).update(contents).digest();
  const signature = await signer.sign(contents);
  if (fields.scheme === 'rsa3072') return { ...fields, imageDigest, signature };
  const half = signature.length / 2;
  return {
    ...fields,
    imageDigest,
    signature: { r: signature.subarray(0, half), s: signature.subarray(half) },
  };
}
