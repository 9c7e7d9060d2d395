import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import forge from 'node-forge';
import { describe, expect, test } from 'vitest';
import { SigningError, type SigningCode } from '../../../builder/errors/families.ts';
import { encryptPrivateKey } from '../../../builder/keys/encrypt-key.ts';
import { readDer, writeDer, type DerSource } from '../../../builder/keys/forge.ts';
import { readKeyDerivation } from '../../../builder/keys/key-derivation.ts';
import { readPrivateKey } from '../../../builder/keys/private-key.ts';
import { aPrivateKey } from '../../support/signature-blocks.ts';
import { thrownBy, visibleText } from '../../support/thrown.ts';

const PASSPHRASE = 'correct hörse battery';
const RSA = aPrivateKey('rsa3072');
const P256 = aPrivateKey('ecdsa256');
const der = (type: 'pkcs8' | 'pkcs1' | 'sec1', key = P256): Buffer =>
  key.export({ type, format: 'der' });

const locked = await encryptPrivateKey(der('pkcs8'), PASSPHRASE);
const lockedRsa = await encryptPrivateKey(der('pkcs8', RSA), PASSPHRASE);
const traditional = (type: 'pkcs1' | 'sec1', key = P256, cipher = 'aes-256-cbc'): string =>
  key.export({ type, format: 'pem', cipher, passphrase: PASSPHRASE }).toString();

const read = (text: string | Buffer, passphrase = PASSPHRASE) =>
  readPrivateKey(Buffer.from(text), 'k.pem', () => Promise.resolve(passphrase));
const bytesOf = (pem: string): Buffer =>
  Buffer.from(pem.replace(/-----[^-]+-----|^[\w-]+: .*$/gm, ''), 'base64');

/** The PEM with one byte of its contents changed, counted from the end when negative. */
function damagedAt(pem: string, at: number): string {
  const bytes = bytesOf(pem);
  const place = at < 0 ? bytes.length + at : at;
  bytes[place] = (bytes[place] ?? 0) ^ 0x40;
  const lines = bytes.toString('base64').replace(/.{64}/g, '$&\n');
  const [head = ''] = /^[^]*?(?=^[\w+/=]{16,}$)/m.exec(pem) ?? [];
  const [tail = ''] = /-----END.*$/m.exec(pem) ?? [];
  return `${head}${lines}\n${tail}\n`;
}

const refusal = async (text: string | Buffer, passphrase = PASSPHRASE) => {
  const error = await thrownBy(SigningError, () => read(text, passphrase));
  expect(visibleText(error)).not.toContain(passphrase);
  return error;
};

describe('what encryptPrivateKey writes', () => {
  test('is PBES2 with AES-256-CBC and PBKDF2-HMAC-SHA256 of 600 000 rounds', () => {
    const text = bytesOf(locked).toString('hex');
    expect(text).toContain('06092a864886f70d01050d'); // PBES2
    expect(text).toContain('06092a864886f70d01050c'); // PBKDF2
    expect(text).toContain('0203' + (600_000).toString(16).padStart(6, '0'));
    expect(text).toContain('06082a864886f70d02090500'); // hmacWithSHA256, NULL
    expect(text).toContain('060960864801650304012a0410'); // aes256-CBC, IV
  });

  test('never repeats itself', async () => {
    expect(await encryptPrivateKey(der('pkcs8'), PASSPHRASE)).not.toBe(locked);
  });

  test('is read by us, by node:crypto and by node-forge', async () => {
    expect((await read(lockedRsa)).key.equals(RSA)).toBe(true);
    const byNode = createPublicKey({
      key: lockedRsa,
      format: 'pem',
      passphrase: PASSPHRASE,
    } as never);
    expect(byNode.equals(createPublicKey(RSA))).toBe(true);
    const byForge = forge.pki.decryptRsaPrivateKey(lockedRsa, forge.util.encodeUtf8(PASSPHRASE));
    expect(forge.pki.privateKeyToPem(byForge).replaceAll('\r', '')).toBe(
      RSA.export({ type: 'pkcs1', format: 'pem' }).toString(),
    );
  });
});

describe('an encrypted key is read from', () => {
  test.each([
    ['PKCS#8 that we wrote', locked, P256],
    ['PKCS#8 in DER', bytesOf(locked), P256],
    [
      'PKCS#8 by node:crypto',
      P256.export({
        type: 'pkcs8',
        format: 'pem',
        cipher: 'aes-128-cbc',
        passphrase: PASSPHRASE,
      }).toString(),
      P256,
    ],
    [
      'PKCS#8 with triple DES',
      P256.export({
        type: 'pkcs8',
        format: 'pem',
        cipher: 'des-ede3-cbc',
        passphrase: PASSPHRASE,
      }).toString(),
      P256,
    ],
    ['PKCS#1 as before PKCS#8', traditional('pkcs1', RSA), RSA],
    ['SEC1 as before PKCS#8', traditional('sec1'), P256],
    ['SEC1 with triple DES', traditional('sec1', P256, 'des-ede3-cbc'), P256],
  ])('%s', async (_, text, key) => {
    expect((await read(text)).key.equals(key)).toBe(true);
  });

  test('DER that is not encrypted, without asking', async () => {
    for (const bytes of [der('pkcs8'), der('sec1'), der('pkcs1', RSA)]) {
      const { key } = await readPrivateKey(bytes, 'k.der', () =>
        Promise.reject(new Error('asked')),
      );
      expect(createPublicKey(key).asymmetricKeyType).toMatch(/^(ec|rsa)$/);
    }
  });
});

describe.each([
  ['PKCS#8, EC', locked],
  ['PKCS#8, RSA', lockedRsa],
  ['PKCS#1', traditional('pkcs1', RSA)],
  ['SEC1', traditional('sec1')],
])('with %s', (_, text) => {
  test('a wrong passphrase is told from a damaged file', async () => {
    for (const wrong of [
      'correct horse battery',
      '#',
      `${PASSPHRASE} `,
      PASSPHRASE.toUpperCase(),
    ]) {
      const error = await refusal(text, wrong);
      expect(error.code).toBe('PASSPHRASE_WRONG');
      expect(error.message).toBe('the passphrase does not open k.pem');
    }
  });

  test('damage at the end of what is encrypted is told from a wrong passphrase', async () => {
    for (const at of [-1, -20, -40]) {
      const error = await refusal(damagedAt(text, at));
      expect(error.code).toBe('KEY_UNREADABLE');
      expect(error.message).toMatch(/^k\.pem is damaged: /);
    }
  });
});

describe('damage is found', () => {
  test('in a padding that fills a block of its own', async () => {
    const whole = Buffer.concat([der('pkcs8'), Buffer.alloc(6, 0x5a)]);
    expect(whole.length % 16).toBe(0);
    const error = await refusal(await encryptPrivateKey(whole, PASSPHRASE));
    expect(error.code).toBe('KEY_UNREADABLE');
    expect(error.message).toMatch(/^k\.pem is damaged: /);
  });

  test('anywhere in an RSA key under the right passphrase, but for its salt', async () => {
    const start = bytesOf(lockedRsa).indexOf(Buffer.from('048207', 'hex'));
    const size = bytesOf(lockedRsa).length;
    for (let at = start + 40; at < size; at += 397)
      expect((await refusal(damagedAt(lockedRsa, at))).code).toBe('KEY_UNREADABLE');
  }, 30_000);

  test.each(['ecdsa192', 'ecdsa256', 'ecdsa384'] as const)(
    'anywhere in the encrypted part of a key of %s',
    async (scheme) => {
      const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc' } as const;
      const text = aPrivateKey(scheme)
        .export({ ...options, passphrase: PASSPHRASE })
        .toString();
      const size = bytesOf(text).length;
      // The cipher's OID, its IV, and a header of 3 bytes stand in front.
      const oid = Buffer.from('60864801650304012a0410', 'hex');
      const start = bytesOf(text).indexOf(oid) + oid.length + 16 + 3;
      for (let at = start; at < size; at += 1) {
        const damaged = bytesOf(text);
        damaged.writeUInt8(damaged.readUInt8(at) ^ 0x10, at);
        expect((await refusal(damaged)).code, `${at}`).toBe('KEY_UNREADABLE');
      }
    },
    30_000,
  );

  test.each<[string, string | Buffer, SigningCode]>([
    ['in how it is encrypted', damagedAt(locked, 2), 'KEY_UNREADABLE'],
    ['by cutting it short', locked.replace(/\n.*\n-----END/, '\n-----END'), 'KEY_UNREADABLE'],
    ['by losing its end', locked.slice(0, -20), 'KEY_UNREADABLE'],
    ['by losing DEK-Info', traditional('sec1').replace(/^DEK-Info.*\n/m, ''), 'KEY_UNREADABLE'],
    [
      'by an IV that is too short',
      traditional('sec1').replace(/^(DEK-Info: .*)..$/m, '$1'),
      'KEY_UNREADABLE',
    ],
    ['in DER', bytesOf(locked).subarray(0, 100), 'KEY_UNREADABLE'],
  ])('%s, without a passphrase', async (_, text, code) => {
    const error = await thrownBy(SigningError, () =>
      readPrivateKey(Buffer.from(text), 'k.pem', () => Promise.reject(new Error('asked'))),
    );
    expect(error.code).toBe(code);
  });
});

describe('what a key file may cost', () => {
  const SALT = { octets: Buffer.alloc(16) };
  const algorithm = (oid: string, parameters: readonly DerSource[]) =>
    readKeyDerivation(readDer(writeDer([{ oid }, parameters])));
  const pbkdf2 = (count: number) => algorithm('1.2.840.113549.1.5.12', [SALT, { integer: count }]);
  const scrypt = (...numbers: readonly number[]) =>
    algorithm('1.3.6.1.4.1.11591.4.11', [SALT, ...numbers.map((integer) => ({ integer }))]);

  test.each([1, 2048, 600_000, 10_000_000])('%d rounds of PBKDF2 are taken', (count) => {
    expect(pbkdf2(count)).toBeTypeOf('function');
  });
  test.each([0, -1, 10_000_001, 0x7fffffff])('%d rounds of PBKDF2 are not', (count) => {
    expect(pbkdf2(count)).toBeUndefined();
  });
  test('scrypt as OpenSSL writes it is taken', () => {
    expect(scrypt(16384, 8, 1)).toBeTypeOf('function');
  });
  test.each([
    [16385, 8, 1],
    [1, 8, 1],
    [16384, 0, 1],
    [16384, 8, 0],
    [16384, 8, 65],
    [1 << 23, 8, 1],
    [16384, 1 << 20, 1],
  ])('scrypt with N %d, r %d, p %d is not', (...numbers) => {
    expect(scrypt(...numbers)).toBeUndefined();
  });
});

test('a damaged PKCS#12 file is named so', async () => {
  const pkcs12 = Buffer.from('3012020103300d06092a864886f70d010701a000', 'hex');
  expect((await refusal(pkcs12)).message).toBe(
    'k.pem is a PKCS#12 file and is damaged; one private key was expected',
  );
});

test('a cipher that nobody here has is named', async () => {
  const odd = traditional('sec1').replace('AES-256-CBC', 'IDEA-CBC');
  const error = await refusal(odd);
  expect(error.message).toContain('not supported (cipher idea-cbc)');
  expect(error.hint).toContain('openssl pkcs8 -topk8');
});

test('the halves of a key that do not belong together are not a key', async () => {
  const jwk = generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey.export({
    format: 'jwk',
  });
  const n = Buffer.from(jwk.n ?? '', 'base64url');
  n[100] = (n[100] ?? 0) ^ 1;
  const { createPrivateKey } = await import('node:crypto');
  const key = createPrivateKey({ key: { ...jwk, n: n.toString('base64url') }, format: 'jwk' });
  const error = await refusal(key.export({ type: 'pkcs8', format: 'der' }));
  expect(error.message).toBe(
    'k.pem is damaged: its private and its public half do not belong together',
  );
});
