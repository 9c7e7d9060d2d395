import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { esp32KeyTweaker } from './flash-encryption-esp32.ts';

/** Bytes that are encrypted as one, in both schemes: offsets and lengths are multiples of it. */
export const ENCRYPTION_BLOCK = 16;
/** XTS data unit of the flash encryption engine, by which flash addresses become tweaks. */
const XTS_UNIT = 0x80;
/** Flash addresses have 32 bits, of which the ESP32 looks at 24. */
const XTS_REACH = 2 ** 32;
const ESP32_REACH = 2 ** 24;
/** The ESP32 changes its key with every 32 bytes of flash. */
const ESP32_UNIT = 32;

export type FlashEncryption = {
  readonly scheme: 'esp32' | 'xts';
  /** The key file's contents: `esp32` 32 or 24 bytes (3/4 coding), `xts` 64, 32 or 16 bytes (ESP32-C2, derived). */
  readonly key: Uint8Array;
  /** Flash offset at which `data` lies, a multiple of 16. */
  readonly address: number;
  /** eFuse FLASH_CRYPT_CONFIG, 0 to 15: which quarters of the key the address changes. `esp32` only; 15 is usual. */
  readonly cryptConfig?: number;
};

/**
 * Encrypts plain bytes as the flash encryption engine would on their way into flash. A new buffer of the same length.
 * Throws FormatError for an address or length that is not a multiple of 16 or too large, and for a key of another length.
 * Sources: the chips' technical reference manuals, External Memory Encryption and Decryption; for the ESP32, Flash
 * Encryption/Decryption; `espsecure encrypt-flash-data`.
 */
export function encryptFlash(data: Uint8Array, encryption: FlashEncryption): Buffer {
  return transform(data, encryption, 'encrypt');
}

/** The inverse of `encryptFlash`: what the chip reads. Throws as that does. */
export function decryptFlash(data: Uint8Array, encryption: FlashEncryption): Buffer {
  return transform(data, encryption, 'decrypt');
}

type Direction = 'encrypt' | 'decrypt';

function transform(data: Uint8Array, encryption: FlashEncryption, direction: Direction): Buffer {
  checkAligned('flash address', encryption.address);
  checkAligned('length', data.length);
  checkReach(data.length, encryption);
  return encryption.scheme === 'xts'
    ? transformXts(data, encryption, direction)
    : transformEsp32(data, encryption, direction);
}

// XTS-AES over units of 128 bytes, every unit byte-reversed on its way in and out; the tweak is the unit's address.
function transformXts(
  data: Uint8Array,
  { key, address }: FlashEncryption,
  direction: Direction,
): Buffer {
  const keys = xtsKey(key);
  const algorithm = keys.length === 64 ? 'aes-256-xts' : 'aes-128-xts';
  const create = direction === 'encrypt' ? createCipheriv : createDecipheriv;
  const before = address % XTS_UNIT;
  // The engine works on whole units: what lies outside of `data` is zero and dropped again.
  const units = Buffer.alloc(Math.ceil((before + data.length) / XTS_UNIT) * XTS_UNIT);
  units.set(data, before);
  const tweak = Buffer.alloc(16);
  for (let at = 0; at < units.length; at += XTS_UNIT) {
    const unit = units.subarray(at, at + XTS_UNIT).reverse();
    tweak.writeUInt32LE(address - before + at);
    create(algorithm, keys, tweak).update(unit).copy(unit);
    unit.reverse();
  }
  return units.subarray(before, before + data.length);
}

function xtsKey(key: Uint8Array): Buffer {
  if (key.length === 16) return createHash('sha256').update(key).digest();
  if (key.length !== 32 && key.length !== 64) throw wrongKeyLength(key, '64, 32 or 16');
  const bytes = Buffer.from(key);
  const half = bytes.length / 2;
  if (bytes.subarray(0, half).equals(bytes.subarray(half))) {
    throw new FormatError(
      'BAD_VALUE',
      'the two halves of the flash encryption key are the same, which XTS does not allow',
      { hint: 'Use a key of random bytes.' },
    );
  }
  return bytes;
}

// AES-256 on blocks of 16 bytes, byte-reversed on their way in and out. Writing flash is AES decryption: the chip reads
// far more often than it writes, and AES encryption is its faster direction.
function transformEsp32(
  data: Uint8Array,
  { key, address, cryptConfig = 15 }: FlashEncryption,
  direction: Direction,
): Buffer {
  const keyAt = esp32KeyTweaker(esp32Key(key), cryptConfig);
  const create = direction === 'encrypt' ? createDecipheriv : createCipheriv;
  const output = Buffer.from(data);
  for (let at = 0; at < output.length;) {
    const unit = address + at - ((address + at) % ESP32_UNIT);
    const end = Math.min(unit + ESP32_UNIT - address, output.length);
    const cipher = create('aes-256-ecb', keyAt(unit), null).setAutoPadding(false);
    for (; at < end; at += ENCRYPTION_BLOCK) {
      const block = output.subarray(at, at + ENCRYPTION_BLOCK).reverse();
      cipher.update(block).copy(block);
      block.reverse();
    }
  }
  return output;
}

/** With 3/4 coding eFuse holds 192 bits of key; the engine reads its middle third twice. */
function esp32Key(key: Uint8Array): Buffer {
  const bytes = Buffer.from(key);
  if (bytes.length === 24) return Buffer.concat([bytes, bytes.subarray(8, 16)]);
  if (bytes.length !== 32) throw wrongKeyLength(key, '32 or 24');
  return bytes;
}

function wrongKeyLength(key: Uint8Array, expected: string): FormatError {
  return new FormatError(
    'BAD_VALUE',
    `the flash encryption key has ${key.length} bytes; ${expected} were expected`,
  );
}

/** Beyond it, addresses have bits that change no key and no tweak: two places of flash would be encrypted alike. */
function checkReach(length: number, { scheme, address }: FlashEncryption): void {
  const limit = scheme === 'esp32' ? ESP32_REACH : XTS_REACH;
  if (address + length <= limit) return;
  throw new FormatError(
    'BAD_VALUE',
    `${hex(length)} bytes at flash address ${hex(address)} end beyond ${hex(limit)}, where flash encryption ends`,
  );
}

function checkAligned(what: string, value: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffffffff && value % 16 === 0) return;
  throw new FormatError(
    'BAD_VALUE',
    `the ${what} ${hex(value)} is not a multiple of 16 bytes, which flash encryption works in`,
  );
}
