import { constants, verify, type KeyObject } from 'node:crypto';
import { SigningError } from '../../errors/families.ts';
import { keyDigest, RSA_LENGTH } from '../../format/signature-block.ts';
import { SIGNATURE_SCHEMES, type SignatureScheme } from '../../format/signature-scheme.ts';
import type { Signer } from '../../keys/signer.ts';
import type { PublicKeyFile } from './public-key-file.ts';
import { readEcdsaSignature } from './ecdsa-signature.ts';
import { diagnose, type WrongBytes } from './signature-problem.ts';

export type DetachedSignature = {
  /** The file as messages name it, and its contents. */
  readonly name: string;
  readonly bytes: Buffer;
  readonly publicKey: PublicKeyFile;
};

/** What else there is to compare with when a signature does not hold. */
export type Surroundings = {
  readonly wrongBytes: readonly WrongBytes[];
  readonly otherKeys: readonly PublicKeyFile[];
};

/**
 * A signer whose signature was made elsewhere: it signs exactly the contents that it is for, and anything else is an
 * error that says what the signature is instead (SigningError, SIGNATURE_INVALID).
 */
export function detachedSigner(
  { name, bytes, publicKey }: DetachedSignature,
  { wrongBytes, otherKeys }: Surroundings,
): Signer {
  const { key, fields } = publicKey;
  const { scheme } = fields;
  const signatureOver = (contents: Uint8Array): Buffer => {
    const signed = Buffer.from(contents.buffer, contents.byteOffset, contents.byteLength);
    const raw = readRaw(bytes, scheme, name);
    if (holds(raw, scheme, key, signed)) return raw;
    const others = otherKeys.filter(({ fields: other }) => other.scheme === scheme);
    const { problem, hint } = diagnose({
      ...{ raw, scheme, key, contents: signed, wrongBytes },
      otherKeys: others.filter((other) => other !== publicKey),
    });
    throw invalid(`${name} is no signature by ${publicKey.name} for this image: ${problem}`, hint);
  };
  return {
    reference: name,
    scheme,
    publicKey: key,
    digest: keyDigest(fields),
    development: publicKey.development,
    // eslint-disable-next-line @typescript-eslint/require-await -- a promise that rejects, as with any other signer
    sign: async (contents) => signatureOver(contents),
  };
}

function readRaw(bytes: Buffer, scheme: SignatureScheme, name: string): Buffer {
  const text = textEncoding(bytes);
  if (text !== undefined) {
    throw invalid(
      `${name} is ${text} text; the bytes of a signature were expected`,
      text === 'base64' ? 'Decode it first: base64 -d.' : 'Decode it first: xxd -r -p.',
    );
  }
  if (scheme === 'rsa3072') {
    if (bytes.length === RSA_LENGTH) return bytes;
    const found = `it has ${bytes.length} bytes; a signature with RSA-3072 has ${RSA_LENGTH}`;
    throw invalid(`${name} is no signature with RSA-3072: ${found}`);
  }
  const reading = readEcdsaSignature(bytes, SIGNATURE_SCHEMES[scheme].coordinateLength);
  if (reading.kind === 'signature') return reading.raw;
  throw invalid(`${name} is no ${scheme} signature: ${reading.problem}`);
}

/** Command lines of cloud services print signatures as text. */
function textEncoding(bytes: Buffer): 'hex' | 'base64' | undefined {
  const text = bytes.toString('latin1').trim();
  if (text.length < 60) return undefined;
  if (/^[0-9a-fA-F\s]+$/.test(text)) return 'hex';
  return /^[A-Za-z0-9+/_\s-]+={0,2}$/.test(text) ? 'base64' : undefined;
}

function holds(raw: Buffer, scheme: SignatureScheme, key: KeyObject, contents: Buffer): boolean {
  const { hash } = SIGNATURE_SCHEMES[scheme];
  return scheme === 'rsa3072'
    ? verify(hash, contents, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, raw)
    : verify(hash, contents, { key, dsaEncoding: 'ieee-p1363' }, raw);
}

function invalid(message: string, hint?: string): SigningError {
  return new SigningError('SIGNATURE_INVALID', message, hint === undefined ? {} : { hint });
}
