import { constants, createHash, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { publicKeyFields } from '../../../builder/format/signature-key.ts';
import { ecdsaToDer, forgeVerifiesPss, readPem } from '../../../builder/keys/forge.ts';
import { pem } from '../../support/key-files.ts';
import { aPrivateKey } from '../../support/signature-blocks.ts';

const KEY = aPrivateKey('rsa3072');
const fields = publicKeyFields(KEY);
if (fields.scheme !== 'rsa3072') throw new Error('an RSA key was expected');
const CONTENTS = Buffer.from('firmware');
const DIGEST = createHash('sha256').update(CONTENTS).digest();
const pss = (saltLength: number, hash = 'sha256'): Buffer =>
  sign(hash, CONTENTS, { key: KEY, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
const SIGNATURE = pss(32);

describe('node-forge', () => {
  test("finds OpenSSL's RSA-PSS signature good", () => {
    expect(forgeVerifiesPss(fields, DIGEST, SIGNATURE)).toBe(true);
  });

  test('finds a signature bad with any one bit flipped', () => {
    for (const at of [0, 1, 100, 200, 383]) {
      const flipped = Buffer.from(SIGNATURE);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      expect(forgeVerifiesPss(fields, DIGEST, flipped)).toBe(false);
    }
  });

  test.each<[string, Buffer]>([
    ['a salt of 20 bytes', pss(20)],
    ['no salt', pss(0)],
    ['a salt as long as fits', pss(350)],
    ['another hash', pss(32, 'sha384')],
    ['PKCS#1 v1.5', sign('sha256', CONTENTS, KEY)],
    ['zeros', Buffer.alloc(384)],
    ['0xff', Buffer.alloc(384, 0xff)],
    ['one', Buffer.from([...Buffer.alloc(383), 1])],
    ['nothing', Buffer.alloc(0)],
    ['a part of a signature', SIGNATURE.subarray(1)],
    ['more than a signature', Buffer.concat([SIGNATURE, Buffer.alloc(1)])],
  ])('finds a signature bad that is %s', (_, signature) => {
    expect(forgeVerifiesPss(fields, DIGEST, signature)).toBe(false);
  });

  test('finds a signature bad for another digest or key', () => {
    const other = publicKeyFields(aPrivateKey('rsa3072', 'second'));
    if (other.scheme !== 'rsa3072') throw new Error('an RSA key was expected');
    expect(forgeVerifiesPss(fields, Buffer.alloc(32), SIGNATURE)).toBe(false);
    expect(forgeVerifiesPss(other, DIGEST, SIGNATURE)).toBe(false);
  });

  test('never throws, whatever the signature', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 380, maxLength: 388 }), (bytes) => {
        expect(forgeVerifiesPss(fields, DIGEST, Buffer.from(bytes))).toBe(false);
      }),
      { numRuns: 30 },
    );
  });
});

describe('readPem', () => {
  test('reads labels, contents and passphrases', () => {
    const key = aPrivateKey('ecdsa256');
    const blocks = readPem(pem.sec1WithParameters(key) + pem.locked(key));
    expect(blocks?.map(({ label, encrypted }) => [label, encrypted])).toEqual([
      ['EC PARAMETERS', false],
      ['EC PRIVATE KEY', false],
      ['ENCRYPTED PRIVATE KEY', true],
    ]);
    expect(blocks?.[1]?.der.equals(key.export({ type: 'sec1', format: 'der' }))).toBe(true);
    const [traditional] = readPem(pem.lockedTraditional(key)) ?? [];
    expect(traditional).toMatchObject({ label: 'EC PRIVATE KEY', encrypted: true });
  });

  test.each(['', 'hello', '-----BEGIN X-----', '-----BEGIN X-----\nAAAA\n-----END Y-----'])(
    'finds nothing in %j',
    (text) => {
      expect(readPem(text) ?? []).toEqual([]);
    },
  );
});

describe('ecdsaToDer', () => {
  /** A number as DER wants it, written down a second time: no leading zeros but one before a high bit. */
  const integer = (bytes: Buffer): string => {
    const digits = bytes.toString('hex').replace(/^(00)+(?=..)/, '');
    const body = parseInt(digits.slice(0, 2), 16) >= 0x80 ? `00${digits}` : digits;
    return `02${(body.length / 2).toString(16).padStart(2, '0')}${body}`;
  };

  test('equals what node:crypto makes of the same signature', () => {
    for (const scheme of ['ecdsa192', 'ecdsa256', 'ecdsa384'] as const) {
      const key = aPrivateKey(scheme);
      for (let round = 0; round < 50; round++) {
        const der = sign('sha256', Buffer.of(round), { key, dsaEncoding: 'der' });
        expect(
          ecdsaToDer(pairOf(der, { ecdsa192: 24, ecdsa256: 32, ecdsa384: 48 }[scheme])).equals(der),
        ).toBe(true);
      }
    }
  });

  test.each([
    ['7f', '02017f'],
    ['80', '02020080'],
    ['ff', '020200ff'],
    ['00', '020100'],
    ['01', '020101'],
  ])('writes %s as %s', (digits, expected) => {
    const number = digits.padStart(64, '0');
    const der = ecdsaToDer(Buffer.from(number + number, 'hex')).toString('hex');
    expect(der.slice(4)).toBe(expected + expected);
  });

  test('writes numbers that are short, high or zero as DER wants them', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(24, 32, 48),
        fc.nat({ max: 47 }),
        fc.uint8Array({ minLength: 96, maxLength: 96 }),
        (length, zeros, bytes) => {
          const signature = Buffer.from(bytes.subarray(0, 2 * length));
          signature.fill(0, 0, Math.min(zeros, length));
          const body = integer(signature.subarray(0, length)) + integer(signature.subarray(length));
          const size = (body.length / 2).toString(16).padStart(2, '0');
          expect(ecdsaToDer(signature).toString('hex')).toBe(`30${size}${body}`);
        },
      ),
    );
  });

  /** r and s out of DER, each `length` bytes. */
  function pairOf(der: Buffer, length: number): Buffer {
    const pair = Buffer.alloc(2 * length);
    let at = 2;
    for (const index of [1, 2]) {
      const size = der[at + 1] ?? 0;
      const number = der.subarray(at + 2, at + 2 + size);
      const digits = number.length > length ? number.subarray(number.length - length) : number;
      digits.copy(pair, index * length - digits.length);
      at += 2 + size;
    }
    return pair;
  }
});
