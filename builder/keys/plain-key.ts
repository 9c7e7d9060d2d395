/** Longest padding of a block cipher that key files use. */
const LONGEST_PADDING = 16;

/** Object identifiers and other stretches of DER that every private key of these kinds has somewhere. */
const LANDMARKS = [
  '06092a864886f70d010101', // rsaEncryption
  '06072a8648ce3d0201', // id-ecPublicKey
  '06082a8648ce3d030101', // prime192v1
  '06082a8648ce3d030107', // prime256v1
  '06052b81040022', // secp384r1
  'a13403320004', // [1] with a point of P-192, uncompressed: the public half, at the other end of an EC key
  'a14403420004', // the same of P-256
  'a16403620004', // and of P-384
  '0203010001028201', // RSA: exponent 65537, then a private exponent of 257 to 511 bytes
  '02010002820181', // RSA with 3072 bits: version 0, then the modulus
].map((hex) => Buffer.from(hex, 'hex'));

/** Removes the padding of PKCS#7 from what was decrypted; what has none stays as it is. */
export function withoutPadding(plain: Buffer): Buffer {
  const length = plain.at(-1) ?? 0;
  const padding = plain.subarray(-length);
  const isPadding =
    length >= 1 &&
    length <= LONGEST_PADDING &&
    padding.length === length &&
    padding.every((byte) => byte === length);
  return isPadding ? plain.subarray(0, -length) : plain;
}

/**
 * Whether decrypted bytes have the landmarks of a private key, though they may be damaged: a wrong passphrase makes noise,
 * in which six given bytes practically never stand.
 */
export function looksLikeKey(plain: Buffer): boolean {
  return LANDMARKS.some((landmark) => plain.includes(landmark));
}
