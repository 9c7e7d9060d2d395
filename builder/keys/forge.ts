import forge from 'node-forge';

/** One PEM block: its label (`RSA PRIVATE KEY`), whether a passphrase guards it, and its DER contents. */
export type PemBlock = {
  readonly label: string;
  readonly encrypted: boolean;
  readonly der: Buffer;
};

/**
 * The PEM blocks of a text, read by node-forge. Undefined when there is none or one is malformed: forge's own words
 * say nothing to the owner of a key file.
 */
export function readPem(text: string): readonly PemBlock[] | undefined {
  try {
    return forge.pem.decode(text).map(({ type, procType, body }) => ({
      label: type,
      encrypted:
        type === 'ENCRYPTED PRIVATE KEY' ||
        (procType as { type?: string } | null)?.type === 'ENCRYPTED',
      der: Buffer.from(body, 'latin1'),
    }));
  } catch {
    return undefined;
  }
}

/**
 * Checks an RSA-PSS signature (SHA-256, MGF1 with SHA-256, salt of 32 bytes) with node-forge, the second implementation
 * beside OpenSSL's. `modulus` and `signature` are big-endian, `digest` is the SHA-256 of what was signed. Never throws:
 * forge throws on some malformed signatures, which only means that they are invalid.
 */
export function forgeVerifiesPss(
  key: { modulus: Buffer; exponent: number },
  digest: Buffer,
  signature: Buffer,
): boolean {
  const { BigInteger } = forge.jsbn;
  const publicKey = forge.pki.setRsaPublicKey(
    new BigInteger(key.modulus.toString('hex'), 16),
    new BigInteger(key.exponent.toString(16), 16),
  );
  // Untyped in @types/node-forge.
  const mgf: unknown = forge.mgf.mgf1.create(forge.md.sha256.create());
  const scheme: unknown = forge.pss.create({
    md: forge.md.sha256.create(),
    mgf,
    saltLength: 32,
  });
  try {
    return publicKey.verify(digest.toString('latin1'), signature.toString('latin1'), scheme);
  } catch {
    return false;
  }
}

/** An ECDSA signature, r and s behind each other, as ECDSA-Sig-Value in DER (RFC 3279, section 2.2.3). */
export function ecdsaToDer(signature: Buffer): Buffer {
  const { asn1 } = forge;
  const half = signature.length / 2;
  const { INTEGER, SEQUENCE } = asn1.Type;
  const integer = (number: Buffer): forge.asn1.Asn1 =>
    asn1.create(asn1.Class.UNIVERSAL, INTEGER, false, minimalInteger(number).toString('latin1'));
  const sequence = asn1.create(asn1.Class.UNIVERSAL, SEQUENCE, true, [
    integer(signature.subarray(0, half)),
    integer(signature.subarray(half)),
  ]);
  return Buffer.from(asn1.toDer(sequence).getBytes(), 'latin1');
}

/** DER integers are signed and as short as they can be. */
function minimalInteger(number: Buffer): Buffer {
  const first = number.findIndex((byte) => byte !== 0);
  const digits = number.subarray(first === -1 ? number.length - 1 : first);
  return (digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), digits]) : digits;
}
