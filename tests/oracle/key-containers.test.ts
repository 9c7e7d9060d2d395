import { createPublicKey } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { keyDigestOfPublicKey } from '../../builder/format/signature-key.ts';
import { createWorkspace, type Workspace } from '../support/cli.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';
import { isMissing, oracleTool, runTool } from '../support/oracle.ts';
import { privatePem, publicPem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const openssl = oracleTool('openssl');
const PASSPHRASE = 'zwölf Boxkämpfer';
const LEGACY = ['-provider', 'legacy', '-provider', 'default'];

const CIPHERS = [
  ...['aes-128-cbc', 'aes-192-cbc', 'aes-256-cbc', 'aes-256-ofb', 'aes-256-cfb', 'des-ede3-cbc'],
  ...['camellia-128-cbc', 'camellia-256-cbc', 'aria-128-cbc', 'aria-256-cbc'],
  ...['camellia-192-cfb', 'camellia-256-ofb', 'aria-128-cfb', 'aria-192-ofb'],
  ...['sm4-cbc', 'sm4-cfb', 'sm4-ofb'],
];
const HMACS = ['SHA1', 'SHA224', 'SHA256', 'SHA384', 'SHA512', 'SHA512-224', 'SHA512-256'];
const PBES1 = [
  ...['PBE-MD5-DES', 'PBE-SHA1-DES', 'PBE-MD5-RC2-64', 'PBE-SHA1-RC2-64'],
  ...['PBE-SHA1-3DES', 'PBE-SHA1-2DES', 'PBE-SHA1-RC2-40', 'PBE-SHA1-RC2-128'],
  ...['PBE-SHA1-RC4-40', 'PBE-SHA1-RC4-128'],
];
const pkcs8 = (...args: readonly string[]) => ['pkcs8', '-topk8', '-passout', 'env:PASS', ...args];

/** What OpenSSL is told to write, by what that is. */
const CONTAINERS: readonly (readonly [string, readonly string[]])[] = [
  ...CIPHERS.map((cipher) => [`PBES2 with ${cipher}`, pkcs8('-v2', cipher)] as const),
  ...HMACS.map(
    (hmac) =>
      [`PBES2 with ${hmac}`, pkcs8('-v2', 'aes-256-cbc', '-v2prf', `hmacWith${hmac}`)] as const,
  ),
  ['PBES2 with DES', pkcs8('-v2', 'des-cbc', ...LEGACY)],
  ...['rc2-cbc', 'rc2-64-cbc', 'rc2-40-cbc'].map(
    (cipher) => [`PBES2 with ${cipher}`, pkcs8('-v2', cipher, ...LEGACY)] as const,
  ),
  ['PBES2 with scrypt', pkcs8('-scrypt')],
  ['PBES2 with scrypt and its own cost', pkcs8('-scrypt', '-scrypt_N', '1024', '-scrypt_r', '4')],
  ['PBES2 with many rounds', pkcs8('-v2', 'aes-256-cbc', '-iter', '300000')],
  ['PBES2 in DER', pkcs8('-v2', 'aes-256-cbc', '-outform', 'DER')],
  ['PKCS#8 in DER, not encrypted', ['pkcs8', '-topk8', '-nocrypt', '-outform', 'DER']],
  ...PBES1.map((algorithm) => [algorithm, pkcs8('-v1', algorithm, ...LEGACY)] as const),
];
const TRADITIONAL = ['aes128', 'aes192', 'aes256', 'des3', 'camellia256', 'aria192'];

describe.skipIf(isMissing(openssl, 'openssl'))('key files that openssl writes', () => {
  let work: Workspace;
  const keys = { rsa: aPrivateKey('rsa3072'), ec: aPrivateKey('ecdsa384') };
  const environment = { OTA_BUILD_KEY_PASSPHRASE: PASSPHRASE };

  beforeAll(async () => {
    work = await createWorkspace();
    for (const [name, key] of Object.entries(keys))
      await work.write(`${name}.pem`, privatePem(key), 0o600);
    process.env['PASS'] = PASSPHRASE;
    return () => {
      delete process.env['PASS'];
    };
  });

  const write = async (args: readonly string[], name: 'rsa' | 'ec'): Promise<void> => {
    const files = ['-in', `${name}.pem`, '-out', 'made.key'];
    const { code, output } = await runTool(openssl, [...args, ...files], work.directory);
    expect(code, output).toBe(0);
  };
  const digestRead = async (): Promise<string> => {
    const { code, stdout, stderr } = await work.runHere(['keys', 'digest', 'made.key'], {
      environment,
    });
    expect(code, stderr).toBe(0);
    return stdout.trim();
  };
  const digestOf = (name: 'rsa' | 'ec'): string =>
    keyDigestOfPublicKey(createPublicKey(publicPem(keys[name]))).toString('hex');

  test.each(CONTAINERS)('are read: %s', async (_, args) => {
    for (const name of ['rsa', 'ec'] as const) {
      await write(args, name);
      expect(await digestRead()).toBe(digestOf(name));
    }
  });

  test.each(TRADITIONAL)('are read: the older kind with %s', async (cipher) => {
    const how = [`-${cipher}`, '-passout', 'env:PASS'];
    await write(['rsa', '-traditional', ...how], 'rsa');
    expect((await work.read('made.key')).toString()).toContain('Proc-Type: 4,ENCRYPTED');
    expect(await digestRead()).toBe(digestOf('rsa'));
    await write(['ec', ...how], 'ec');
    expect((await work.read('made.key')).toString()).toContain('DEK-Info: ');
    expect(await digestRead()).toBe(digestOf('ec'));
  });

  test.each([
    ['RSA', ['rsa', '-traditional', '-outform', 'DER'], 'rsa'],
    ['EC', ['ec', '-outform', 'DER'], 'ec'],
  ] as const)('are read: %s as before PKCS#8, in DER', async (_, args, name) => {
    await write(args, name);
    expect(await digestRead()).toBe(digestOf(name));
  });

  test.each([...CONTAINERS.filter(([name]) => !name.includes('not encrypted'))])(
    'are not opened by a wrong passphrase, and that is said: %s',
    async (_, args) => {
      await write(args, 'ec');
      const wrong = { OTA_BUILD_KEY_PASSPHRASE: 'zwolf Boxkampfer' };
      const says = /the passphrase does not open made\.key/;
      const here = { here: true, environment: wrong };
      await expectRefusal(work, ['keys', 'digest', 'made.key'], { code: 8, says }, here);
    },
  );

  const certify = async (name: 'rsa' | 'ec', file: string): Promise<void> => {
    const args = ['req', '-x509', '-key', `${name}.pem`, '-subj', '/CN=test', '-out', file];
    const { code, output } = await runTool(openssl, args, work.directory);
    expect(code, output).toBe(0);
  };
  const bundle = async (args: readonly string[]): Promise<void> => {
    const all = ['pkcs12', '-export', ...args, '-passout', 'env:PASS', '-out', 'made.key'];
    const { code, output } = await runTool(openssl, all, work.directory);
    expect(code, output).toBe(0);
  };

  test.each([
    ['as OpenSSL writes it by itself', []],
    ['as older programs read it', ['-legacy', ...LEGACY]],
    ['with AES', ['-keypbe', 'AES-128-CBC', '-certpbe', 'AES-256-CBC']],
    ['with RC4', ['-keypbe', 'PBE-SHA1-RC4-128', ...LEGACY]],
    ['not encrypted', ['-keypbe', 'NONE', '-certpbe', 'NONE', '-nomac']],
  ])('are read: PKCS#12, %s', async (_, args) => {
    for (const name of ['rsa', 'ec'] as const) {
      await certify(name, 'certificate.pem');
      const key = ['-inkey', `${name}.pem`];
      for (const rest of [['-in', 'certificate.pem'], ['-nocerts']]) {
        await bundle([...key, ...rest, ...args]);
        expect(await digestRead()).toBe(digestOf(name));
      }
    }
  });

  test('are refused for what they are: RSA with three primes', async () => {
    const size = ['-pkeyopt', 'rsa_keygen_bits:3072', '-pkeyopt', 'rsa_keygen_primes:3'];
    const args = ['genpkey', '-algorithm', 'RSA', ...size, '-out', 'made.key'];
    expect((await runTool(openssl, args, work.directory)).code).toBe(0);
    const says = /made\.key is an RSA key with more than two primes/;
    await expectRefusal(work, ['keys', 'digest', 'made.key'], { code: 8, says }, { here: true });
  });

  test('are refused where there is no key, or nobody knows which: PKCS#12', async () => {
    const refuse = (says: RegExp) =>
      expectRefusal(
        work,
        ['keys', 'digest', 'made.key'],
        { code: 8, says },
        { here: true, environment },
      );
    await certify('ec', 'certificate.pem');
    await bundle(['-nokeys', '-in', 'certificate.pem']);
    await refuse(/is a PKCS#12 file and holds no private key; one private key was expected/);
    await bundle(['-inkey', 'ec.pem', '-in', 'certificate.pem']);
    process.env['PASS'] = 'another';
    await bundle(['-inkey', 'ec.pem', '-in', 'certificate.pem']);
    process.env['PASS'] = PASSPHRASE;
    await refuse(/the passphrase does not open made\.key/);
  });

  test.each(['rsa3072', 'ecdsa256', 'ecdsa384', 'ecdsa192'])(
    'and reads the %s key that we generate under a passphrase',
    async (scheme) => {
      const args = ['keys', 'generate', `ours-${scheme}.pem`, '--scheme', scheme];
      const made = await work.runHere(args, { environment });
      expect(made.code, made.stderr).toBe(0);
      const file = ['-in', `ours-${scheme}.pem`, '-passin', 'env:PASS'];
      const derived = await runTool(openssl, ['pkey', ...file, '-pubout'], work.directory);
      expect(derived.output).toBe((await work.read(`ours-${scheme}.pub.pem`)).toString());
      const parsed = ['asn1parse', '-in', `ours-${scheme}.pem`];
      const { output } = await runTool(openssl, parsed, work.directory);
      for (const word of ['PBES2', 'PBKDF2', 'hmacWithSHA256', 'aes-256-cbc', ':0927C0'])
        expect(output).toContain(word);
    },
  );
});
