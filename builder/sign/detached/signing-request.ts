import { createHash } from 'node:crypto';
import { SIGNATURE_SCHEMES } from '../../format/signature-scheme.ts';
import { keyDigest } from '../../format/signature-block.ts';
import type { Prepared } from '../prepare.ts';
import { keySchemeOf, type SigningScheme } from '../scheme.ts';
import type { PublicKeyFile } from './public-key-file.ts';

/** What somebody else has to sign, as a file for people and programs. Numbers are bytes, digests are in hex. */
export type SigningRequest = {
  readonly schema: 1;
  /** The file to be signed as its user named it, and its SHA-256 as it is now, without padding. */
  readonly file: string;
  readonly fileSha256: string;
  readonly kind: Prepared['kind'];
  readonly chip: string;
  readonly scheme: SigningScheme;
  readonly algorithm: 'RSASSA-PSS' | 'ECDSA';
  /** RSA-3072, or the curve as NIST names it. */
  readonly keyType: string;
  readonly hash: 'sha256' | 'sha384';
  /** RSA-PSS only: MGF1 with the same hash, and the salt's length. */
  readonly mgf?: 'MGF1-SHA256';
  readonly saltLength?: 32;
  /** Length of what the digest covers: the file with its padding, without a signature. */
  readonly paddedLength: number;
  /** What is signed: the hash of those bytes. Signers that hash for themselves are given the bytes instead. */
  readonly digest: string;
  /** Forms of signature that `--signature` reads. */
  readonly signatureFormats: readonly string[];
  /** For whom this is, as far as `--public-key` said. */
  readonly keys: readonly { readonly file: string; readonly digest: string }[];
};

const KEY_TYPES = {
  rsa3072: 'RSA-3072',
  ecdsa192: 'P-192',
  ecdsa256: 'P-256',
  ecdsa384: 'P-384',
} as const;

/** The request for a prepared file, and the digest itself (32 or 48 bytes). */
export function signingRequest(
  prepared: Prepared,
  keys: readonly PublicKeyFile[],
): { readonly request: SigningRequest; readonly digest: Buffer } {
  const keyScheme = keySchemeOf(prepared.scheme);
  const facts = SIGNATURE_SCHEMES[keyScheme];
  const digest = createHash(facts.hash).update(prepared.contents).digest();
  const request: SigningRequest = {
    schema: 1,
    file: prepared.name,
    fileSha256: createHash('sha256').update(prepared.file).digest('hex'),
    kind: prepared.kind,
    chip: prepared.chip.name,
    scheme: prepared.scheme,
    algorithm: facts.kind === 'rsa' ? 'RSASSA-PSS' : 'ECDSA',
    keyType: KEY_TYPES[keyScheme],
    hash: facts.hash,
    ...(facts.kind === 'rsa' ? ({ mgf: 'MGF1-SHA256', saltLength: 32 } as const) : {}),
    paddedLength: prepared.contents.length,
    digest: digest.toString('hex'),
    signatureFormats:
      facts.kind === 'rsa'
        ? ['384 bytes, big-endian']
        : [`r and s, ${facts.coordinateLength} bytes each, big-endian`, 'ECDSA-Sig-Value in DER'],
    keys: keys.map(({ name, fields }) => ({
      file: name,
      digest: keyDigest(fields).toString('hex'),
    })),
  };
  return { request, digest };
}
