import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decryptFlash, encryptFlash } from '../../builder/format/flash-encryption.ts';

const anAddress = (end: number) =>
  fc.integer({ min: 0, max: end / 16 - 40 }).map((block) => block * 16);
const someBlocks = fc
  .integer({ min: 0, max: 40 })
  .chain((count) => fc.uint8Array({ minLength: count * 16, maxLength: count * 16 }));
const anEncryption = fc.oneof(
  fc.record({
    scheme: fc.constant('xts' as const),
    key: fc.constantFrom(16, 32, 64).chain((length) => aKey(length)),
    address: anAddress(2 ** 32),
  }),
  fc.record({
    scheme: fc.constant('esp32' as const),
    key: fc.constantFrom(24, 32).chain((length) => aKey(length)),
    address: anAddress(2 ** 24),
    cryptConfig: fc.integer({ min: 0, max: 15 }),
  }),
);

function aKey(length: number): fc.Arbitrary<Uint8Array> {
  // XTS takes no key whose halves are the same.
  return fc
    .uint8Array({ minLength: length, maxLength: length })
    .map((key) =>
      key.map((byte, index) =>
        index === 0 ? byte & 0x7f : index === length / 2 ? byte | 0x80 : byte,
      ),
    );
}

describe('flash encryption', () => {
  test('turns back what it has made', () => {
    fc.assert(
      fc.property(someBlocks, anEncryption, (data, encryption) => {
        const back = decryptFlash(encryptFlash(data, encryption), encryption);
        expect(back.equals(data)).toBe(true);
      }),
    );
  });

  test('gives every block the same bytes, whatever file it is in', () => {
    fc.assert(
      fc.property(someBlocks, anEncryption, fc.nat(), (data, encryption, choice) => {
        const blocks = data.length / 16;
        fc.pre(blocks > 0);
        const at = (choice % blocks) * 16;
        const whole = encryptFlash(data, encryption).subarray(at);
        const address = encryption.address + at;
        const part = encryptFlash(data.subarray(at), { ...encryption, address });
        // XTS and the ESP32's scheme both work on blocks of 16 bytes.
        expect(part.equals(whole)).toBe(true);
      }),
    );
  });
});
