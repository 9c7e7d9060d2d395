import {
  createHash,
  createPublicKey,
  createSecretKey,
  ECDH,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { keyDigest, type RsaKeyFields } from '../../../builder/format/signature-block.ts';
import {
  hasConsistentPrecomputedValues,
  keyDigestOfPublicKey,
  publicKeyFields,
  publicKeyOf,
  rsaPrecomputed,
} from '../../../builder/format/signature-key.ts';
import { SIGNATURE_SCHEMES } from '../../../builder/format/signature-scheme.ts';
import { formatErrorOf } from '../../support/format-error.ts';
import { ALL_SCHEMES, aPrivateKey } from '../../support/signature-blocks.ts';

// Public keys with the answers of espsecure 5.6.0 `digest-sbv2-public-key`. The EC points are the curves' generators.
const RSA_PEM = `-----BEGIN PUBLIC KEY-----
MIIBojANBgkqhkiG9w0BAQEFAAOCAY8AMIIBigKCAYEAxOWuvzOdIrGwzdQ92h3t
xBE1ah6A8OBiPCwAj54HWv4fzT4DQsNslNdS8Ho+8xyqMguK83l9DdTO2nZL6vOY
yD77VK1SeX1yfMr34q4XPuHqPsneJsj8b2lOibkTqMIz7Y04nR4uXzrRDsJd811c
fAg/H0detkhVyjr/jQximZLv0sxc1puiOFshkA+mw6YPtrehgynvaQsy05Q7ZsOi
Jpcu9au0Byv8gqttWL5LHR5BAkJuAU3NXRhnHL1c4sRbHHDABCjBBILWy0OXdKJM
KB+edb5PVLzyaH5cvK8J/QhS76wXmCz+ngmAp6ttIq4uYiH4fCjanEUE4U7O8DOe
L6VjWY22vYeh6dJiMMax5DlJlJJnNgxJL90pkU2Sr+h3+5V80v72RdBd8GI/tR0c
VK71rItNmj4olTEy9QcNHeA5z9UqmnUx6l6OryI8gr5mUrOr3s2BW4m3SPvpwNnN
Fgs5KhsA+HHKjqLtdj2nQOGvuvS4t5TT0vxyS5jI6d0xAgMBAAE=
-----END PUBLIC KEY-----
`;
const RSA_DIGEST = 'ad35a1cef2d43e68371a7c5e708061ef3945437f801f6276eef7d1ac1c22861d';
const GENERATORS = [
  {
    scheme: 'ecdsa192',
    x: '188da80eb03090f67cbf20eb43a18800f4ff0afd82ff1012',
    y: '07192b95ffc8da78631011ed6b24cdd573f977a11e794811',
    digest: '9000b7665fa5516a6210006f778b4bf0b88e26aad8248b069830a5cc93b9ea20',
  },
  {
    scheme: 'ecdsa256',
    x: '6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296',
    y: '4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5',
    digest: '5908ff09f652723954169b269890241b0405fc45b6087f0db026debac4934a8d',
  },
  {
    scheme: 'ecdsa384',
    x: 'aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7',
    y: '3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f',
    digest: '8fceff6078f1fdecc4abd58f3c08ff90cbe7eb094968b8cc5ff5497949d55ae1',
  },
] as const;

function rsaFields(): RsaKeyFields {
  const fields = publicKeyFields(createPublicKey(RSA_PEM));
  if (fields.scheme !== 'rsa3072') throw new Error('an RSA key was expected');
  return fields;
}

describe('known answers of espsecure', () => {
  test.each(GENERATORS)('has the key digest of a $scheme key', ({ scheme, x, y, digest }) => {
    const fields = {
      scheme,
      publicKey: { x: Buffer.from(x, 'hex'), y: Buffer.from(y, 'hex') },
    } as const;
    expect(keyDigest(fields).toString('hex')).toBe(digest);
    expect(keyDigestOfPublicKey(publicKeyOf(fields)).toString('hex')).toBe(digest);
  });

  test('has the key digest and the precomputed values of an RSA key', () => {
    const { rBar, mPrime, exponent } = rsaFields();
    expect(keyDigestOfPublicKey(createPublicKey(RSA_PEM)).toString('hex')).toBe(RSA_DIGEST);
    expect(exponent).toBe(65537);
    expect(mPrime).toBe(0x95eda42f);
    expect(createHash('sha256').update(rBar).digest('hex')).toBe(
      '61d23124641fc68c9164aca958180199eeb13e4725fd78d5b9389bac951054cf',
    );
  });
});

describe('the precomputed values of RSA', () => {
  test('satisfy their definitions', () => {
    const { modulus } = rsaFields();
    const n = BigInt(`0x${modulus.toString('hex')}`);
    const { rBar, mPrime } = rsaPrecomputed(modulus);
    expect(BigInt(`0x${rBar.toString('hex')}`)).toBe(2n ** 6144n % n);
    expect((n * BigInt(mPrime)) % 2n ** 32n).toBe(2n ** 32n - 1n);
  });

  test('keep leading zeros of R̄', () => {
    // 2^3072 - 1 leaves 1: the most zeros there can be.
    const { rBar, mPrime } = rsaPrecomputed(Buffer.alloc(384, 0xff));
    expect(rBar).toEqual(Buffer.concat([Buffer.alloc(383), Buffer.from([1])]));
    expect(mPrime).toBe(1);
  });

  test('are consistent in what publicKeyFields makes, and not once touched', () => {
    const fields = rsaFields();
    const otherRBar = Buffer.from(fields.rBar);
    otherRBar.writeUInt8(otherRBar.readUInt8(100) ^ 1, 100);
    expect(hasConsistentPrecomputedValues(fields)).toBe(true);
    expect(hasConsistentPrecomputedValues({ ...fields, rBar: otherRBar })).toBe(false);
    expect(hasConsistentPrecomputedValues({ ...fields, mPrime: fields.mPrime ^ 2 })).toBe(false);
    expect(hasConsistentPrecomputedValues({ ...fields, modulus: Buffer.alloc(384) })).toBe(false);
  });

  test('do not exist for ECDSA, so nothing about them can be wrong', () => {
    expect(hasConsistentPrecomputedValues(publicKeyFields(aPrivateKey('ecdsa256')))).toBe(true);
  });
});

describe('publicKeyOf', () => {
  test.each(ALL_SCHEMES)('gives back the key that the fields came from: %s', (scheme) => {
    const key = createPublicKey(aPrivateKey(scheme));
    const again = publicKeyOf(publicKeyFields(key));
    expect(again.type).toBe('public');
    expect(again.equals(key)).toBe(true);
  });

  test.each(['ecdsa192', 'ecdsa256', 'ecdsa384'] as const)(
    'refuses a point that is not on the curve of %s',
    (scheme) => {
      const length = SIGNATURE_SCHEMES[scheme].coordinateLength;
      for (const value of [0, 7, 0xff]) {
        const point = { x: Buffer.alloc(length, value), y: Buffer.alloc(length, value) };
        const error = formatErrorOf(() => publicKeyOf({ scheme, publicKey: point }));
        expect(error.code).toBe('BAD_VALUE');
        expect(error.message).toContain(
          `the point is not on the curve ${SIGNATURE_SCHEMES[scheme].curve}`,
        );
      }
    },
  );

  test('refuses coordinates of another curve', () => {
    const p256 = { x: Buffer.alloc(32, 1), y: Buffer.alloc(32, 1) };
    const error = formatErrorOf(() => publicKeyOf({ scheme: 'ecdsa384', publicKey: p256 }));
    expect(error.message).toContain('x and y on secp384r1 have 32 and 32 bytes; 48 each');
  });

  test.each([
    ['zero', { modulus: Buffer.alloc(384) }, 'shorter than 3072 bits'],
    ['short', { modulus: Buffer.alloc(256, 0xff) }, 'has 256 bytes; 384 were expected'],
    ['even', { modulus: Buffer.alloc(384, 0xfe) }, 'is even'],
    ['missing', { modulus: Buffer.alloc(0) }, 'has 0 bytes'],
    ['with an exponent of 1', { exponent: 1 }, 'the RSA exponent is 1'],
    ['with an even exponent', { exponent: 65536 }, 'the RSA exponent is 65536'],
  ])('refuses an RSA key that is %s', (_, change, words) => {
    const error = formatErrorOf(() => publicKeyOf({ ...rsaFields(), ...change }));
    expect(error.code).toBe('BAD_VALUE');
    expect(error.message).toContain(words);
  });
});

describe('publicKeyFields', () => {
  test.each(ALL_SCHEMES)('takes a private key for its public one: %s', (scheme) => {
    const key = aPrivateKey(scheme);
    expect(publicKeyFields(key)).toEqual(publicKeyFields(createPublicKey(key)));
    expect(publicKeyFields(key).scheme).toBe(scheme);
  });

  test.each(GENERATORS)('reads a compressed point of $scheme', ({ scheme, x, y }) => {
    const { curve } = SIGNATURE_SCHEMES[scheme];
    const uncompressed = Buffer.from(`04${x}${y}`, 'hex');
    const spki = publicKeyOf({
      scheme,
      publicKey: { x: Buffer.from(x, 'hex'), y: Buffer.from(y, 'hex') },
    }).export({ format: 'der', type: 'spki' });
    const point = Buffer.from(
      ECDH.convertKey(uncompressed, curve, undefined, 'hex', 'compressed').toString(),
      'hex',
    );
    const saved = uncompressed.length - point.length;
    const der = Buffer.concat([spki.subarray(0, spki.length - uncompressed.length), point]);
    der.writeUInt8(der.readUInt8(1) - saved, 1);
    const bitStringLength = der.length - point.length - 2;
    der.writeUInt8(der.readUInt8(bitStringLength) - saved, bitStringLength);
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    expect(publicKeyFields(key)).toEqual({
      scheme,
      publicKey: { x: Buffer.from(x, 'hex'), y: Buffer.from(y, 'hex') },
    });
  });

  test('reads a key that spells its curve out', () => {
    const { publicKey } = generateKeyPairSync('ec', {
      namedCurve: 'prime256v1',
      paramEncoding: 'explicit',
    });
    const fields = publicKeyFields(publicKey);
    const { x, y } = publicKey.export({ format: 'jwk' });
    expect(fields).toEqual({
      scheme: 'ecdsa256',
      publicKey: { x: Buffer.from(x ?? '', 'base64url'), y: Buffer.from(y ?? '', 'base64url') },
    });
  });

  test.each([
    ['RSA with 2048 bits', () => generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey],
    ['EC on curve secp256k1', () => aKeyOn('secp256k1')],
    ['EC on curve secp521r1', () => aKeyOn('secp521r1')],
    ['Ed25519', () => generateKeyPairSync('ed25519').publicKey],
    ['X448', () => generateKeyPairSync('x448').privateKey],
    [
      'dsa',
      () => generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).publicKey,
    ],
    ['a symmetric key', () => createSecretKey(Buffer.alloc(32))],
    [
      'RSA restricted to PSS',
      () => generateKeyPairSync('rsa-pss', { modulusLength: 1024 }).publicKey,
    ],
  ])('refuses %s and says so', (found, make) => {
    const error = formatErrorOf(() => publicKeyFields(make()));
    expect(error.code).toBe('BAD_VALUE');
    expect(error.message).toContain(`the key is ${found}; Secure Boot V2 takes RSA with 3072 bits`);
    expect(formatErrorOf(() => keyDigestOfPublicKey(make())).code).toBe('BAD_VALUE');
  });

  test('refuses a curve that is a known one but for its generator', () => {
    const { publicKey } = generateKeyPairSync('ec', {
      namedCurve: 'prime256v1',
      paramEncoding: 'explicit',
    });
    const der = publicKey.export({ format: 'der', type: 'spki' });
    const { x, y } = GENERATORS[1];
    const point = der.subarray(-65);
    point.copy(der, der.indexOf(Buffer.from(`04${x}${y}`, 'hex')));
    const forged = createPublicKey({ key: der, format: 'der', type: 'spki' });
    const { message } = formatErrorOf(() => publicKeyFields(forged));
    expect(message).toContain('the key is EC on curve UNDEF');
  });

  test('refuses an RSA exponent that the block has no room for', () => {
    const n = rsaFields().modulus.toString('base64url');
    const e = Buffer.from('0100000001', 'hex').toString('base64url');
    const key = createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' });
    const { message } = formatErrorOf(() => publicKeyFields(key));
    expect(message).toContain('RSA with a public exponent of more than 32 bits');
  });

  test('refuses an RSA exponent of 1, under which every number is its own signature', () => {
    const n = rsaFields().modulus.toString('base64url');
    const key = createPublicKey({ key: { kty: 'RSA', n, e: 'AQ' }, format: 'jwk' });
    const { message } = formatErrorOf(() => publicKeyFields(key));
    expect(message).toContain('the RSA exponent is 1');
  });
});

function aKeyOn(namedCurve: string): KeyObject {
  return generateKeyPairSync('ec', { namedCurve }).publicKey;
}
