import { createPublicKey } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SigningError, UsageError } from '../../../builder/errors/families.ts';
import { keyDigestOfPublicKey } from '../../../builder/format/signature-key.ts';
import type { SignatureScheme } from '../../../builder/format/signature-scheme.ts';
import { readKeyDigest } from '../../../builder/keys/key-digest.ts';
import { createKeyFiles } from '../../../builder/keys/key-files.ts';
import { parsePrivateKey } from '../../../builder/keys/private-key.ts';
import { readPublicKey } from '../../../builder/keys/public-key.ts';
import { anEcKey, pem } from '../../support/key-files.ts';
import { ALL_SCHEMES, aPrivateKey } from '../../support/signature-blocks.ts';
import { tempProject } from '../../support/temp-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

/** Nobody to ask, and nothing in the environment. */
const NOBODY = { projectDirectory: '/nowhere', environment: {} };
const plain = (scheme: SignatureScheme) => ({
  scheme,
  passphrase: () => Promise.resolve(undefined),
});

describe('a new key pair', () => {
  test.each(ALL_SCHEMES)('for %s is written as two files that belong together', async (scheme) => {
    const root = await tempProject();
    const made = await createKeyFiles(join(root, 'keys/release.pem'), plain(scheme));
    expect(made.privateFile).toBe(join(root, 'keys/release.pem'));
    expect(made.publicFile).toBe(join(root, 'keys/release.pub.pem'));
    const key = parsePrivateKey(await readFile(made.privateFile, 'utf8'), 'key');
    const publicText = await readFile(made.publicFile, 'utf8');
    expect(key.fields.scheme).toBe(scheme);
    expect(key.development).toBe(false);
    expect(createPublicKey(key.key).equals(readPublicKey(publicText, 'key'))).toBe(true);
    expect(publicText).not.toContain('PRIVATE');
    expect(made.digest).toBe(keyDigestOfPublicKey(key.key).toString('hex'));
  });

  test('is readable by its owner only, its public half by everybody', async () => {
    const root = await tempProject();
    const { privateFile, publicFile } = await createKeyFiles(join(root, 'key'), plain('ecdsa256'));
    expect((await stat(privateFile)).mode & 0o777).toBe(0o600);
    expect((await stat(publicFile)).mode & 0o044).not.toBe(0);
    expect((await readdir(root)).sort()).toEqual(['key', 'key.pub.pem']);
  });

  test.each(['key.pem', 'key.pub.pem'])('never overwrites %s', async (name) => {
    const root = await tempProject({ [name]: 'precious' });
    const error = await thrownBy(SigningError, () =>
      createKeyFiles(join(root, 'key.pem'), plain('ecdsa256')),
    );
    expect(error.code).toBe('KEY_EXISTS');
    expect(await readdir(root)).toEqual([name]);
    expect(await readFile(join(root, name), 'utf8')).toBe('precious');
  });

  test('leaves nothing where its folder cannot be made', async () => {
    const root = await tempProject({ file: '' });
    const error = await thrownBy(UsageError, () =>
      createKeyFiles(join(root, 'file/key.pem'), plain('ecdsa256')),
    );
    expect(error.code).toBe('OUTPUT_DENIED');
    expect(await readdir(root)).toEqual(['file']);
  });
});

describe('the digest of a key file', () => {
  const key = aPrivateKey('ecdsa256');
  const rsa = aPrivateKey('rsa3072');
  const digestOf = async (text: string) => {
    const root = await tempProject();
    await writeFile(join(root, 'k.pem'), text);
    return readKeyDigest(join(root, 'k.pem'), 'k.pem', NOBODY);
  };

  test.each([
    ['a private key', pem.pkcs8(key), key, 'ecdsa256'],
    ['a SEC1 key behind its parameters', pem.sec1WithParameters(key), key, 'ecdsa256'],
    ['a public key', pem.public(key), key, 'ecdsa256'],
    ['an RSA key', pem.pkcs1(rsa), rsa, 'rsa3072'],
    ['a public RSA key', pem.public(rsa), rsa, 'rsa3072'],
    [
      'a public RSA key in PKCS#1',
      createPublicKey(rsa).export({ type: 'pkcs1', format: 'pem' }).toString(),
      rsa,
      'rsa3072',
    ],
  ])('is that of %s', async (_, text, expected, scheme) => {
    const found = await digestOf(text);
    expect(found.digest.equals(keyDigestOfPublicKey(expected))).toBe(true);
    expect(found.scheme).toBe(scheme);
  });

  test.each([
    ['no key', 'hello', 'KEY_UNREADABLE'],
    ['a damaged public key', pem.public(key).replace(/^M.{20}/m, 'MAAA'), 'KEY_UNREADABLE'],
    ['a public key of an unknown kind', pem.public(anEcKey('secp256k1')), 'KEY_WRONG_TYPE'],
    ['a private key of an unknown kind', pem.pkcs8(anEcKey('secp521r1')), 'KEY_WRONG_TYPE'],
    ['two public keys', pem.public(key) + pem.public(rsa), 'KEY_COUNT'],
    ['a locked key and nobody to ask', pem.locked(key), 'PASSPHRASE_MISSING'],
  ])('is refused for %s', async (_, text, code) => {
    const error = await thrownBy(SigningError, () => digestOf(text));
    expect(error.code).toBe(code);
    expect(error.message).toContain('k.pem');
  });

  test('is refused for a file that is missing', async () => {
    const error = await thrownBy(UsageError, () =>
      readKeyDigest('/nowhere/k.pem', 'k.pem', NOBODY),
    );
    expect(error.code).toBe('INPUT_MISSING');
  });
});
