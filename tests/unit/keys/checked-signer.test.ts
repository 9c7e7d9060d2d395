import { constants, createHash, createPublicKey, sign, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { SigningError } from '../../../builder/errors/families.ts';
import {
  SIGNATURE_SCHEMES,
  type SignatureScheme,
} from '../../../builder/format/signature-scheme.ts';
import { checkedSigner } from '../../../builder/keys/checked-signer.ts';
import { ecdsaToDer } from '../../../builder/keys/forge.ts';
import type { SignRequest } from '../../../builder/keys/signer.ts';
import { anEcKey } from '../../support/key-files.ts';
import { aPrivateKey } from '../../support/signature-blocks.ts';
import { thrownBy } from '../../support/thrown.ts';

const CONTENTS = Buffer.from('firmware');

/** A signer that claims to hold `key` and answers as told. */
function signerThat(answers: (request: SignRequest) => Buffer, key: KeyObject) {
  return checkedSigner({
    reference: 'hsm',
    publicKey: createPublicKey(key),
    development: false,
    sign: (request) => Promise.resolve(answers(request)),
  });
}

const RSA = aPrivateKey('rsa3072');
const pss = (contents: Uint8Array, saltLength = 32, hash = 'sha256', key = RSA): Buffer =>
  sign(hash, contents, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
const ecdsa = (key: KeyObject, contents: Uint8Array, hash: string): Buffer =>
  sign(hash, contents, { key, dsaEncoding: 'ieee-p1363' });
const pkcs1 = (contents: Uint8Array, hash = 'sha256'): Buffer => sign(hash, contents, RSA);

const refusal = async (answers: (request: SignRequest) => Buffer, key: KeyObject = RSA) => {
  const error = await thrownBy(SigningError, () => signerThat(answers, key).sign(CONTENTS));
  expect(error.code).toBe('SIGNATURE_SELF_CHECK');
  expect(error.message).toMatch(/^hsm .*; nothing was signed$/);
  return error.message;
};

describe('an RSA signature is taken', () => {
  const good = pss(CONTENTS);
  test.each([
    ['as bytes', good],
    ['in Base64', Buffer.from(good.toString('base64'))],
    [
      'in Base64 with line ends',
      Buffer.from(good.toString('base64').replace(/.{64}/g, '$&\n') + '\n'),
    ],
    ["in the URL's Base64", Buffer.from(good.toString('base64url'))],
  ])('%s', async (_, answer) => {
    expect((await signerThat(() => answer, RSA).sign(CONTENTS)).equals(good)).toBe(true);
  });
});

describe.each(['ecdsa192', 'ecdsa256', 'ecdsa384'] as const)(
  'an %s signature is taken',
  (scheme) => {
    const key = aPrivateKey(scheme);
    const good = ecdsa(key, CONTENTS, SIGNATURE_SCHEMES[scheme].hash);
    test.each([
      ['as r and s', good],
      ['in DER', ecdsaToDer(good)],
      ['as r and s in Base64', Buffer.from(good.toString('base64'))],
      ['in DER in Base64', Buffer.from(`${ecdsaToDer(good).toString('base64')}\n`)],
    ])('%s', async (_, answer) => {
      expect((await signerThat(() => answer, key).sign(CONTENTS)).equals(good)).toBe(true);
    });
  },
);

test('what is asked is the digest of the contents, with the hash of the scheme', async () => {
  const asked: [string, string, string][] = [];
  for (const scheme of ['rsa3072', 'ecdsa256', 'ecdsa384'] as const) {
    const key = aPrivateKey(scheme);
    const signer = signerThat((request) => {
      asked.push([request.scheme, request.hash, request.digest.toString('hex')]);
      return scheme === 'rsa3072' ? pss(CONTENTS) : ecdsa(key, CONTENTS, request.hash);
    }, key);
    await signer.sign(CONTENTS);
  }
  const hashed = (hash: string) => createHash(hash).update(CONTENTS).digest('hex');
  expect(asked).toEqual([
    ['rsa3072', 'sha256', hashed('sha256')],
    ['ecdsa256', 'sha256', hashed('sha256')],
    ['ecdsa384', 'sha384', hashed('sha384')],
  ]);
});

describe('an RSA signature is refused with what is wrong with it:', () => {
  const digest = createHash('sha256').update(CONTENTS).digest();
  test.each<[string, () => Buffer, RegExp]>([
    [
      'PKCS#1 v1.5',
      () => pkcs1(CONTENTS),
      /PKCS#1 v1\.5 signature; Secure Boot V2 takes RSA-PSS \(/,
    ],
    [
      'PKCS#1 v1.5 of the digest',
      () => pkcs1(digest),
      /PKCS#1 v1\.5 .* over the digest hashed again/,
    ],
    ['PKCS#1 v1.5 of something', () => pkcs1(Buffer.of(1)), /PKCS#1 v1\.5 .* over another digest/],
    ['no salt', () => pss(CONTENTS, 0), /a salt of 0 bytes; Secure Boot V2 takes 32/],
    ['a salt of 20 bytes', () => pss(CONTENTS, 20), /a salt of 20 bytes; Secure Boot V2 takes 32/],
    ['the longest salt', () => pss(CONTENTS, 350), /a salt of 350 bytes; Secure Boot V2 takes 32/],
    [
      'a digest that was hashed again',
      () => pss(digest),
      /hashed the digest again before it signed/,
    ],
    ['another digest', () => pss(Buffer.of(1)), /signed something else: .* over another digest/],
    ['its bytes reversed', () => pss(CONTENTS).reverse(), /wrong order \(little-endian\)/],
    [
      'another key',
      () => pss(CONTENTS, 32, 'sha256', aPrivateKey('rsa3072', 'second')),
      /another key/,
    ],
    ['noise', () => Buffer.alloc(384, 0x5a), /another key, or with no signature/],
    ['nothing', () => Buffer.alloc(0), /answered with nothing/],
    [
      'too little',
      () => pss(CONTENTS).subarray(1),
      /383 bytes that cannot be .*; 384 bytes were expected/,
    ],
    ['too much', () => Buffer.concat([pss(CONTENTS), Buffer.of(10)]), /385 bytes that cannot be/],
  ])('%s', async (_, answer, words) => {
    expect(await refusal(answer)).toMatch(words);
  });

  test('the sha384 of the contents', async () => {
    expect(await refusal(() => pss(CONTENTS, 32, 'sha384'))).toMatch(
      /with sha384 as its hash; Secure Boot V2 takes sha256/,
    );
  });
});

describe('an ECDSA signature is refused with what is wrong with it:', () => {
  const key = aPrivateKey('ecdsa256');
  const digest = createHash('sha256').update(CONTENTS).digest();
  const good = ecdsa(key, CONTENTS, 'sha256');
  const swapped = Buffer.concat([good.subarray(32), good.subarray(0, 32)]);
  const littleEndian = Buffer.concat([
    Buffer.from(good.subarray(0, 32)).reverse(),
    Buffer.from(good.subarray(32)).reverse(),
  ]);
  test.each<[string, () => Buffer, RegExp]>([
    [
      'a digest that was hashed again',
      () => ecdsa(key, digest, 'sha256'),
      /hashed the digest again/,
    ],
    ['r and s swapped', () => swapped, /s before r/],
    ['little-endian numbers', () => littleEndian, /wrong byte order/],
    [
      'another hash',
      () => ecdsa(key, CONTENTS, 'sha384'),
      /with sha384 as its hash; .* takes sha256/,
    ],
    ['another key', () => ecdsa(anEcKey('prime256v1'), CONTENTS, 'sha256'), /another key/],
    ['zeros', () => Buffer.alloc(64), /another key, or with no signature/],
    [
      'DER with something behind',
      () => Buffer.concat([ecdsaToDer(good), Buffer.of(0)]),
      /cannot be/,
    ],
    ['half of it', () => good.subarray(32), /32 bytes that cannot be .*; 64 bytes \(r and s\)/],
  ])('%s', async (_, answer, words) => {
    expect(await refusal(answer, key)).toMatch(words);
  });
});

describe.each<[SignatureScheme, (contents: Uint8Array) => Buffer]>([
  ['rsa3072', (contents) => pss(contents)],
  ['ecdsa256', (contents) => ecdsa(aPrivateKey('ecdsa256'), contents, 'sha256')],
])('a late answer of an %s signer', (scheme, signature) => {
  test('is told from a wrong one: it belongs to an earlier request', async () => {
    const first = signature(CONTENTS);
    const signer = signerThat(() => first, aPrivateKey(scheme));
    await signer.sign(CONTENTS);
    const error = await thrownBy(SigningError, () => signer.sign(Buffer.from('manifest')));
    expect(error.message).toContain('answered with the signature of an earlier request');
    expect(error.hint).toContain(createHash('sha256').update('manifest').digest('hex'));
  });
});

test('a key that Secure Boot V2 has no scheme for is refused', async () => {
  const error = await thrownBy(SigningError, () =>
    signerThat(() => Buffer.alloc(0), anEcKey('secp521r1')),
  );
  expect(error.code).toBe('KEY_WRONG_TYPE');
});
