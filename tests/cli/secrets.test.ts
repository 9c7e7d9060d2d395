import { createPublicKey, sign, type KeyObject } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { esp32c2 } from '../../builder/chip/esp32c2.ts';
import { encryptPrivateKey } from '../../builder/keys/encrypt-key.ts';
import { createWorkspace, type CliResult, type Workspace } from '../support/cli.ts';
import { makeApp } from '../support/firmware.ts';
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

/** A key for flash encryption: bytes that are nowhere else. */
const FLASH_KEY = Buffer.from('marked-flash-key-0123456789abcde');

/** PEM lines hold the public half too: only what is not in the public key's own text is secret. */
const SECRETS = [
  ...[PASSPHRASE, WRONG, PIN].map((text) => Buffer.from(text)),
  ...formsOf(KEY).slice(0, 4),
  Buffer.from(secretsOf(privatePem(KEY))[4] ?? 'none'),
  Buffer.from(Buffer.from(privatePem(KEY)).toString('base64').slice(120, 152)),
  FLASH_KEY,
  ...(['hex', 'base64'] as const).map((form) => Buffer.from(FLASH_KEY.toString(form))),
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

const SIGN = ['sign', 'app.bin', '--out', 'signed.bin'];

/** Writes down what every child is started with, its environment too, outside of the project. */
const recorder = (file: string): string => `
  import childProcess from 'node:child_process';
  import { appendFileSync } from 'node:fs';
  import { syncBuiltinESMExports } from 'node:module';
  for (const name of ['spawn', 'spawnSync']) {
    const start = childProcess[name];
    childProcess[name] = (program, args, options) => {
      const environment = options?.env ?? process.env;
      appendFileSync(${JSON.stringify(file)}, JSON.stringify({ program, args, environment }) + '\\n');
      return start(program, args, options);
    };
  }
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
    await beside.write('flash.key', FLASH_KEY, 0o600);
    await work.write('key.pub.pem', publicPem(KEY));
    await work.write('app.bin', makeApp({ chip: esp32c2 }));
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
      const signed = await run([...SIGN, '--key', key(), ...how], added);
      expect(signed.code, signed.stderr).toBe(0);
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
        for (const verb of [
          [...SIGN, '--key'],
          ['keys', 'public'],
        ]) {
          const other = await run([...verb, key, '--json'], { ...hsm?.environment, ...set });
          expect(other.code, other.stderr).toBe(0);
        }
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
    [
      'a passphrase is in the reference',
      () => ['--key', `${locked()}?passphrase=${PASSPHRASE}`],
      {},
    ],
    ['a PIN is in the reference', () => ['--key', `pkcs11:object=a?pin-value=${PIN}`], {}],
    ['a PIN is its own source', () => ['--key', `pkcs11:object=a?pin-source=${PIN}`], {}],
    ['the key is given for its name', () => ['--key', privatePem(KEY)], {}],
    ['the key is damaged', () => ['--key', 'env:K'], { K: privatePem(KEY).replace('\nM', '\nN') }],
    ['the program fails', () => ['--key', 'command:key.pub.pem false'], set],
  ])('when %s', async (_, args, environment) => {
    for (const verb of [BUILD, ['plan', ...BUILD.slice(0, -1)], SIGN]) {
      for (const how of [['--verbose'], ['--json', '--verbose']]) {
        const { code } = await run([...verb, ...args(), ...how], environment);
        expect(verb.includes('plan') ? [0, 8] : [8]).toContain(code);
      }
    }
  });

  test.each<[string, () => readonly string[], number]>([
    [
      'a public key',
      () => ['--public-key', beside.path('plain.pem'), '--signature', 'key.pub.pem'],
      8,
    ],
    [
      'a signature',
      () => ['--public-key', 'key.pub.pem', '--signature', beside.path('plain.pem')],
      8,
    ],
    ['a signature, locked', () => ['--public-key', 'key.pub.pem', '--signature', locked()], 8],
  ])('when a private key is given for %s', async (_, args, exit) => {
    for (const how of [['--verbose'], ['--json', '--verbose']])
      expect((await run([...SIGN, ...args(), ...how], set)).code).toBe(exit);
  });

  const inBase64 = (): string => Buffer.from(privatePem(KEY)).toString('base64');
  test.each<[string, () => readonly string[]]>([
    ['a key in Base64', () => [...SIGN, '--key', inBase64()]],
    ['a public key', () => [...SIGN, '--public-key', privatePem(KEY), '--signature', 'app.bin']],
    ['a trust file', () => ['verify', 'app.bin', '--trust', privatePem(KEY)]],
    ['a file', () => ['keys', 'digest', privatePem(KEY)]],
    ['a command', () => [privatePem(KEY)]],
  ])('when the key is given for the name of %s', async (_, args) => {
    for (const how of [['--verbose'], ['--json', '--verbose']])
      expect((await run([...args(), ...how], {})).code).toBe(8);
  });

  test('when signatures are made elsewhere', async () => {
    const digest = ['sign', 'app.bin', '--digest-out', 'digest', '--contents-out', 'contents'];
    const asked = await run([...digest, '--public-key', 'key.pub.pem', '--json', '--verbose'], set);
    expect(asked.code, asked.stderr).toBe(0);
    await work.write('good.sig', sign('sha256', await work.read('contents'), KEY));
    const pair = ['--public-key', 'key.pub.pem', '--signature', 'good.sig'];
    const made = await run([...SIGN, ...pair, '--json', '--verbose'], set);
    expect(made.code, made.stderr).toBe(0);
  });

  test('when a release is verified, or trust edited, with a private key', async () => {
    const wrong = await run(['verify', 'app.bin', '--trust', beside.path('plain.pem')], set);
    expect(wrong.code).toBe(9);
    const file = ['--file', 'trust.yaml', '--json', '--verbose'];
    const added = await run(['keys', 'trust', 'add', locked(), ...file], set);
    expect(added.code, added.stderr).toBe(0);
    const gone = ['keys', 'trust', 'revoke', locked(), '--why', 'x', '--last', ...file];
    expect((await run(gone, set)).code).toBe(0);
    expect((await run(gone, { OTA_BUILD_KEY_PASSPHRASE: WRONG })).code).toBe(8);
  });

  test('when flash is encrypted', async () => {
    await work.write('data.bin', 'settings '.repeat(112));
    const place = ['--chip', 'esp32c3', '--address', '0x10000', '--out', 'flash.bin'];
    const encrypt = ['encrypt-flash-data', 'data.bin', ...place, '--json', '--verbose', '--key'];
    const good = await run([...encrypt, beside.path('flash.key')], {});
    expect(good.code, good.stderr).toBe(0);
    const short = await run([...encrypt, beside.path('words')], {});
    expect(short.code, short.stderr).toBe(8);
  });

  test('when other programs run, whatever the variable is called', async () => {
    const more = { ...set, ANY_NAME: privatePem(KEY) };
    const { code, stderr } = await run(['doctor', '--json', '--verbose'], more);
    expect([0, 4], stderr).toContain(code);
    expect(/"program":"[^"]*git"/.test((await beside.read('children')).toString())).toBe(true);
  });

  test('when git is asked for the version, whatever the reference names', async () => {
    await beside.write('children', '');
    const key = `file:${locked()}?passphrase-source=env:WORDS`;
    const args = ['--board', 'ESP32_GENERIC_C2', '--firmware', 'drill', '--force', '--key', key];
    const { code, stderr } = await run([...args, '--verbose'], { WORDS: PASSPHRASE });
    expect([0, 3], stderr).toContain(code);
    expect(/"program":"[^"]*git"/.test((await beside.read('children')).toString())).toBe(true);
  });

  test.each(['--pin env:WORDS', '--pin=env:WORDS'])(
    'when git is asked for the version, and a signing program takes %s',
    async (words) => {
      await beside.write('children', '');
      const key = `command:key.pub.pem pkcs11-tool ${words}`;
      const args = ['plan', '--board', 'ESP32_GENERIC_C2', '--firmware', 'drill', '--key', key];
      const { code, stderr } = await run(args, { WORDS: PASSPHRASE });
      expect([0, 3], stderr).toContain(code);
      expect(/"program":"[^"]*git"/.test((await beside.read('children')).toString())).toBe(true);
    },
  );

  test('when keys are made, shown and digested', async () => {
    const made = await run(['keys', 'generate', 'keys/new.pem', '--json', '--verbose'], set);
    expect(made.code, made.stderr).toBe(0);
    const efuse = ['--efuse', '--chip', 'esp32c2'];
    for (const rest of [['digest'], ['public'], ['digest', ...efuse]]) {
      const [verb = '', ...options] = rest;
      const args = ['keys', verb, locked(), ...options, '--json', '--verbose'];
      const { code, stderr } = await run(args, set);
      expect(code, stderr).toBe(0);
    }
    const file = ['--passphrase-source', `file:${beside.path('words')}`];
    const other = await run(['keys', 'generate', 'keys/more.pem', ...file, '--verbose'], {});
    expect(other.code, other.stderr).toBe(0);
  });
});
