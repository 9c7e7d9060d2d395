import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { SigningError, type SigningCode } from '../../../builder/errors/families.ts';
import { publicKeyFields } from '../../../builder/format/signature-key.ts';
import { DEVELOPMENT_MARK, parsePrivateKey } from '../../../builder/keys/private-key.ts';
import { anEcKey, pem, secretsOf } from '../../support/key-files.ts';
import { aPrivateKey } from '../../support/signature-blocks.ts';
import { thrownBy, visibleText } from '../../support/thrown.ts';

const RSA = aPrivateKey('rsa3072');
const P256 = aPrivateKey('ecdsa256');

describe('a private key is read from', () => {
  test.each([
    ['PKCS#8, RSA', pem.pkcs8(RSA), RSA],
    ['PKCS#1', pem.pkcs1(RSA), RSA],
    ['PKCS#8, EC', pem.pkcs8(P256), P256],
    ['SEC1', pem.sec1(P256), P256],
    ['SEC1 behind the parameters of its curve', pem.sec1WithParameters(P256), P256],
    ['PKCS#8 on P-192', pem.pkcs8(aPrivateKey('ecdsa192')), aPrivateKey('ecdsa192')],
    ['SEC1 on P-384', pem.sec1(aPrivateKey('ecdsa384')), aPrivateKey('ecdsa384')],
    ['text with Windows line ends', pem.pkcs8(P256).replaceAll('\n', '\r\n'), P256],
    ['text with words above and below', `Bag Attributes\n${pem.pkcs8(P256)}\nthe end`, P256],
    ['a file that holds its public key too', pem.public(P256) + pem.pkcs8(P256), P256],
  ])('%s', (_, text, key) => {
    const found = parsePrivateKey(text, 'release.pem');
    expect(found.key.equals(key)).toBe(true);
    expect(found.fields).toEqual(publicKeyFields(createPublicKey(key)));
    expect(found.development).toBe(false);
  });

  test('text with the mark of a development key', () => {
    const text = `${DEVELOPMENT_MARK}\n${pem.pkcs8(P256)}`;
    expect(parsePrivateKey(text, 'release.pem').development).toBe(true);
  });
});

describe('a private key is refused with a sentence:', () => {
  const [, ...body] = pem.pkcs8(P256).split('\n');
  const ed25519 = generateKeyPairSync('ed25519').privateKey;
  const small = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const certificate = pem.public(P256).replaceAll('PUBLIC KEY', 'CERTIFICATE');

  test.each<[string, string, SigningCode, RegExp]>([
    ['nothing', '', 'KEY_UNREADABLE', /^k\.pem is not a key in PEM/],
    ['text', 'hello', 'KEY_UNREADABLE', /^k\.pem is not a key in PEM/],
    [
      'DER that is text',
      P256.export({ type: 'pkcs8', format: 'der' }).toString('latin1'),
      'KEY_UNREADABLE',
      /^k\.pem is not a private key in PEM or DER/,
    ],
    [
      'a block that does not end',
      pem.pkcs8(P256).slice(0, 150),
      'KEY_UNREADABLE',
      /not a key in PEM/,
    ],
    ['a block without a beginning', body.join('\n'), 'KEY_UNREADABLE', /not a key in PEM/],
    [
      'a damaged block',
      pem.pkcs8(P256).replace(/^M.{20}/m, 'MAAA'),
      'KEY_UNREADABLE',
      /^k\.pem is damaged: its PRIVATE KEY block/,
    ],
    [
      'an empty block',
      '-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n',
      'KEY_UNREADABLE',
      /./,
    ],
    [
      'a label that is not its contents',
      pem.pkcs1(RSA).replaceAll('RSA PRIVATE', 'EC PRIVATE'),
      'KEY_UNREADABLE',
      /damaged/,
    ],
    ['a passphrase', pem.locked(P256), 'KEY_LOCKED', /^k\.pem is guarded by a passphrase/],
    [
      'a passphrase of the older kind',
      pem.lockedTraditional(P256),
      'KEY_LOCKED',
      /^k\.pem is guarded by a passphrase/,
    ],
    [
      'a public key',
      pem.public(P256),
      'KEY_WRONG_TYPE',
      /^k\.pem is a public key; signing needs the private key/,
    ],
    ['a certificate', certificate, 'KEY_WRONG_TYPE', /^k\.pem is a certificate/],
    [
      'parameters alone',
      pem.sec1WithParameters(P256).split('-----BEGIN EC PRIVATE')[0] ?? '',
      'KEY_WRONG_TYPE',
      /'EC PARAMETERS'/,
    ],
    [
      'another kind of block',
      '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----\n',
      'KEY_WRONG_TYPE',
      /'OPENSSH PRIVATE KEY'/,
    ],
    [
      'RSA with 2048 bits',
      pem.pkcs8(small),
      'KEY_WRONG_TYPE',
      /RSA with 2048 bits; .* RSA with 3072 bits/,
    ],
    ['P-521', pem.pkcs8(anEcKey('secp521r1')), 'KEY_WRONG_TYPE', /EC on curve secp521r1/],
    ['secp256k1', pem.pkcs8(anEcKey('secp256k1')), 'KEY_WRONG_TYPE', /EC on curve secp256k1/],
    ['Ed25519', pem.pkcs8(ed25519), 'KEY_WRONG_TYPE', /the key is Ed25519/],
    [
      'two keys',
      pem.pkcs8(P256) + pem.pkcs8(RSA),
      'KEY_COUNT',
      /^k\.pem holds 2 private keys; one was expected/,
    ],
  ])('%s', async (_, text, code, words) => {
    const error = await thrownBy(SigningError, () => parsePrivateKey(text, 'k.pem'));
    expect(error.code).toBe(code);
    expect(error.exit).toBe(8);
    expect(error.message).toMatch(words);
    const visible = visibleText(error);
    for (const secret of secretsOf(text)) expect(visible).not.toContain(secret);
  });

  test('damage anywhere in the file never shows what is in it', () => {
    const text = pem.pkcs8(P256);
    const secrets = secretsOf(text);
    for (let at = 0; at < text.length; at += 7) {
      const damaged = `${text.slice(0, at)}#${text.slice(at + 1)}`;
      try {
        parsePrivateKey(damaged, 'k.pem');
      } catch (error) {
        expect(error).toBeInstanceOf(SigningError);
        for (const secret of secrets) expect(visibleText(error)).not.toContain(secret);
      }
    }
  });
});
