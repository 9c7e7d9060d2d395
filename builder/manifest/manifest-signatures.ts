import { checkSchema, z } from '../schema/schema.ts';

/** Far more than three signatures need. */
const LONGEST_FILE = 16 * 1024;

const signaturesSchema = z.strictObject({
  schema: z.literal(1),
  signatures: z
    .array(
      z.strictObject({
        key: z.string().regex(/^[0-9a-f]{64}$/),
        signature: z.base64(),
      }),
    )
    .min(2)
    .max(3),
});

/** A signature over manifest.json: by which key (its digest as eFuse holds it, in hex), unless it does not tell. */
export type ManifestSignature = { readonly key?: string; readonly signature: Buffer };

/**
 * manifest.json.sig: by one key, the bare signature, which `openssl dgst -verify` takes; by several, JSON with one for each:
 * `{"schema": 1, "signatures": [{"key": DIGEST, "signature": BASE64}, …]}`.
 */
export function formatManifestSignatures(
  signatures: readonly Required<ManifestSignature>[],
): Buffer {
  const [first, ...others] = signatures;
  if (first !== undefined && others.length === 0) return first.signature;
  const listed = signatures.map(({ key, signature }) => ({
    key,
    signature: signature.toString('base64'),
  }));
  return Buffer.from(`${JSON.stringify({ schema: 1, signatures: listed }, null, 2)}\n`);
}

/** The signatures of a manifest.json.sig. What is not the JSON above is taken for one bare signature. Never throws. */
export function parseManifestSignatures(bytes: Buffer): readonly ManifestSignature[] {
  const bare = [{ signature: bytes }];
  if (bytes.length > LONGEST_FILE || bytes[0] !== 0x7b) return bare;
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    return bare;
  }
  const result = checkSchema(signaturesSchema, json);
  if (!result.ok) return bare;
  return result.value.signatures.map(({ key, signature }) => ({
    key,
    signature: Buffer.from(signature, 'base64'),
  }));
}
