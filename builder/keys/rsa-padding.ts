import { constants, createHash, publicDecrypt, type KeyObject } from 'node:crypto';

/** signature^e mod n (384 bytes), what an RSA signature was made of. Undefined for a number that is not below n. */
export function encodedMessage(key: KeyObject, signature: Buffer): Buffer | undefined {
  try {
    return publicDecrypt({ key, padding: constants.RSA_NO_PADDING }, signature);
  } catch {
    return undefined;
  }
}

/** What EMSA-PKCS1-v1_5 (RFC 8017, section 9.2: 00 01, at least eight FF, 00) has encoded; undefined for other padding. */
export function readPkcs1(encoded: Buffer): Buffer | undefined {
  if (encoded[0] !== 0 || encoded[1] !== 1) return undefined;
  const end = encoded.findIndex((byte, index) => index >= 2 && byte !== 0xff);
  return end >= 10 && encoded[end] === 0 ? encoded.subarray(end + 1) : undefined;
}

/** What EMSA-PSS (RFC 8017, section 9.1) has encoded: how long its salt is, and a check of the digest it is for. */
export type EncodedPss = {
  readonly saltLength: number;
  readonly matches: (digest: Buffer) => boolean;
};

/**
 * Takes an encoded message of an RSA key of 8k bits apart, with `hash` for the digest and `mgf` for the mask. Undefined when
 * it is not EMSA-PSS with those: its last byte, its padding or its separator do not fit.
 */
export function readPss(encoded: Buffer, hash: string, mgf: string): EncodedPss | undefined {
  const hashLength = createHash(hash).digest().length;
  if (encoded.at(-1) !== 0xbc || encoded.length < hashLength + 2) return undefined;
  const masked = encoded.subarray(0, -hashLength - 1);
  const expected = encoded.subarray(-hashLength - 1, -1);
  const block = mask(expected, masked.length, mgf).map((byte, at) => byte ^ (masked[at] ?? 0));
  // A modulus of 8k bits leaves 8k − 1 for the message: its highest bit is cleared.
  block[0] = (block[0] ?? 0) & 0x7f;
  const separator = block.findIndex((byte) => byte !== 0);
  if (separator === -1 || block[separator] !== 1) return undefined;
  const salt = block.subarray(separator + 1);
  return {
    saltLength: salt.length,
    matches: (digest) =>
      createHash(hash)
        .update(Buffer.alloc(8))
        .update(digest)
        .update(salt)
        .digest()
        .equals(expected),
  };
}

/** MGF1 (RFC 8017, appendix B.2.1). */
function mask(seed: Buffer, length: number, hash: string): Buffer {
  const blocks: Buffer[] = [];
  for (let counter = 0, have = 0; have < length; counter += 1) {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(counter);
    const block = createHash(hash).update(seed).update(number).digest();
    blocks.push(block);
    have += block.length;
  }
  return Buffer.concat(blocks).subarray(0, length);
}
