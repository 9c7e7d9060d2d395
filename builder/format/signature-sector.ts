import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { ByteReader, isFilledWith } from './byte-reader.ts';
import {
  encodeSignatureBlock,
  keyDigest,
  parseSignatureBlock,
  SIGNATURE_BLOCK_SIZE,
  type SignatureBlock,
} from './signature-block.ts';

// ets_secure_boot_signature_t (ESP-IDF secure_boot.h), one flash sector behind the padded image:
//    0 block*3  signature blocks of 1216 bytes; a slot without one is 0xFF
// 3648 u8*448   0xFF

/** Size in bytes of a Secure Boot V2 signature sector: one flash sector. */
export const SIGNATURE_SECTOR_SIZE = 4096;
/** SECURE_BOOT_NUM_BLOCKS: slots of a sector. How many of them a chip looks at is the chip's. */
export const MAX_SIGNATURE_BLOCKS = 3;

const TAIL_OFFSET = MAX_SIGNATURE_BLOCKS * SIGNATURE_BLOCK_SIZE;

/** One place for a block. `keyDigest` is the block's key digest as eFuse holds it, 32 bytes. */
export type SignatureSlot =
  | { readonly kind: 'empty' }
  | { readonly kind: 'block'; readonly block: SignatureBlock; readonly keyDigest: Buffer }
  | { readonly kind: 'invalid'; readonly error: FormatError };

export type SignatureSector = {
  readonly slots: readonly [SignatureSlot, SignatureSlot, SignatureSlot];
};

/**
 * Reads a sector of exactly 4096 bytes; `base` is its offset in the reader's file, for messages. A damaged slot does not
 * hide the others. Throws FormatError when the size is wrong, when no slot holds a block, or when the tail is not 0xFF.
 * Source: espsecure `sign_secure_boot_v2` and `verify_signature_v2`, which examine each slot on its own.
 */
export function parseSignatureSector(bytes: Uint8Array, base = 0): SignatureSector {
  const reader = new ByteReader(bytes, 'signature sector', base);
  reader.slice(0, SIGNATURE_SECTOR_SIZE);
  if (reader.length > SIGNATURE_SECTOR_SIZE) {
    throw new FormatError(
      'TRAILING_DATA',
      `the signature sector at ${hex(base)} has ${hex(reader.length)} bytes; 0x1000 were expected`,
      { where: { offset: base + SIGNATURE_SECTOR_SIZE } },
    );
  }
  const slots: SignatureSector['slots'] = [
    parseSlot(reader, 0),
    parseSlot(reader, 1),
    parseSlot(reader, 2),
  ];
  checkAnyBlock(slots, base);
  checkTail(reader);
  return { slots };
}

/**
 * Writes one to three blocks into the first slots of a sector: 4096 bytes. Throws FormatError for none (BAD_VALUE), for
 * more than three (TOO_MANY), or for a block that cannot be encoded.
 */
export function encodeSignatureSector(blocks: readonly SignatureBlock[]): Buffer {
  if (blocks.length === 0) {
    throw new FormatError('BAD_VALUE', 'a signature sector needs at least one signature block');
  }
  if (blocks.length > MAX_SIGNATURE_BLOCKS) {
    throw new FormatError(
      'TOO_MANY',
      `${blocks.length} signature blocks do not fit; a sector takes up to ${MAX_SIGNATURE_BLOCKS}`,
    );
  }
  const sector = Buffer.alloc(SIGNATURE_SECTOR_SIZE, 0xff);
  for (const [slot, block] of blocks.entries()) {
    encodeSignatureBlock(block).copy(sector, slot * SIGNATURE_BLOCK_SIZE);
  }
  return sector;
}

/**
 * True when any of the three slots starts like a block (magic 0xE7, version 2 or 3), however damaged the rest is.
 * Total over any bytes; what is missing does not look like a block.
 */
export function looksLikeSignatureSector(bytes: Uint8Array): boolean {
  return [0, 1, 2].some((slot) => {
    const start = slot * SIGNATURE_BLOCK_SIZE;
    const version = bytes[start + 1];
    return bytes[start] === 0xe7 && (version === 2 || version === 3);
  });
}

/** Whether a file ends in a signature sector behind other contents: a signed data partition has no other mark. */
export function endsInSignatureSector(bytes: Uint8Array): boolean {
  const size = SIGNATURE_SECTOR_SIZE;
  if (bytes.length <= size || bytes.length % size !== 0) return false;
  return looksLikeSignatureSector(bytes.subarray(-size));
}

function parseSlot(reader: ByteReader, slot: number): SignatureSlot {
  const start = slot * SIGNATURE_BLOCK_SIZE;
  const bytes = reader.slice(start, SIGNATURE_BLOCK_SIZE);
  if (isFilledWith(bytes, 0xff)) return { kind: 'empty' };
  try {
    const block = parseSignatureBlock(bytes, reader.base + start);
    return { kind: 'block', block, keyDigest: keyDigest(block) };
  } catch (error) {
    if (error instanceof FormatError) return { kind: 'invalid', error };
    throw error;
  }
}

function checkAnyBlock(slots: readonly SignatureSlot[], base: number): void {
  if (slots.some((slot) => slot.kind === 'block')) return;
  const damaged = slots.find((slot) => slot.kind === 'invalid')?.error;
  if (damaged === undefined) {
    throw new FormatError(
      'BAD_MAGIC',
      `no signature block at ${hex(base)}: all three slots are erased (0xff)`,
      { where: { offset: base } },
    );
  }
  throw new FormatError(
    damaged.code,
    `the signature sector at ${hex(base)} has no valid block: ${damaged.message}`,
    { where: { ...damaged.where }, cause: damaged },
  );
}

function checkTail(reader: ByteReader): void {
  const tail = reader.slice(TAIL_OFFSET, SIGNATURE_SECTOR_SIZE - TAIL_OFFSET);
  const at = tail.findIndex((byte) => byte !== 0xff);
  if (at === -1) return;
  const offset = reader.base + TAIL_OFFSET + at;
  throw new FormatError(
    'TRAILING_DATA',
    `the signature sector's tail is ${hex(reader.u8(TAIL_OFFSET + at), 2)} at ${hex(offset)}; 0xff was expected up to its end`,
    { where: { offset } },
  );
}
