import { createHash, type KeyObject } from 'node:crypto';
import { encodedMessage, readPkcs1, readPss } from '../../keys/rsa-padding.ts';

/** Hashes that signers are set to, as node:crypto names them. */
const HASHES = ['sha256', 'sha384', 'sha512', 'sha1'] as const;
export type HashName = (typeof HASHES)[number];

/**
 * What an RSA signature turns out to be when its key opens it (RFC 8017):
 * - `pkcs1`: EMSA-PKCS1-v1_5
 * - `pss`: EMSA-PSS with that hash, mask generation and salt; `matches` tells whether a message's hash is in it
 * - `other`: no padding that there is: another key made it, or no key at all
 */
export type RsaEncoding =
  | { readonly kind: 'pkcs1' }
  | {
      readonly kind: 'pss';
      readonly hash: HashName;
      readonly mgf: HashName;
      readonly saltLength: number;
      readonly matches: (message: Buffer) => boolean;
    }
  | { readonly kind: 'other' };

/** Every reading of a signature (384 bytes, big-endian) under a key; the first that matches a message is the right one. */
export function rsaEncodings(signature: Buffer, key: KeyObject): readonly RsaEncoding[] {
  const encoded = encodedMessage(key, signature);
  if (encoded === undefined) return [{ kind: 'other' }];
  if (readPkcs1(encoded) !== undefined) return [{ kind: 'pkcs1' }];
  const readings = HASHES.flatMap((hash) =>
    HASHES.flatMap((mgf): readonly RsaEncoding[] => {
      const pss = readPss(encoded, hash, mgf);
      if (pss === undefined) return [];
      const matches = (message: Buffer): boolean =>
        pss.matches(createHash(hash).update(message).digest());
      return [{ kind: 'pss', hash, mgf, saltLength: pss.saltLength, matches }];
    }),
  );
  return readings.length === 0 ? [{ kind: 'other' }] : readings;
}
