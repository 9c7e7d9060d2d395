import forge from 'node-forge';

/** One PEM block: its label (`RSA PRIVATE KEY`), whether a passphrase guards it, and its DER contents. */
export type PemBlock = {
  readonly label: string;
  readonly encrypted: boolean;
  readonly der: Buffer;
  /** DEK-Info of a block that is encrypted as OpenSSL did before PKCS#8 (RFC 1421, section 4.6.1.3): cipher and IV in hex. */
  readonly dekInfo?: { readonly cipher: string; readonly iv: string };
};

/**
 * The PEM blocks of a text, read by node-forge. Undefined when there is none or one is malformed: forge's own words
 * say nothing to the owner of a key file.
 */
export function readPem(text: string): readonly PemBlock[] | undefined {
  try {
    return forge.pem.decode(text).map(({ type, procType, dekInfo, body }) => {
      const info = dekInfo as { algorithm?: string; parameters?: string | null } | null;
      return {
        label: type,
        encrypted:
          type === 'ENCRYPTED PRIVATE KEY' ||
          (procType as { type?: string } | null)?.type === 'ENCRYPTED',
        der: Buffer.from(body, 'latin1'),
        ...(info?.algorithm === undefined
          ? {}
          : { dekInfo: { cipher: info.algorithm, iv: info.parameters ?? '' } }),
      };
    });
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

/**
 * The inverse of `ecdsaToDer`: r and s behind each other, `length` bytes together. Undefined for what is not exactly one
 * ECDSA-Sig-Value in DER with two numbers that fit.
 */
export function derToEcdsa(der: Buffer, length: number): Buffer | undefined {
  const numbers = readIntegers(der);
  if (numbers?.length !== 2) return undefined;
  const pair = Buffer.alloc(length);
  for (const [index, number] of numbers.entries()) {
    const digits = number[0] === 0 ? number.subarray(1) : number;
    if (digits.length > length / 2) return undefined;
    digits.copy(pair, ((index + 1) * length) / 2 - digits.length);
  }
  return ecdsaToDer(pair).equals(der) ? pair : undefined;
}

function readIntegers(der: Buffer): readonly Buffer[] | undefined {
  const sequence = readDer(der);
  if (sequence?.tag !== DER_SEQUENCE) return undefined;
  return sequence.children.map(({ content }) => content);
}

/** Tags (X.690) as `Der` has them. */
export const DER_INTEGER = 0x02;
export const DER_BITS = 0x03;
export const DER_OCTETS = 0x04;
export const DER_OID = 0x06;
export const DER_SEQUENCE = 0x30;

/** One element in DER: its tag byte, and its contents or, of a constructed one, its parts. */
export type Der = {
  readonly tag: number;
  readonly content: Buffer;
  readonly children: readonly Der[];
};

/** Reads exactly one element of DER. Undefined for anything else: forge's own words say nothing to the owner of a key file. */
export function readDer(bytes: Buffer): Der | undefined {
  try {
    // Untyped: strict, and a BIT STRING is left as it is.
    const options = { strict: true, parseAllBytes: true, decodeBitStrings: false } as unknown;
    return derOf(forge.asn1.fromDer(bytes.toString('latin1'), options as boolean));
  } catch {
    return undefined;
  }
}

function derOf({ tagClass, type, constructed, value }: forge.asn1.Asn1): Der {
  const tag = tagClass | type | (constructed ? 0x20 : 0);
  return typeof value === 'string'
    ? { tag, content: Buffer.from(value, 'latin1'), children: [] }
    : { tag, content: Buffer.alloc(0), children: value.map(derOf) };
}

/** The bytes of an element that was read. */
export function encodeDer({ tag, content, children }: Der): Buffer {
  const body = children.length === 0 ? content : Buffer.concat(children.map(encodeDer));
  const digits = body.length.toString(16);
  const length = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  const size =
    body.length < 0x80 ? length : Buffer.concat([Buffer.from([0x80 | length.length]), length]);
  return Buffer.concat([Buffer.from([tag]), size, body]);
}

/** `1.2.840…` of an OBJECT IDENTIFIER's contents. */
export function oidOf({ content }: Der): string {
  return forge.asn1.derToOid(content.toString('latin1'));
}

/** An element to write; an array is a SEQUENCE. */
export type DerSource =
  | { readonly oid: string }
  | { readonly octets: Buffer }
  | { readonly integer: number }
  | { readonly empty: true }
  | readonly DerSource[];

/** Writes DER. */
export function writeDer(source: DerSource): Buffer {
  return Buffer.from(forge.asn1.toDer(asn1Of(source)).getBytes(), 'latin1');
}

function asn1Of(source: DerSource): forge.asn1.Asn1 {
  const { asn1 } = forge;
  const { Type } = asn1;
  const plain = (type: forge.asn1.Type, value: string): forge.asn1.Asn1 =>
    asn1.create(asn1.Class.UNIVERSAL, type, false, value);
  if ('oid' in source) return plain(Type.OID, asn1.oidToDer(source.oid).getBytes());
  if ('octets' in source) return plain(Type.OCTETSTRING, source.octets.toString('latin1'));
  if ('integer' in source) return plain(Type.INTEGER, asn1.integerToDer(source.integer).getBytes());
  if ('empty' in source) return plain(Type.NULL, '');
  return asn1.create(asn1.Class.UNIVERSAL, Type.SEQUENCE, true, source.map(asn1Of));
}

/** Ciphers of old key files that the OpenSSL inside Node.js no longer has. */
export type OldCipher = 'des-cbc' | 'rc2-cbc';

/** Decrypts with one of them and leaves the padding. `bits` is RC2's effective key length. */
export function decryptOld(
  cipher: OldCipher,
  { key, iv, bits }: { readonly key: Buffer; readonly iv: Buffer; readonly bits: number },
  bytes: Buffer,
): Buffer {
  const binary = key.toString('latin1');
  const decipher =
    cipher === 'des-cbc'
      ? forge.cipher.createDecipher('DES-CBC', binary)
      : (forge.rc2 as unknown as OldForgeCiphers).createDecryptionCipher(binary, bits);
  const start = iv.toString('latin1');
  // The two kinds of cipher in forge take their IV in two ways.
  (decipher as { start: (iv: unknown) => void }).start(
    cipher === 'des-cbc' ? { iv: start } : forge.util.createBuffer(start),
  );
  decipher.update(forge.util.createBuffer(bytes.toString('latin1')));
  (decipher as { finish: (unpad: () => boolean) => void }).finish(() => true);
  return Buffer.from(decipher.output.getBytes(), 'latin1');
}

/** Untyped in @types/node-forge. */
type OldForgeCiphers = {
  readonly createDecryptionCipher: (key: string, bits: number) => forge.cipher.BlockCipher;
};

/** Key material as PKCS#12 derives it (RFC 7292, appendix B.2) with SHA-1; `id` 1 is for keys, 2 for IVs. */
export function pkcs12Key(
  passphrase: string,
  {
    salt,
    iterations,
    id,
    length,
  }: {
    readonly salt: Buffer;
    readonly iterations: number;
    readonly id: 1 | 2;
    readonly length: number;
  },
): Buffer {
  const derive = (forge as unknown as ForgePkcs12).pbe.generatePkcs12Key;
  const buffer = forge.util.createBuffer(salt.toString('latin1'));
  return Buffer.from(derive(passphrase, buffer, id, iterations, length).getBytes(), 'latin1');
}

/** Untyped in @types/node-forge. */
type ForgePkcs12 = {
  readonly pbe: {
    readonly generatePkcs12Key: (
      password: string,
      salt: forge.util.ByteStringBuffer,
      ...rest: readonly [id: number, iterations: number, length: number]
    ) => forge.util.ByteStringBuffer;
  };
};

/** DER integers are signed and as short as they can be. */
function minimalInteger(number: Buffer): Buffer {
  const first = number.findIndex((byte) => byte !== 0);
  const digits = number.subarray(first === -1 ? number.length - 1 : first);
  return (digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), digits]) : digits;
}
