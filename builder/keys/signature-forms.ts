import type { SignatureScheme } from '../format/signature-scheme.ts';
import { SIGNATURE_SCHEMES } from '../format/signature-scheme.ts';
import { RSA_LENGTH } from '../format/signature-block.ts';
import { derToEcdsa } from './forge.ts';

/** Length in bytes of a signature as blocks hold it: RSA big-endian, or r and s behind each other. */
export function signatureLength(scheme: SignatureScheme): number {
  const facts = SIGNATURE_SCHEMES[scheme];
  return facts.kind === 'rsa' ? RSA_LENGTH : 2 * facts.coordinateLength;
}

/**
 * Every way to read what a signer answered as a signature of that scheme: the bytes themselves, ECDSA also in DER (RFC 3279,
 * section 2.2.3), and each of these in Base64 (also the URL's alphabet), blanks around it. Which one is meant, only
 * verifying can tell: there are a few at most, and none when the answer cannot be a signature.
 */
export function signatureForms(answer: Buffer, scheme: SignatureScheme): readonly Buffer[] {
  const decoded = fromBase64(answer);
  return [answer, ...(decoded === undefined ? [] : [decoded])].flatMap((bytes) => {
    const der = scheme === 'rsa3072' ? undefined : derToEcdsa(bytes, signatureLength(scheme));
    const raw = bytes.length === signatureLength(scheme) ? [bytes] : [];
    return der === undefined ? raw : [...raw, der];
  });
}

function fromBase64(answer: Buffer): Buffer | undefined {
  const text = answer.toString('latin1').replace(/\s+/g, '');
  return /^[\w+/-]{8,}={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined;
}
