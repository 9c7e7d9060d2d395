import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../../builder/errors/families.ts';
import {
  decryptFlash,
  encryptFlash,
  type FlashEncryption,
} from '../../../builder/format/flash-encryption.ts';
import { thrownBy } from '../../support/thrown.ts';

const PLAIN = Buffer.from(Array.from({ length: 0x120 }, (_, index) => (index * 7 + 3) & 0xff));
const counting = (length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, index) => index));
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
/** In the middle of an XTS unit and of an ESP32 unit. */
const ADDRESS = 0x10030;

type Example = Omit<FlashEncryption, 'key' | 'address'> & {
  readonly keyLength: number;
  readonly sha256: string;
};

// SHA-256 of what espsecure 5.6.0 makes of PLAIN (encrypt-flash-data, --aes-xts, --flash-crypt-conf) at that address
// with a key 00 01 02….
const EXAMPLES: readonly Example[] = [
  {
    scheme: 'xts',
    keyLength: 32,
    sha256: '0e124c59c80ded51b05500b5728ed843131ad4e4182ecf3dab537cf636665561',
  },
  {
    scheme: 'xts',
    keyLength: 64,
    sha256: '0c947919a2b49d9303c0c7fbe11eb139a20ef9da4f56be937ba71b14d1dd60b5',
  },
  {
    scheme: 'xts',
    keyLength: 16,
    sha256: '8090fca01b42c3e557fbef743bc8738062245d5b2558e2ab0f5d4140bf1d7796',
  },
  {
    scheme: 'esp32',
    keyLength: 32,
    cryptConfig: 0,
    sha256: '7ae97a2244ae264b0ddd1d99fd525e19a980d95eae98a048c2fe96f18fee6201',
  },
  {
    scheme: 'esp32',
    keyLength: 32,
    cryptConfig: 5,
    sha256: '63451b6a01981ad504039da914f195e4ae76fc2da4861b912034996cbf170e9a',
  },
  {
    scheme: 'esp32',
    keyLength: 32,
    cryptConfig: 15,
    sha256: 'a87e5f7b2c3a3f062d91460c6bdd8b76a7206d139c14c90862d5e7a2317b1b2f',
  },
  {
    scheme: 'esp32',
    keyLength: 24,
    cryptConfig: 5,
    sha256: '16383657c8340e924ca36450b08812a37845d731e226e134c26289f8c73138c2',
  },
  {
    scheme: 'esp32',
    keyLength: 24,
    sha256: '8cc5aaa7054a556c0dab9819e9713b63482783223165cdc31a5816bb1512b5c9',
  },
];

describe('flash encryption', () => {
  test.each(EXAMPLES)(
    'makes what espsecure makes: $scheme, key of $keyLength bytes, config $cryptConfig',
    ({ keyLength, sha256: expected, ...example }) => {
      const encryption = { ...example, key: counting(keyLength), address: ADDRESS };
      const encrypted = encryptFlash(PLAIN, encryption);
      expect(encrypted).toHaveLength(PLAIN.length);
      expect(sha256(encrypted)).toBe(expected);
      expect(decryptFlash(encrypted, encryption).equals(PLAIN)).toBe(true);
    },
  );

  test('leaves what it was given alone', () => {
    const [plain, key] = [Buffer.from(PLAIN), counting(32)];
    encryptFlash(plain, { scheme: 'xts', key, address: 0 });
    encryptFlash(plain, { scheme: 'esp32', key, address: 0 });
    expect(plain.equals(PLAIN)).toBe(true);
    expect(key.equals(counting(32))).toBe(true);
  });

  test.each(['xts', 'esp32'] as const)('depends on the address: %s', (scheme) => {
    const key = counting(32);
    const at = (address: number): string => sha256(encryptFlash(PLAIN, { scheme, key, address }));
    expect(new Set([at(0), at(0x1000), at(0x10000), at(0x800000)]).size).toBe(4);
  });

  test.each(['xts', 'esp32'] as const)('makes nothing of nothing: %s', (scheme) => {
    expect(encryptFlash(Buffer.alloc(0), { scheme, key: counting(32), address: 0 })).toHaveLength(
      0,
    );
  });
});

describe('flash encryption is refused', () => {
  const refuse = (change: Partial<FlashEncryption>, data = PLAIN): Promise<FormatError> =>
    thrownBy(FormatError, () =>
      encryptFlash(data, { scheme: 'xts', key: counting(32), address: 0, ...change }),
    );

  test.each([1, 8, 15, 0x1001])('at address %d', async (address) => {
    expect((await refuse({ address })).message).toContain('not a multiple of 16 bytes');
  });

  test.each([
    ['xts', 0xfffffff0],
    ['esp32', 0xfffff0],
  ] as const)('where addresses end: %s', async (scheme, address) => {
    expect((await refuse({ scheme, address })).message).toContain('where flash encryption ends');
    const last = encryptFlash(PLAIN.subarray(0, 16), { scheme, key: counting(32), address });
    expect(last).toHaveLength(16);
  });

  test.each([1, 17, 287])('for %d bytes', async (length) => {
    expect((await refuse({}, PLAIN.subarray(0, length))).message).toContain('length');
  });

  test.each([0, 15, 24, 31, 33, 63, 65])('with an XTS key of %d bytes', async (length) => {
    expect((await refuse({ key: counting(length) })).message).toBe(
      `the flash encryption key has ${length} bytes; 64, 32 or 16 were expected`,
    );
  });

  test.each([0, 16, 23, 64])('with an ESP32 key of %d bytes', async (length) => {
    expect((await refuse({ scheme: 'esp32', key: counting(length) })).message).toBe(
      `the flash encryption key has ${length} bytes; 32 or 24 were expected`,
    );
  });

  test('with an XTS key whose halves are the same, which no AES library takes', async () => {
    expect((await refuse({ key: Buffer.alloc(32, 5) })).message).toContain('two halves');
  });

  test.each([-1, 16, 1.5])('with FLASH_CRYPT_CONFIG %d', async (cryptConfig) => {
    const error = await refuse({ scheme: 'esp32', cryptConfig });
    expect(error.message).toContain('a number from 0 to 15 was expected');
  });
});
