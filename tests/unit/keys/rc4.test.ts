import { describe, expect, test } from 'vitest';
import { rc4 } from '../../../builder/keys/rc4.ts';

// Key stream at offset 0, RFC 6229, section 2.
describe('rc4', () => {
  test.each([
    ['0102030405', 'b2396305f03dc027ccc3524a0a1118a8'],
    ['0102030405060708090a0b0c0d0e0f10', '9ac7cc9a609d1ef7b2932899cde41b97'],
    ['833222772a', '80ad97bdc973df8a2e879e92a497efda'],
  ])('has the key stream of RFC 6229 for %s', (key, stream) => {
    expect(rc4(Buffer.from(key, 'hex'), Buffer.alloc(16)).toString('hex')).toBe(stream);
  });

  test('decrypts what it encrypted', () => {
    const key = Buffer.from('key');
    expect(rc4(key, rc4(key, Buffer.from('plain text'))).toString()).toBe('plain text');
  });
});
