import { stat } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Workspace } from '../support/cli.ts';
import { isMissing, oracleTool, runTool } from '../support/oracle.ts';
import { build, createSigningWorkspace } from '../support/signed-builds.ts';

const openssl = oracleTool('openssl');

const MANIFESTS = [
  {
    board: 'ESP32_GENERIC',
    scheme: 'rsa3072',
    hash: '-sha256',
    options: ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32'],
  },
  { board: 'ESP32_GENERIC_C2', scheme: 'ecdsa256', hash: '-sha256', options: [] },
  { board: 'ESP32_GENERIC_C5', scheme: 'ecdsa384', hash: '-sha384', options: [] },
] as const;

/** Every container that OpenSSL writes private keys in. */
const CONTAINERS = [
  { what: 'RSA in PKCS#1', begins: 'RSA PRIVATE KEY', args: ['genrsa', '-traditional', '3072'] },
  {
    what: 'RSA in PKCS#8',
    begins: 'PRIVATE KEY',
    args: ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072'],
  },
  {
    what: 'P-256 in SEC1 with parameters',
    begins: 'EC PARAMETERS',
    args: ['ecparam', '-name', 'prime256v1', '-genkey'],
  },
  {
    what: 'P-256 in SEC1',
    begins: 'EC PRIVATE KEY',
    args: ['ecparam', '-name', 'prime256v1', '-genkey', '-noout'],
  },
  {
    what: 'P-384 in PKCS#8',
    begins: 'PRIVATE KEY',
    args: ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  },
] as const;

describe.skipIf(isMissing(openssl, 'openssl'))('keys and signatures against openssl', () => {
  let work: Workspace;

  beforeAll(async () => {
    const boards = MANIFESTS.map(({ board }) => board);
    work = await createSigningWorkspace(boards, ['rsa3072', 'ecdsa256', 'ecdsa384']);
  });

  const run = (...args: readonly string[]) => runTool(openssl, args, work.directory);

  test.each(MANIFESTS)(
    'verifies manifest.json.sig by $scheme',
    async ({ board, scheme, hash, options }) => {
      await build(work, { board, scheme, count: 1, version: '1' });
      const verify = (key: string) =>
        run(
          ...['dgst', hash, ...options, '-verify', key],
          ...['-signature', `out/${board}-1/manifest.json.sig`, `out/${board}-1/manifest.json`],
        );
      const good = await verify(`${scheme}-first.pub.pem`);
      expect(good).toEqual({ code: 0, output: 'Verified OK\n' });
      expect((await verify(`${scheme}-second.pub.pem`)).code).not.toBe(0);
    },
  );

  test.each(['rsa3072', 'ecdsa256', 'ecdsa384', 'ecdsa192'])(
    'reads the %s key that we generate',
    async (scheme) => {
      const made = await work.runHere([
        'keys',
        'generate',
        `made/${scheme}.pem`,
        '--scheme',
        scheme,
        '--unencrypted',
      ]);
      expect(made.code, made.stderr).toBe(0);
      const isRsa = scheme === 'rsa3072';
      const both = await run('pkey', '-in', `made/${scheme}.pem`, '-check', '-noout', '-text');
      expect(both.code, both.output).toBe(0);
      expect(both.output).toContain('Key is valid');
      expect(both.output).toContain(isRsa ? '3072 bit' : `${scheme.replace('ecdsa', '')} bit`);
      const derived = await run('pkey', '-in', `made/${scheme}.pem`, '-pubout');
      expect(derived.output).toBe((await work.read('made', `${scheme}.pub.pem`)).toString());
    },
  );

  test.each(CONTAINERS)('makes keys that we sign with: $what', async ({ what, begins, args }) => {
    const file = `${what.replaceAll(/\W+/g, '-')}.pem`;
    const [command, ...rest] = args;
    const made = await run(command, '-out', file, ...rest);
    expect(made.code, made.output).toBe(0);
    expect((await work.read(file)).toString()).toMatch(new RegExp(`^-----BEGIN ${begins}-----`));
    expect((await stat(work.path(file))).mode & 0o077).toBe(0);
    const scheme = what.startsWith('RSA')
      ? 'rsa3072'
      : what.startsWith('P-256')
        ? 'ecdsa256'
        : 'ecdsa384';
    const signed = ['--key', file, '--scheme', scheme, '--out', file.replace('.pem', '')];
    const built = await work.runHere([
      ...['--board', 'ESP32_GENERIC_C5', '--firmware', 'ESP32_GENERIC_C5.bin'],
      ...['--app-version', '1', ...signed],
    ]);
    expect(built.code, built.stderr).toBe(0);
    await run('pkey', '-in', file, '-pubout', '-out', `${file}.pub`);
    const release = `${file.replace('.pem', '')}/ESP32_GENERIC_C5-1`;
    const verified = await work.runHere(['verify', release, '--trust', `${file}.pub`]);
    expect(verified.code, verified.stdout).toBe(0);
  });

  test('makes an encrypted key, which is refused with a sentence', async () => {
    const made = await run(
      'genrsa',
      '-aes256',
      '-passout',
      'pass:secret',
      '-traditional',
      '-out',
      'old.pem',
      '3072',
    );
    expect(made.code, made.output).toBe(0);
    const refused = await work.runHere([
      ...['--board', 'ESP32_GENERIC', '--firmware', 'ESP32_GENERIC.bin', '--app-version', '1'],
      ...['--key', 'old.pem'],
    ]);
    expect(refused.code).toBe(8);
    expect(refused.stderr).toMatch(/^error: old\.pem is guarded by a passphrase/m);
  });
});
