import { constants, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { FormatError } from '../errors/families.ts';
import { keyDigestOfPublicKey, publicKeyFields } from '../format/signature-key.ts';
import { SIGNATURE_SCHEMES } from '../format/signature-scheme.ts';
import { checkSchema, z } from '../schema/schema.ts';

/** Three keys that sign the index now, and three that signed the one before, with their public halves. */
export const INDEX_SIGNATURE_LIMIT = 32 * 1024;
const MOST_SIGNATURES = 6;

const signaturesSchema = z.strictObject({
  schema: z.literal(1),
  signatures: z
    .array(
      z.strictObject({
        key: z.string().regex(/^[0-9a-f]{64}$/),
        publicKey: z.string().max(2048),
        signature: z.base64(),
      }),
    )
    .min(1)
    .max(MOST_SIGNATURES),
});

/**
 * A signature over an index: the key's digest as eFuse holds it (hex), the key itself (SubjectPublicKeyInfo in PEM), because a
 * trust file has the digest only, and the signature as `openssl dgst -verify` takes it.
 */
export type IndexSignature = {
  readonly key: string;
  readonly publicKey: string;
  readonly signature: Buffer;
};

/**
 * index.json.sig: `{"schema": 1, "signatures": [{"key", "publicKey", "signature"}, …]}`. It has the signatures over the index
 * now and over the one before, so that it belongs to whichever of the two a reader finds beside it.
 */
export function formatIndexSignatures(signatures: readonly IndexSignature[]): Buffer {
  const listed = signatures.map(({ key, publicKey, signature }) => ({
    key,
    publicKey,
    signature: signature.toString('base64'),
  }));
  return Buffer.from(`${JSON.stringify({ schema: 1, signatures: listed }, null, 2)}\n`);
}

/** The signatures of an index.json.sig. `file` is what messages call it. Throws FormatError for what is not one. */
export function parseIndexSignatures(bytes: Buffer, file: string): readonly IndexSignature[] {
  const result = checkSchema(signaturesSchema, parseJson(bytes, file));
  if (!result.ok) {
    const [first] = result.issues;
    throw malformed(file, `${first?.path.join('.') ?? ''}: ${first?.message ?? ''}`);
  }
  return result.value.signatures.map(({ key, publicKey, signature }) => ({
    key,
    publicKey,
    signature: Buffer.from(signature, 'base64'),
  }));
}

/** Digests (hex) of the keys whose signatures hold over exactly these bytes. Never throws for signatures that do not. */
export function signersOfIndex(
  index: Buffer,
  signatures: readonly IndexSignature[],
): readonly string[] {
  const holding = signatures.filter((each) => holds(index, each)).map(({ key }) => key);
  return [...new Set(holding)];
}

function holds(index: Buffer, { key: digest, publicKey, signature }: IndexSignature): boolean {
  const key = readPublicKey(publicKey);
  if (key === undefined || keyDigestOfPublicKey(key).toString('hex') !== digest) return false;
  const { scheme } = publicKeyFields(key);
  const { hash } = SIGNATURE_SCHEMES[scheme];
  return scheme === 'rsa3072'
    ? verify(
        hash,
        index,
        { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
        signature,
      )
    : verify(hash, index, { key, dsaEncoding: 'der' }, signature);
}

/** A key that Secure Boot V2 has a scheme for; undefined for anything else. */
function readPublicKey(pem: string): KeyObject | undefined {
  if (pem.includes('PRIVATE KEY')) return undefined;
  try {
    const key = createPublicKey(pem);
    publicKeyFields(key);
    return key;
  } catch {
    return undefined;
  }
}

function parseJson(bytes: Buffer, file: string): unknown {
  if (bytes.length > INDEX_SIGNATURE_LIMIT) throw malformed(file, `it has ${bytes.length} bytes`);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw malformed(file, `it is not JSON (${(error as Error).message})`);
  }
}

function malformed(file: string, problem: string): FormatError {
  return new FormatError('BAD_VALUE', `${file} is not the signature of an index: ${problem}`, {
    where: { file },
  });
}
