import { createPublicKey, type KeyObject } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { encryptPrivateKey } from '../../builder/keys/encrypt-key.ts';
import { createWorkspace, type CliResult, type Workspace } from '../support/cli.ts';
import { secretsOf } from '../support/key-files.ts';
import { privatePem, publicPem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';
import { isMissing } from '../support/oracle.ts';
import { createToken, softHsmModule, type SoftHsm } from '../support/softhsm.ts';

const PASSPHRASE = 'marked-passphrase-5c1f0a';
const WRONG = 'marked-mistake-77b2e9';
const PIN = 'marked-pin-31d4f8';
const KEY = aPrivateKey('ecdsa256', 'marked');
const DER = KEY.export({ type: 'pkcs8', format: 'der' });

/** The scalar of an EC key as bytes, and every form that it could be written in. */
function formsOf(key: KeyObject): readonly Buffer[] {
  const scalar = Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url');
  const texts = [scalar.toString('hex'), scalar.toString('base64url'), scalar.toString('base64')];
  return [
    scalar,
    ...[...texts, ...secretsOf(privatePem(key)).slice(2)].map((text) => Buffer.from(text)),
  ];
}

/** PEM lines hold the public half too: only what is not in the public key's own text is secret. */
const SECRETS = [
  ...[PASSPHRASE, WRONG, PIN].map((text) => Buffer.from(text)),
  ...formsOf(KEY).slice(0, 4),
  Buffer.from(secretsOf(privatePem(KEY))[4] ?? 'none'),
];

const BUILD = [
  '--board',
  'ESP32_GENERIC_C2',
  '--firmware',
  'drill',
  '--app-version',
  '1',
  '--force',
];

/** Writes down what every child is started with, outside of the project. */
const recorder = (file: string): string => `
  import childProcess from 'node:child_process';
  import { appendFileSync } from 'node:fs';
  import { syncBuiltinESMExports } from 'node:module';
  const { spawn } = childProcess;
  childProcess.spawn = (program, args, options) => {
    const environment = { ...options?.env };
    const { OTA_BUILD_KEY_PASSPHRASE: passphrase, OTA_BUILD_PKCS11_PIN: pin } = environment;
    appendFileSync(${JSON.stringify(file)}, JSON.stringify({ program, args, passphrase, pin }) + '\\n');
    return spawn(program, args, options);
  };
  syncBuiltinESMExports();`;

describe('no secret leaves', () => {
  let work: Workspace;
  let beside: Workspace;
  let hsm: SoftHsm | undefined;

  beforeAll(async () => {
    work = await createWorkspace();
    beside = await createWorkspace();
    await mkdir(work.path('tmp'));
    await beside.write('locked.pem', await encryptPrivateKey(DER, PASSPHRASE), 0o600);
    await beside.write('plain.pem', privatePem(KEY), 0o600);
    await beside.write('words', PASSPHRASE, 0o600);
    await beside.write('pin', PIN, 0o600);
    await work.write('key.pub.pem', publicPem(KEY));
    if (softHsmModule() === undefined) return;
    hsm = await createToken(beside.path('hsm'), { label: 'marked', pin: PIN });
    await beside.write('public.der', createPublicKey(KEY).export({ type: 'spki', format: 'der' }));
    const write = ['--id', '01', '--label', 'marked', '--write-object'];
    hsm.tool(...write, beside.path('plain.pem'), '--type', 'privkey');
    hsm.tool(...write, beside.path('public.der'), '--type', 'pubkey');
  });

  const run = async (
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): Promise<CliResult> => {
    const record = beside.path('children');
    const result = await work.run(args, {
      environment: {
        TMPDIR: work.path('tmp'),
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(recorder(record))}`,
        ...environment,
      },
    });
    const children = await readFile(record, 'utf8').catch(() => '');
    for (const [where, text] of Object.entries({ ...result, children }))
      expectNoSecret(where, Buffer.from(String(text)));
    for (const entry of await readdir(work.directory, { recursive: true, withFileTypes: true })) {
      expectNoSecret('file name', Buffer.from(entry.name));
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) expectNoSecret(path, await readFile(path));
    }
    expect(await readdir(work.path('tmp'))).toEqual([]);
    return result;
  };

  function expectNoSecret(where: string, bytes: Buffer): void {
    for (const [index, secret] of SECRETS.entries())
      expect(bytes.includes(secret), `secret ${index} in ${where}`).toBe(false);
  }

  test('and this test would see one', () => {
    expect(SECRETS.every((secret) => secret.length >= 12)).toBe(true);
    expect(SECRETS.some((secret) => DER.includes(secret))).toBe(true);
    expect(SECRETS.some((secret) => privatePem(KEY).includes(secret.toString('latin1')))).toBe(
      true,
    );
    expect(SECRETS.some((secret) => publicPem(KEY).includes(secret.toString('latin1')))).toBe(
      false,
    );
  });

  test('and this test sees the children', async () => {
    const key = `command:key.pub.pem openssl pkeyutl -sign -inkey ${beside.path('plain.pem')}`;
    await run([...BUILD, '--key', key], {});
    expect((await beside.read('children')).toString()).toContain('"pkeyutl"');
  });

  const locked = (): string => beside.path('locked.pem');
  const set = { OTA_BUILD_KEY_PASSPHRASE: PASSPHRASE, OTA_BUILD_PKCS11_PIN: PIN };

  test.each<[string, () => string, () => Promise<Record<string, string>>]>([
    ['a file', () => beside.path('plain.pem'), () => Promise.resolve({})],
    ['a locked file', locked, () => Promise.resolve(set)],
    [
      'a locked file and a file with its passphrase',
      () => `file:${locked()}?passphrase-source=file:${beside.path('words')}`,
      () => Promise.resolve({}),
    ],
    ['a variable', () => 'env:SECRET_KEY', () => Promise.resolve({ SECRET_KEY: privatePem(KEY) })],
    [
      'a locked key in a variable',
      () => 'env:SECRET_KEY?passphrase-source=env:WORDS',
      async () => ({ SECRET_KEY: (await beside.read('locked.pem')).toString(), WORDS: PASSPHRASE }),
    ],
    [
      'a program',
      () => `command:key.pub.pem openssl pkeyutl -sign -inkey ${beside.path('plain.pem')}`,
      () => Promise.resolve(set),
    ],
  ])('when the key is in %s', async (_, key, environment) => {
    const added = await environment();
    for (const how of [['--verbose'], ['--json', '--verbose']]) {
      const { code, stderr } = await run([...BUILD, '--key', key(), ...how], added);
      expect(code, stderr).toBe(0);
    }
    const planned = await run(['plan', ...BUILD.slice(0, -1), '--key', key(), '--json'], added);
    expect(planned.code, planned.stderr).toBe(0);
  });

  test.skipIf(isMissing(softHsmModule(), 'softhsm2 and opensc'))(
    'when the key is in a token',
    async () => {
      const uri = `pkcs11:token=marked;id=%01?module-path=${hsm?.module ?? ''}`;
      for (const key of [uri, `${uri}&pin-source=file:${beside.path('pin')}`]) {
        const args = [...BUILD, '--key', key, '--verbose', '--json'];
        const { code, stderr } = await run(args, { ...hsm?.environment, ...set });
        expect(code, stderr).toBe(0);
      }
      const wrong = { ...hsm?.environment, OTA_BUILD_PKCS11_PIN: WRONG };
      const refused = await run([...BUILD, '--key', uri, '--verbose', '--json'], wrong);
      expect(refused.code).toBe(8);
    },
  );

  test.each<[string, () => readonly string[], Readonly<Record<string, string>>]>([
    ['the passphrase is wrong', () => ['--key', locked()], { OTA_BUILD_KEY_PASSPHRASE: WRONG }],
    [
      'it is given as its own source',
      () => ['--key', `file:k?passphrase-source=${PASSPHRASE}`],
      {},
    ],
    ['a PIN is in the reference', () => ['--key', `pkcs11:object=a?pin-value=${PIN}`], {}],
    ['a PIN is its own source', () => ['--key', `pkcs11:object=a?pin-source=${PIN}`], {}],
    ['the key is given for its name', () => ['--key', privatePem(KEY)], {}],
    ['the key is damaged', () => ['--key', 'env:K'], { K: privatePem(KEY).replace('\nM', '\nN') }],
    ['the program fails', () => ['--key', 'command:key.pub.pem false'], set],
  ])('when %s', async (_, args, environment) => {
    for (const verb of [[], ['plan']]) {
      for (const how of [['--verbose'], ['--json', '--verbose']]) {
        const base = verb.length === 0 ? BUILD : BUILD.slice(0, -1);
        const { code } = await run([...verb, ...base, ...args(), ...how], environment);
        expect(verb.length === 0 ? [8] : [0, 8]).toContain(code);
      }
    }
  });

  test('when keys are made, shown and digested', async () => {
    const made = await run(['keys', 'generate', 'keys/new.pem', '--json', '--verbose'], set);
    expect(made.code, made.stderr).toBe(0);
    for (const verb of ['digest', 'public']) {
      const { code, stderr } = await run(['keys', verb, locked(), '--json', '--verbose'], set);
      expect(code, stderr).toBe(0);
    }
  });
});
