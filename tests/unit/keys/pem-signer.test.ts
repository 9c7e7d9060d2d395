import { constants, createPrivateKey, generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { SigningError } from '../../../builder/errors/families.ts';
import { SIGNATURE_SCHEMES } from '../../../builder/format/signature-scheme.ts';
import { pemSigner } from '../../../builder/keys/pem-signer.ts';
import { signManifest } from '../../../builder/keys/sign-manifest.ts';
import { anEcKey, pem, secretsOf } from '../../support/key-files.ts';
import { ALL_SCHEMES, aPrivateKey } from '../../support/signature-blocks.ts';
import { thrownBy, visibleText } from '../../support/thrown.ts';

const CONTENTS = Buffer.from('firmware');
const signerOf = (scheme: (typeof ALL_SCHEMES)[number]) =>
  pemSigner(pem.pkcs8(aPrivateKey(scheme)), 'key', { development: false });

describe.each(ALL_SCHEMES)('a signer for %s', (scheme) => {
  const signer = signerOf(scheme);
  const facts = SIGNATURE_SCHEMES[scheme];
  const { publicKey } = signer;

  test('says what it signs with', () => {
    expect(signer).toMatchObject({ reference: 'key', scheme, development: false });
    expect(publicKey.type).toBe('public');
    expect(signer.digest).toHaveLength(32);
  });

  test('makes signatures that node:crypto finds good', async () => {
    const signature = await signer.sign(CONTENTS);
    expect(signature).toHaveLength(facts.kind === 'rsa' ? 384 : 2 * facts.coordinateLength);
    const options =
      facts.kind === 'rsa'
        ? { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
        : { key: publicKey, dsaEncoding: 'ieee-p1363' as const };
    expect(verify(facts.hash, CONTENTS, options, signature)).toBe(true);
    expect(verify(facts.hash, Buffer.from('other'), options, signature)).toBe(false);
  });

  test('signs a manifest as openssl dgst -verify takes it', async () => {
    const signature = await signManifest(CONTENTS, [signer]);
    const options =
      facts.kind === 'rsa'
        ? { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
        : { key: publicKey, dsaEncoding: 'der' as const };
    expect(verify(facts.hash, CONTENTS, options, signature)).toBe(true);
  });
});

test('a signer is a development one when it is told so', () => {
  const text = pem.pkcs8(aPrivateKey('ecdsa256'));
  expect(pemSigner(text, 'key', { development: true }).development).toBe(true);
});

describe('a key that does not make good signatures signs nothing:', () => {
  test('an EC key with the public point of another', async () => {
    const jwk = anEcKey('prime256v1').export({ format: 'jwk' });
    const other = anEcKey('prime256v1').export({ format: 'jwk' });
    const der = sec1Of(jwk.d ?? '', other.x ?? '', other.y ?? '');
    const text = `-----BEGIN EC PRIVATE KEY-----\n${der.toString('base64')}\n-----END EC PRIVATE KEY-----\n`;
    const error = await thrownBy(SigningError, async () => {
      await pemSigner(text, 'key', { development: false }).sign(CONTENTS);
    });
    expect(['SIGNATURE_SELF_CHECK', 'KEY_UNREADABLE']).toContain(error.code);
    for (const secret of secretsOf(text)) expect(visibleText(error)).not.toContain(secret);
  });

  test('an RSA key with a damaged modulus', async () => {
    const jwk = generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey.export({
      format: 'jwk',
    });
    const n = Buffer.from(jwk.n ?? '', 'base64url');
    n[200] = (n[200] ?? 0) ^ 1;
    const key = createPrivateKey({ key: { ...jwk, n: n.toString('base64url') }, format: 'jwk' });
    const error = await thrownBy(SigningError, () =>
      pemSigner(pem.pkcs8(key), 'key', { development: false }),
    );
    expect(error.code).toBe('KEY_UNREADABLE');
    expect(error.message).toBe(
      'key is damaged: its private and its public half do not belong together',
    );
  });

  /** ECPrivateKey (RFC 5915) on P-256 with that secret and that point. */
  function sec1Of(d: string, x: string, y: string): Buffer {
    const [secret, ...point] = [d, x, y].map((number) => Buffer.from(number, 'base64url'));
    return Buffer.concat([
      Buffer.from('30770201010420', 'hex'),
      secret ?? Buffer.alloc(0),
      Buffer.from('a00a06082a8648ce3d030107a14403420004', 'hex'),
      ...point,
    ]);
  }
});
