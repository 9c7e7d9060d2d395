import { FormatError } from '../errors/families.ts';

const LOWEST_ADDRESS_BIT = 5;
const HIGHEST_ADDRESS_BIT = 23;

/**
 * Which bit of the flash address changes which bit of the key, most significant key bit first: runs of address bits
 * from 23 downwards, four quarters that differ in where their last run ends. Source: ESP32 Technical Reference Manual,
 * Flash Encryption/Decryption, key generator.
 */
const ADDRESS_BITS: readonly (readonly number[])[] = [14, 12, 10, 8].map((last) => [
  ...downFrom(23),
  ...downFrom(23),
  ...downFrom(23),
  ...downFrom(last),
]);

/**
 * Gives the AES key of any flash address for a 32-byte key. `cryptConfig` (0 to 15) says with a bit for each which
 * quarters of the key are changed. Throws FormatError for another value.
 */
export function esp32KeyTweaker(key: Buffer, cryptConfig: number): (address: number) => Buffer {
  if (!Number.isInteger(cryptConfig) || cryptConfig < 0 || cryptConfig > 15) {
    throw new FormatError(
      'BAD_VALUE',
      `FLASH_CRYPT_CONFIG is ${cryptConfig}; a number from 0 to 15 was expected`,
    );
  }
  const masks = masksOf(cryptConfig);
  return (address) => {
    const tweaked = Buffer.from(key);
    for (const [bit, mask] of masks) {
      if (((address >>> bit) & 1) === 0) continue;
      for (const [index, byte] of mask.entries())
        tweaked.writeUInt8(tweaked.readUInt8(index) ^ byte, index);
    }
    return tweaked;
  };
}

/** For every address bit the key bits that it flips, as 32 bytes. */
function masksOf(cryptConfig: number): readonly (readonly [bit: number, mask: Buffer])[] {
  const masks = Array.from({ length: HIGHEST_ADDRESS_BIT + 1 }, () => Buffer.alloc(32));
  let keyBit = 0;
  for (const [quarter, addressBits] of ADDRESS_BITS.entries()) {
    for (const addressBit of addressBits) {
      const mask = masks[addressBit];
      if (mask !== undefined && ((cryptConfig >> quarter) & 1) === 1) {
        const byte = keyBit >> 3;
        mask.writeUInt8(mask.readUInt8(byte) ^ (0x80 >> (keyBit & 7)), byte);
      }
      keyBit++;
    }
  }
  return [...masks.entries()].slice(LOWEST_ADDRESS_BIT);
}

function downFrom(first: number): number[] {
  return Array.from({ length: first - LOWEST_ADDRESS_BIT + 1 }, (_, index) => first - index);
}
