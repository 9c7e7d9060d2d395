import {
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  verify,
  type KeyObject,
} from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { nonces, signDeterministically } from '../../../builder/keys/deterministic-ecdsa.ts';
import { anEcKey } from '../../support/key-files.ts';

/** RFC 6979, appendix A.2.5: ECDSA on P-256, with SHA-256. */
const RFC_6979 = {
  secret: 'c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721',
  examples: [
    {
      message: 'sample',
      k: 'a6e3c57dd01abe90086538398355dd4c3b17aa873382b0f24d6129493d8aad60',
      r: 'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716',
      s: 'f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
    },
    {
      message: 'test',
      k: 'd16b6ae827f17175e040871a1c7ec3500192c4c92677336ec2537acaee0008e0',
      r: 'f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367',
      s: '019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083',
    },
  ],
};

function keyOf(secret: Buffer): KeyObject {
  const point = createECDH('prime256v1');
  point.setPrivateKey(secret);
  const text = (bytes: Buffer): string => bytes.toString('base64url');
  const [x, y] = [point.getPublicKey().subarray(1, 33), point.getPublicKey().subarray(33)];
  const jwk = { kty: 'EC', crv: 'P-256', d: text(secret), x: text(x), y: text(y) };
  return createPrivateKey({ key: jwk, format: 'jwk' });
}

describe('a deterministic signature', () => {
  const secret = Buffer.from(RFC_6979.secret, 'hex');

  test.each(RFC_6979.examples)('is that of RFC 6979: $message', ({ message, k, r, s }) => {
    const digest = createHash('sha256').update(message).digest();
    expect(nonces(secret, digest).next().value?.toString('hex')).toBe(k);
    const signature = signDeterministically(keyOf(secret), Buffer.from(message));
    expect(signature.toString('hex')).toBe(r + s);
  });

  test('takes another nonce when the first one does not do', () => {
    const digest = createHash('sha256').update('sample').digest();
    const some = nonces(secret, digest);
    const found = [some.next().value, some.next().value, some.next().value];
    expect(new Set(found.map((nonce) => nonce?.toString('hex'))).size).toBe(3);
  });

  test('holds for any key and contents, the same every time', () => {
    for (let count = 0; count < 20; count++) {
      const key = anEcKey('prime256v1');
      const contents = createHash('sha512').update(String(count)).digest();
      const signature = signDeterministically(key, contents);
      expect(signature.equals(signDeterministically(key, contents))).toBe(true);
      const publicKey = createPublicKey(key);
      const options = { key: publicKey, dsaEncoding: 'ieee-p1363' as const };
      expect(verify('sha256', contents, options, signature)).toBe(true);
    }
  });

  test('holds for the smallest and the largest key', () => {
    const largest = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550';
    for (const hex of ['1'.padStart(64, '0'), largest]) {
      const key = keyOf(Buffer.from(hex, 'hex'));
      const signature = signDeterministically(key, Buffer.from('x'));
      const options = { key: createPublicKey(key), dsaEncoding: 'ieee-p1363' as const };
      expect(verify('sha256', Buffer.from('x'), options, signature)).toBe(true);
    }
  });
});
