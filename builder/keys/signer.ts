import type { KeyObject } from 'node:crypto';
import type { SignatureScheme } from '../format/signature-scheme.ts';

/** Who can sign: one key, wherever it lives. The private key never leaves the implementation. */
export type Signer = {
  /** The key reference as the user wrote it: safe to show. */
  readonly reference: string;
  readonly scheme: SignatureScheme;
  readonly publicKey: KeyObject;
  /** SHA-256 of the key as eFuse holds it (espsecure `digest-sbv2-public-key`). */
  readonly digest: Buffer;
  /** Made on a laptop for trying things out: never for a release that leaves the house. */
  readonly development: boolean;
  /**
   * Signs `contents` with the hash of the scheme: RSA-PSS (salt of 32 bytes, 384 bytes big-endian) or ECDSA (r and s
   * behind each other, big-endian). What comes back has been verified with `publicKey`. Throws SigningError.
   */
  readonly sign: (contents: Uint8Array) => Promise<Buffer>;
  /**
   * The same with the nonce of RFC 6979, which gives the same contents the same signature: Secure Boot V1. Only keys on
   * P-256 whose private half is at hand can.
   */
  readonly signDeterministically?: (contents: Uint8Array) => Promise<Buffer>;
};

/** What is to be signed, as a key holder gets it. */
export type SignRequest = {
  readonly scheme: SignatureScheme;
  /** The hash that `digest` was made with. */
  readonly hash: 'sha256' | 'sha384';
  readonly digest: Buffer;
  /** What was hashed: for keys in this process only, because node:crypto hashes by itself. It never leaves the process. */
  readonly contents: Uint8Array;
};

/**
 * The contract of every kind of key: a public key, and a way to have a digest signed. `sign` answers with the bytes that
 * the key gave, in any of the forms that `signature-forms.ts` reads; nothing of it is believed before it is verified.
 */
export type KeyHolder = {
  readonly reference: string;
  readonly publicKey: KeyObject;
  readonly development: boolean;
  readonly sign: (request: SignRequest) => Promise<Buffer>;
  /** What came with the last answer for people to read: of use where the answer is none. */
  readonly said?: () => string;
};
