/** ECDSA schemes of Secure Boot V2. ESP-IDF 6.0 no longer offers `ecdsa192`; espsecure still does. */
export type EcdsaScheme = 'ecdsa192' | 'ecdsa256' | 'ecdsa384';

/** Signature schemes of Secure Boot V2, in espsecure's words (`generate-signing-key --scheme`). */
export type SignatureScheme = 'rsa3072' | EcdsaScheme;

type RsaFacts = {
  readonly kind: 'rsa';
  /** Hash of the signed data, as node:crypto names it. */
  readonly hash: 'sha256';
  /** Length in bytes of that hash. */
  readonly digestLength: 32;
};

export type EcdsaFacts = {
  readonly kind: 'ecdsa';
  /** Hash of the signed data, as node:crypto names it. */
  readonly hash: 'sha256' | 'sha384';
  /** Length in bytes of that hash. */
  readonly digestLength: 32 | 48;
  /** The curve as OpenSSL and node:crypto name it. */
  readonly curve: 'prime192v1' | 'prime256v1' | 'secp384r1';
  /** The curve's number in the signature block. */
  readonly curveId: 1 | 2 | 3;
  /** Length in bytes of x, y, r and s. */
  readonly coordinateLength: 24 | 32 | 48;
  /** Length in bytes of the block's fields for x and y, and for r and s: what is left over is zero. */
  readonly pairFieldLength: 64 | 96;
};

/**
 * What distinguishes the schemes on disk and in node:crypto.
 * Source: espsecure, `generate_ecdsa_signature_block` and its CURVE_ID_* constants.
 */
export const SIGNATURE_SCHEMES: { readonly rsa3072: RsaFacts } & Readonly<
  Record<EcdsaScheme, EcdsaFacts>
> = {
  rsa3072: { kind: 'rsa', hash: 'sha256', digestLength: 32 },
  ecdsa192: {
    kind: 'ecdsa',
    hash: 'sha256',
    digestLength: 32,
    curve: 'prime192v1',
    curveId: 1,
    coordinateLength: 24,
    pairFieldLength: 64,
  },
  ecdsa256: {
    kind: 'ecdsa',
    hash: 'sha256',
    digestLength: 32,
    curve: 'prime256v1',
    curveId: 2,
    coordinateLength: 32,
    pairFieldLength: 64,
  },
  ecdsa384: {
    kind: 'ecdsa',
    hash: 'sha384',
    digestLength: 48,
    curve: 'secp384r1',
    curveId: 3,
    coordinateLength: 48,
    pairFieldLength: 96,
  },
};

/** The ECDSA schemes in the order of their curve numbers. */
export const ECDSA_SCHEMES: readonly EcdsaScheme[] = ['ecdsa192', 'ecdsa256', 'ecdsa384'];
