import { constants, createHash, publicDecrypt, type KeyObject } from 'node:crypto';

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
  const encoded = open(signature, key);
  if (encoded === undefined) return [{ kind: 'other' }];
  if (isPkcs1(encoded)) return [{ kind: 'pkcs1' }];
  const readings = HASHES.flatMap((hash) =>
    HASHES.flatMap((mgf): readonly RsaEncoding[] => {
      const pss = readPss(encoded, hash, mgf);
      return pss === undefined ? [] : [pss];
    }),
  );
  return readings.length === 0 ? [{ kind: 'other' }] : readings;
}

function open(signature: Buffer, key: KeyObject): Buffer | undefined {
  try {
    return publicDecrypt({ key, padding: constants.RSA_NO_PADDING }, signature);
  } catch {
    // The number is not below the modulus.
    return undefined;
  }
}

/** EM = 00 01 FF… 00 DigestInfo, with at least eight FF (RFC 8017, section 9.2). */
function isPkcs1(encoded: Buffer): boolean {
  if (encoded[0] !== 0 || encoded[1] !== 1) return false;
  const end = encoded.findIndex((byte, index) => index >= 2 && byte !== 0xff);
  return end >= 10 && encoded[end] === 0;
}

/** EM = maskedDB ‖ H ‖ BC, and DB = 00… 01 salt (RFC 8017, section 9.1.2). Undefined when the unmasked DB is not one. */
function readPss(encoded: Buffer, hash: HashName, mgf: HashName): RsaEncoding | undefined {
  if (encoded[encoded.length - 1] !== 0xbc) return undefined;
  const hashLength = createHash(hash).digest().length;
  const masked = encoded.subarray(0, encoded.length - hashLength - 1);
  const digest = encoded.subarray(masked.length, encoded.length - 1);
  const mask = maskOf(digest, masked.length, mgf);
  const db = Buffer.from(masked.map((byte, index) => byte ^ (mask[index] ?? 0)));
  // The encoding is one bit shorter than the modulus.
  db.writeUInt8(db.readUInt8(0) & 0x7f, 0);
  const separator = db.findIndex((byte) => byte !== 0);
  if (separator === -1 || db[separator] !== 1) return undefined;
  const salt = db.subarray(separator + 1);
  return {
    kind: 'pss',
    hash,
    mgf,
    saltLength: salt.length,
    matches: (message) => {
      const inner = createHash(hash).update(message).digest();
      const zeros = Buffer.alloc(8);
      return createHash(hash).update(zeros).update(inner).update(salt).digest().equals(digest);
    },
  };
}

/** MGF1 (RFC 8017, appendix B.2.1). */
function maskOf(seed: Buffer, length: number, hash: HashName): Buffer {
  const parts: Buffer[] = [];
  const counter = Buffer.alloc(4);
  for (let made = 0; made < length;) {
    counter.writeUInt32BE(parts.length);
    const part = createHash(hash).update(seed).update(counter).digest();
    parts.push(part);
    made += part.length;
  }
  return Buffer.concat(parts, length);
}
