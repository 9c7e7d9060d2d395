import {
  constants,
  createHash,
  createPublicKey,
  privateEncrypt,
  sign,
  type KeyObject,
} from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { SigningError } from '../../../builder/errors/families.ts';
import { publicKeyFields } from '../../../builder/format/signature-key.ts';
import {
  SIGNATURE_SCHEMES,
  type SignatureScheme,
} from '../../../builder/format/signature-scheme.ts';
import { ecdsaToDer } from '../../../builder/keys/forge.ts';
import { detachedSigner } from '../../../builder/sign/detached/detached-signer.ts';
import type { PublicKeyFile } from '../../../builder/sign/detached/public-key-file.ts';
import { aPrivateKey, ALL_SCHEMES } from '../../support/signature-blocks.ts';
import { thrownBy } from '../../support/thrown.ts';

const CONTENTS = Buffer.alloc(0x2000, 0xe9);
const UNPADDED = CONTENTS.subarray(0, 0x1234);
const ECDSA = ['ecdsa192', 'ecdsa256', 'ecdsa384'] as const;
const PSS = constants.RSA_PKCS1_PSS_PADDING;

function publicFile(key: KeyObject, name = 'key.pub.pem'): PublicKeyFile {
  const half = createPublicKey(key);
  return { name, key: half, fields: publicKeyFields(half), development: false };
}

const RSA = aPrivateKey('rsa3072');
const OTHER_RSA = aPrivateKey('rsa3072', 'second');

type Options = { readonly key?: KeyObject; readonly others?: readonly PublicKeyFile[] };

/** The signer for that signature by the scheme's first key, asked to sign CONTENTS. */
function embed(scheme: SignatureScheme, bytes: Buffer, { key, others = [] }: Options = {}) {
  const publicKey = publicFile(key ?? aPrivateKey(scheme));
  const wrongBytes = [{ words: 'the unpadded file as it was given', bytes: UNPADDED }];
  const surroundings = { wrongBytes, otherKeys: [publicKey, ...others] };
  return detachedSigner({ name: 'a.sig', bytes, publicKey }, surroundings).sign(CONTENTS);
}

async function problemOf(
  scheme: SignatureScheme,
  bytes: Buffer,
  options?: Options,
): Promise<string> {
  const error = await thrownBy(SigningError, () => embed(scheme, bytes, options));
  expect(error.code).toBe('SIGNATURE_INVALID');
  return error.message;
}

const signRsa = (message: Buffer, saltLength = 32, hash = 'sha256', key = RSA): Buffer =>
  sign(hash, message, { key, padding: PSS, saltLength });

function signEc(
  scheme: Exclude<SignatureScheme, 'rsa3072'>,
  message: Buffer = CONTENTS,
  { hash = SIGNATURE_SCHEMES[scheme].hash, key = aPrivateKey(scheme) } = {},
): Buffer {
  return sign(hash, message, { key, dsaEncoding: 'ieee-p1363' });
}

/** Both halves, or all of it, in the other byte order. */
function swapped(bytes: Buffer, parts: 1 | 2): Buffer {
  const length = bytes.length / parts;
  const halves = Array.from({ length: parts }, (_, index) =>
    Buffer.from(bytes.subarray(index * length, (index + 1) * length)).reverse(),
  );
  return Buffer.concat(halves);
}

describe('a signature that was made elsewhere', () => {
  test.each(ALL_SCHEMES)('is taken as it is: %s', async (scheme) => {
    const signature = scheme === 'rsa3072' ? signRsa(CONTENTS) : signEc(scheme);
    expect((await embed(scheme, signature)).equals(signature)).toBe(true);
  });

  test.each(ECDSA)('is taken in DER too: %s', async (scheme) => {
    // Numbers with leading zeros are shorter in DER: enough of them to meet some.
    for (let count = 0; count < 40; count++) {
      const signature = signEc(scheme);
      expect((await embed(scheme, ecdsaToDer(signature))).equals(signature)).toBe(true);
    }
  });

  test('is not by a key that the signer could tell anybody: it says whose it is', () => {
    const publicKey = publicFile(RSA);
    const nothing = { wrongBytes: [], otherKeys: [] };
    const signer = detachedSigner({ name: 'a.sig', bytes: signRsa(CONTENTS), publicKey }, nothing);
    expect(signer.reference).toBe('a.sig');
    expect(signer.scheme).toBe('rsa3072');
    expect(signer.digest).toHaveLength(32);
  });
});

describe('an RSA signature from elsewhere is refused, and the reason named:', () => {
  test('PKCS#1 v1.5', async () => {
    const signature = sign('sha256', CONTENTS, RSA);
    expect(await problemOf('rsa3072', signature)).toBe(
      'a.sig is no signature by key.pub.pem for this image: it has PKCS#1 v1.5 padding; Secure Boot V2 takes RSA-PSS',
    );
  });

  // 350 is the largest that fits, which OpenSSL takes unless told.
  test.each([0, 20, 64, 350])('a salt of %d bytes', async (saltLength) => {
    expect(await problemOf('rsa3072', signRsa(CONTENTS, saltLength))).toContain(
      `its PSS salt has ${saltLength} bytes; Secure Boot V2 takes exactly 32`,
    );
  });

  test.each(['sha384', 'sha512', 'sha1'])('the hash %s', async (hash) => {
    const title = hash.replace('sha', 'SHA-');
    expect(await problemOf('rsa3072', signRsa(CONTENTS, 32, hash))).toContain(
      `it hashes with ${title}; SHA-256 was expected`,
    );
  });

  test('MGF1 with another hash', async () => {
    expect(await problemOf('rsa3072', pssWithMgf('sha1'))).toContain(
      'its mask is MGF1 with SHA-1; SHA-256 was expected',
    );
  });

  test('the file without its padding', async () => {
    expect(await problemOf('rsa3072', signRsa(UNPADDED))).toContain(
      'it is by the right key, but signs the unpadded file as it was given',
    );
  });

  test('the digest, hashed once more', async () => {
    const digest = createHash('sha256').update(CONTENTS).digest();
    expect(await problemOf('rsa3072', signRsa(digest))).toContain(
      'signs the digest, which was hashed once more',
    );
    const hex = Buffer.from(digest.toString('hex'));
    expect(await problemOf('rsa3072', signRsa(hex))).toContain('signs the digest written in hex');
  });

  test('other bytes', async () => {
    expect(await problemOf('rsa3072', signRsa(Buffer.from('another image')))).toContain(
      'it is by this key, but for other bytes',
    );
  });

  test('another key', async () => {
    const signature = signRsa(CONTENTS, 32, 'sha256', OTHER_RSA);
    expect(await problemOf('rsa3072', signature)).toContain('another key made it');
    const others = [publicFile(OTHER_RSA, 'other.pub.pem')];
    expect(await problemOf('rsa3072', signature, { others })).toContain(
      'it is by the key other.pub.pem, not by the one beside which it was named',
    );
  });

  test('the order of its bytes', async () => {
    expect(await problemOf('rsa3072', swapped(signRsa(CONTENTS), 1))).toContain(
      'its bytes are in reverse order (little-endian)',
    );
  });

  test('its length', async () => {
    expect(await problemOf('rsa3072', signEc('ecdsa256'))).toBe(
      'a.sig is no signature with RSA-3072: it has 64 bytes; a signature with RSA-3072 has 384',
    );
  });

  test('a number that no modulus allows', async () => {
    expect(await problemOf('rsa3072', Buffer.alloc(384, 0xff))).toContain('another key made it');
  });
});

describe('an ECDSA signature from elsewhere is refused, and the reason named:', () => {
  test.each(ECDSA)('the file without its padding: %s', async (scheme) => {
    expect(await problemOf(scheme, signEc(scheme, UNPADDED))).toContain(
      'it is by the right key, but signs the unpadded file as it was given',
    );
  });

  test('the digest, hashed once more', async () => {
    const digest = createHash('sha384').update(CONTENTS).digest();
    expect(await problemOf('ecdsa384', signEc('ecdsa384', digest))).toContain('hashed once more');
  });

  test('SHA-256 where P-384 takes SHA-384', async () => {
    const signature = signEc('ecdsa384', CONTENTS, { hash: 'sha256' });
    expect(await problemOf('ecdsa384', signature)).toContain(
      'it hashes with SHA-256; ecdsa384 takes SHA-384',
    );
  });

  test('another key', async () => {
    const key = aPrivateKey('ecdsa256', 'second');
    const signature = signEc('ecdsa256', CONTENTS, { key });
    expect(await problemOf('ecdsa256', signature)).toContain(
      'another key made it, or it is for other',
    );
    const others = [publicFile(key, 'other.pub.pem')];
    expect(await problemOf('ecdsa256', signature, { others })).toContain(
      'by the key other.pub.pem',
    );
  });

  test('the order of its bytes', async () => {
    expect(await problemOf('ecdsa256', swapped(signEc('ecdsa256'), 2))).toContain('little-endian');
  });

  test('the length of a raw signature on another curve', async () => {
    expect(await problemOf('ecdsa384', signEc('ecdsa256'))).toContain(
      'it has 64 bytes; r and s raw (96 bytes) or in DER (starts with 30) were expected; 64 bytes are a raw signature by a key on P-256',
    );
  });

  test('DER of a larger curve, with more behind it, and cut off', async () => {
    const large = ecdsaToDer(signEc('ecdsa384'));
    expect(await problemOf('ecdsa256', large)).toContain('longer than 32 bytes');
    const der = ecdsaToDer(signEc('ecdsa256'));
    const more = Buffer.concat([der, Buffer.from([0])]);
    expect(await problemOf('ecdsa256', more)).toContain('it is DER with 1 more bytes behind it');
    expect(await problemOf('ecdsa256', der.subarray(0, -1))).toContain('it starts like DER (30)');
  });

  test('text', async () => {
    const der = ecdsaToDer(signEc('ecdsa256'));
    for (const encoding of ['base64', 'hex'] as const) {
      const text = Buffer.from(`${der.toString(encoding)}\n`);
      expect(await problemOf('ecdsa256', text)).toBe(
        `a.sig is ${encoding} text; the bytes of a signature were expected`,
      );
    }
  });

  test('nothing at all', async () => {
    expect(await problemOf('ecdsa256', Buffer.alloc(0))).toContain('it has 0 bytes');
  });
});

/** EMSA-PSS (RFC 8017, section 9.1.1) by hand: SHA-256, salt of 32 bytes, another hash in MGF1. */
function pssWithMgf(mgf: string): Buffer {
  const [salt, zeros] = [Buffer.alloc(32, 7), Buffer.alloc(8)];
  const digest = createHash('sha256').update(CONTENTS).digest();
  const inner = createHash('sha256')
    .update(Buffer.concat([zeros, digest, salt]))
    .digest();
  const db = Buffer.concat([Buffer.alloc(384 - 32 - 1 - 33), Buffer.from([1]), salt]);
  for (let at = 0, counter = 0; at < db.length; counter++) {
    const block = createHash(mgf)
      .update(inner)
      .update(Buffer.from([0, 0, 0, counter]))
      .digest();
    for (const byte of block) {
      if (at >= db.length) break;
      db.writeUInt8(db.readUInt8(at) ^ byte, at);
      at++;
    }
  }
  db.writeUInt8(db.readUInt8(0) & 0x7f, 0);
  const encoded = Buffer.concat([db, inner, Buffer.from([0xbc])]);
  return privateEncrypt({ key: RSA, padding: constants.RSA_NO_PADDING }, encoded);
}
