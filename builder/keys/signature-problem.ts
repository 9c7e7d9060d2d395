import { createHash, type KeyObject } from 'node:crypto';
import { encodedMessage, readPkcs1, readPss } from './rsa-padding.ts';
import { signatureForms, signatureLength } from './signature-forms.ts';
import { ecdsaHolds } from './verify-signature.ts';
import type { SignRequest } from './signer.ts';

/** DigestInfo (RFC 8017, section 9.2) up to the digest. */
const DIGEST_INFOS: Readonly<Record<string, string>> = {
  sha1: '3021300906052b0e03021a05000414',
  sha224: '302d300d06096086480165030402040500041c',
  sha256: '3031300d060960864801650304020105000420',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
};
/** PSS is masked with whatever hash the signer took; these are the ones that signers take. */
const HASHES = ['sha256', 'sha384', 'sha512', 'sha1', 'sha224'] as const;
const RSA_SALT_LENGTH = 32;
const LONGEST_USUAL_SALT = 64;

/**
 * Says what is wrong with a signature that does not hold, as the rest of a sentence that begins with who made it: a
 * verb phrase ("answered with …"). `answer` is what the signer gave, in any form. Names the usual mistakes exactly:
 * PKCS#1 v1.5 instead of PSS, another salt length or hash, a digest that was hashed again, r and s swapped, bytes in
 * the wrong order, a wrong length, another key.
 */
export function describeSignatureProblem(
  publicKey: KeyObject,
  request: SignRequest,
  answer: Buffer,
): string {
  if (answer.length === 0) return 'answered with nothing';
  const forms = signatureForms(answer, request.scheme);
  for (const form of forms) {
    const problem =
      request.scheme === 'rsa3072'
        ? rsaProblem(publicKey, request, form)
        : ecdsaProblem(publicKey, request, form);
    if (problem !== undefined) return problem;
  }
  if (forms.length === 0) return describeLength(request, answer);
  return 'answered with a signature by another key, or with no signature: it does not belong to the public key';
}

function rsaProblem(key: KeyObject, request: SignRequest, signature: Buffer): string | undefined {
  const encoded = encodedMessage(key, signature);
  const problem = encoded === undefined ? undefined : encodedProblem(request, encoded);
  if (problem !== undefined) return problem;
  const reversed = encodedMessage(key, Buffer.from(signature).reverse());
  if (reversed === undefined || encodedProblem(request, reversed) === undefined) return undefined;
  return 'answered with its bytes in the wrong order (little-endian); the most significant byte comes first';
}

function encodedProblem(request: SignRequest, encoded: Buffer): string | undefined {
  return (
    pkcs1Problem(request, encoded) ?? maskProblem(request, encoded) ?? pssProblem(request, encoded)
  );
}

function pkcs1Problem({ digest }: SignRequest, encoded: Buffer): string | undefined {
  const inside = readPkcs1(encoded);
  if (inside === undefined) return undefined;
  const plain =
    'made a PKCS#1 v1.5 signature; Secure Boot V2 takes RSA-PSS (SHA-256, salt of 32 bytes)';
  for (const [hash, prefix] of Object.entries(DIGEST_INFOS)) {
    if (!inside.toString('hex').startsWith(prefix)) continue;
    const signed = inside.subarray(prefix.length / 2);
    if (signed.equals(digest)) return plain;
    return `${plain}, and it is over ${describeOther(hash, digest, signed)}`;
  }
  return plain;
}

/** The right digest behind another mask: libraries that have a setting of its own for it often leave it at SHA-1. */
function maskProblem({ digest }: SignRequest, encoded: Buffer): string | undefined {
  const mgf = HASHES.find((each) => readPss(encoded, 'sha256', each)?.matches(digest) === true);
  if (mgf === undefined || mgf === 'sha256') return undefined;
  return `made an RSA-PSS signature with MGF1-${mgf} as its mask; Secure Boot V2 takes MGF1-sha256`;
}

function pssProblem({ digest }: SignRequest, encoded: Buffer): string | undefined {
  for (const hash of HASHES) {
    const pss = readPss(encoded, hash, hash);
    if (pss === undefined) continue;
    const { saltLength, matches } = pss;
    if (hash === 'sha256' && matches(digest))
      return `made an RSA-PSS signature with a salt of ${saltLength} bytes; Secure Boot V2 takes ${RSA_SALT_LENGTH}`;
    if (matches(createHash(hash).update(digest).digest())) return HASHED_AGAIN;
    // Noise can look like a very long salt by chance, but not like a usual one behind hundreds of zeros.
    if (saltLength > LONGEST_USUAL_SALT) continue;
    return hash === 'sha256'
      ? 'signed something else: its signature is one of the public key, but over another digest'
      : `made an RSA-PSS signature with ${hash} as its hash; Secure Boot V2 takes sha256`;
  }
  return undefined;
}

function ecdsaProblem(key: KeyObject, request: SignRequest, signature: Buffer): string | undefined {
  const { hash, digest, contents } = request;
  if (
    ['sha256', 'sha384', 'sha512', 'sha1'].some((other) =>
      ecdsaHolds(key, other, digest, signature),
    )
  )
    return HASHED_AGAIN;
  const half = signature.length / 2;
  const [r, s] = [signature.subarray(0, half), signature.subarray(half)];
  const holds = (...parts: readonly Buffer[]): boolean =>
    ecdsaHolds(key, hash, contents, Buffer.concat(parts));
  if (holds(s, r)) return 'answered with s before r; r comes first';
  if (holds(Buffer.from(r).reverse(), Buffer.from(s).reverse()))
    return 'answered with r and s in the wrong byte order (little-endian); the most significant byte comes first';
  const other = HASHES.find((name) => name !== hash && ecdsaHolds(key, name, contents, signature));
  return other === undefined
    ? undefined
    : `made an ECDSA signature with ${other} as its hash; this key's scheme takes ${hash}`;
}

const HASHED_AGAIN =
  'hashed the digest again before it signed; what it gets is the digest already, which is to be signed as it is';

function describeOther(hash: string, digest: Buffer, signed: Buffer): string {
  const twice = createHash(hash).update(digest).digest();
  return twice.equals(signed) ? 'the digest hashed again' : `another digest (${hash})`;
}

function describeLength({ scheme }: SignRequest, answer: Buffer): string {
  const expected = signatureLength(scheme);
  const form = scheme === 'rsa3072' ? '' : ' (r and s) or ECDSA in DER';
  return `answered with ${answer.length} bytes that cannot be a signature; ${expected} bytes${form} were expected, or their Base64`;
}
