import { createHash, verify, type KeyObject } from 'node:crypto';
import type { SignatureScheme } from '../../format/signature-scheme.ts';
import { SIGNATURE_SCHEMES } from '../../format/signature-scheme.ts';
import { rsaEncodings, type HashName, type RsaEncoding } from './rsa-encoding.ts';

/** Bytes that somebody may have signed instead of the right ones, and the words for them. */
export type WrongBytes = { readonly words: string; readonly bytes: Buffer };

/** A signature that does not hold: raw as the scheme has it, and everything that helps to find out why. */
export type BadSignature = {
  readonly raw: Buffer;
  readonly scheme: SignatureScheme;
  readonly key: KeyObject;
  /** What should have been signed. */
  readonly contents: Buffer;
  readonly wrongBytes: readonly WrongBytes[];
  /** Other public keys of the same call, by the names of their files. */
  readonly otherKeys: readonly { readonly name: string; readonly key: KeyObject }[];
};

/** What is wrong with a signature, and what to tell the signer. */
export type Diagnosis = { readonly problem: string; readonly hint?: string };

const DIGEST_HINT =
  'Sign the digest as a digest (OpenSSL pkeyutl with -pkeyopt digest, KMS message type DIGEST), or sign the contents (--contents-out).';
const PSS_HINT =
  'Ask for RSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes (OpenSSL: rsa_padding_mode:pss, rsa_pss_saltlen:32).';

/**
 * Finds out why a signature from elsewhere does not hold: other padding, salt, hash or contents, another key, another
 * byte order. Costs a few hashes of the contents; only called when the signature is known to be bad.
 */
export function diagnose(bad: BadSignature): Diagnosis {
  const own = bad.scheme === 'rsa3072' ? diagnoseRsa(bad) : diagnoseEcdsa(bad);
  if (own !== undefined) return own;
  const other = bad.otherKeys.find(({ key }) => isSignedBy({ ...bad, key }));
  if (other !== undefined) {
    return {
      problem: `it is by the key ${other.name}, not by the one beside which it was named`,
      hint: 'Name every --signature in the order of its --public-key.',
    };
  }
  if (isReversed(bad))
    return { problem: 'its bytes are in reverse order (little-endian); big-endian was expected' };
  return bad.scheme === 'rsa3072'
    ? { problem: 'another key made it: under this one it has no padding at all' }
    : { problem: 'another key made it, or it is for other bytes: nothing that was tried verifies' };
}

function isSignedBy({ raw, scheme, key, contents }: BadSignature): boolean {
  if (scheme === 'rsa3072')
    return rsaEncodings(raw, key).some((found) => found.kind === 'pss' && found.matches(contents));
  return verifiesEcdsa(raw, key, contents, SIGNATURE_SCHEMES[scheme].hash);
}

function isReversed(bad: BadSignature): boolean {
  const half = bad.scheme === 'rsa3072' ? bad.raw.length : bad.raw.length / 2;
  const parts = [bad.raw.subarray(0, half), bad.raw.subarray(half)];
  const raw = Buffer.concat(parts.map((part) => Buffer.from(part).reverse()));
  return isSignedBy({ ...bad, raw });
}

function diagnoseRsa(bad: BadSignature): Diagnosis | undefined {
  const { raw, key, contents } = bad;
  const readings = rsaEncodings(raw, key);
  if (readings.some(({ kind }) => kind === 'pkcs1')) {
    return {
      problem: 'it has PKCS#1 v1.5 padding; Secure Boot V2 takes RSA-PSS',
      hint: PSS_HINT,
    };
  }
  const right = readings.find((found) => found.kind === 'pss' && found.matches(contents));
  if (right?.kind === 'pss') return diagnosePss(right);
  const wrong = wrongBytesOf(bad, 'sha256').find(({ bytes }) =>
    readings.some((found) => found.kind === 'pss' && found.matches(bytes)),
  );
  if (wrong !== undefined) return signedWrongBytes(wrong);
  if (readings.some(({ kind }) => kind === 'other')) return undefined;
  return {
    problem:
      'it is by this key, but for other bytes: another image, another version, or other padding',
    hint: 'Make the digest anew with --digest-out and the same options, and sign that.',
  };
}

/** The right bytes and the right key: then it is one of the three parameters. */
function diagnosePss({
  hash,
  mgf,
  saltLength,
}: Extract<RsaEncoding, { readonly kind: 'pss' }>): Diagnosis {
  if (hash !== 'sha256')
    return { problem: `it hashes with ${title(hash)}; SHA-256 was expected`, hint: PSS_HINT };
  if (saltLength !== 32) {
    return {
      problem: `its PSS salt has ${saltLength} bytes; Secure Boot V2 takes exactly 32`,
      hint: PSS_HINT,
    };
  }
  return { problem: `its mask is MGF1 with ${title(mgf)}; SHA-256 was expected`, hint: PSS_HINT };
}

function diagnoseEcdsa(bad: BadSignature): Diagnosis | undefined {
  const { raw, scheme, key, contents } = bad;
  if (scheme === 'rsa3072') return undefined;
  const { hash } = SIGNATURE_SCHEMES[scheme];
  const otherHash = (['sha256', 'sha384', 'sha512', 'sha1'] as const).find(
    (name) => name !== hash && verifiesEcdsa(raw, key, contents, name),
  );
  if (otherHash !== undefined)
    return { problem: `it hashes with ${title(otherHash)}; ${scheme} takes ${title(hash)}` };
  const wrong = wrongBytesOf(bad, hash).find(({ bytes }) => verifiesEcdsa(raw, key, bytes, hash));
  return wrong === undefined ? undefined : signedWrongBytes(wrong);
}

function wrongBytesOf(
  { contents, wrongBytes }: BadSignature,
  hash: HashName,
): readonly WrongBytes[] {
  const digest = createHash(hash).update(contents).digest();
  return [
    ...wrongBytes,
    { words: HASHED_TWICE, bytes: digest },
    { words: 'the digest written in hex', bytes: Buffer.from(digest.toString('hex')) },
  ];
}

const HASHED_TWICE = 'the digest, which was hashed once more';

function signedWrongBytes({ words }: WrongBytes): Diagnosis {
  return {
    problem: `it is by the right key, but signs ${words}`,
    hint: words === HASHED_TWICE ? DIGEST_HINT : 'Sign what --digest-out or --contents-out writes.',
  };
}

function verifiesEcdsa(raw: Buffer, key: KeyObject, message: Buffer, hash: HashName): boolean {
  return verify(hash, message, { key, dsaEncoding: 'ieee-p1363' }, raw);
}

function title(hash: HashName): string {
  return hash.replace('sha', 'SHA-').toUpperCase();
}
