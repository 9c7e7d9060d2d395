import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { ByteReader, isFilledWith } from './byte-reader.ts';

// esp_secure_boot_sig_block_t of Secure Boot V1 (ESP-IDF esp_secure_boot.h), directly behind what it signs:
//  0 u32   version, 0
//  4 u8*32 r, big-endian
// 36 u8*32 s, big-endian

/** Size in bytes of a Secure Boot V1 signature block. */
export const V1_SIGNATURE_SIZE = 68;

/** What a secure-padded image leaves free in its last page for the signature: 68 bytes, and 12 that nothing uses. */
export const V1_SIGNATURE_ROOM = 80;

const VERSION = 0;
const NUMBER_LENGTH = 32;

/** An ECDSA signature on P-256 over the SHA-256 of what precedes it: r and s big-endian, 32 bytes each. */
export type V1Signature = { readonly r: Buffer; readonly s: Buffer };

/**
 * Reads a V1 signature block at the start of `bytes`; what follows it is left alone. `base` is its offset in the
 * reader's file. Throws FormatError for missing bytes and for another version. Source: espsecure `sign-data --version 1`.
 */
export function parseV1Signature(bytes: Uint8Array, base = 0): V1Signature {
  const reader = new ByteReader(bytes, 'Secure Boot V1 signature', base);
  reader.slice(0, V1_SIGNATURE_SIZE);
  const version = reader.u32(0);
  if (version !== VERSION) {
    throw new FormatError(
      'BAD_VALUE',
      `no Secure Boot V1 signature at ${hex(base)}: its version is ${hex(version)}, 0 was expected`,
      { where: { offset: base } },
    );
  }
  return {
    r: Buffer.from(reader.slice(4, NUMBER_LENGTH)),
    s: Buffer.from(reader.slice(4 + NUMBER_LENGTH, NUMBER_LENGTH)),
  };
}

/** Writes a V1 signature block: 68 bytes. Throws FormatError (BAD_VALUE) when r or s has another length than 32. */
export function encodeV1Signature({ r, s }: V1Signature): Buffer {
  if (r.length !== NUMBER_LENGTH || s.length !== NUMBER_LENGTH) {
    throw new FormatError(
      'BAD_VALUE',
      `r and s of a Secure Boot V1 signature have ${r.length} and ${s.length} bytes; 32 each were expected`,
    );
  }
  return Buffer.concat([Buffer.alloc(4), r, s]);
}

/** True when a V1 signature block may start here: version 0, and r and s that are neither zero nor erased. Total. */
export function looksLikeV1Signature(bytes: Uint8Array): boolean {
  if (bytes.length < V1_SIGNATURE_SIZE || !isFilledWith(bytes.subarray(0, 4), VERSION))
    return false;
  const numbers = [bytes.subarray(4, 36), bytes.subarray(36, V1_SIGNATURE_SIZE)];
  return numbers.every((number) => !isFilledWith(number, 0) && !isFilledWith(number, 0xff));
}
