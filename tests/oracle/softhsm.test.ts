import { createPublicKey } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { keyDigestOfPublicKey } from '../../builder/format/signature-key.ts';
import type { Manifest } from '../../builder/manifest/manifest.ts';
import { createWorkspace, type Workspace } from '../support/cli.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';
import { isMissing, NEEDS_ORACLE, oracleTool, runTool } from '../support/oracle.ts';
import { createToken, softHsmModule, type SoftHsm } from '../support/softhsm.ts';

const NEEDS_HSM = 'needs softhsm2 and opensc';
const espsecure = oracleTool('espsecure');
const PIN = 'pin-4711-geheim';

const KEYS = [
  { board: 'ESP32_GENERIC', scheme: 'rsa3072', type: 'rsa:3072', id: '01' },
  { board: 'ESP32_GENERIC_C2', scheme: 'ecdsa256', type: 'EC:prime256v1', id: '02' },
  { board: 'ESP32_GENERIC_C5', scheme: 'ecdsa384', type: 'EC:secp384r1', id: '03' },
] as const;

describe.skipIf(isMissing(softHsmModule(), NEEDS_HSM))(`keys in SoftHSM2 (${NEEDS_HSM})`, () => {
  let work: Workspace;
  let hsm: SoftHsm;

  beforeAll(async () => {
    work = await createWorkspace();
    // Beside the project: logging in writes into the token.
    const { directory } = await createWorkspace();
    hsm = await createToken(directory, { label: 'Release token', pin: PIN });
    for (const { scheme, type, id } of KEYS) {
      hsm.tool('--keypairgen', '--key-type', type, '--label', scheme, '--id', id);
    }
    await work.write('pin', `${PIN}\n`, 0o600);
    for (const { scheme, id } of KEYS) {
      const args = ['keys', 'public', uri(`id=%${id}`), '--output', `${scheme}.pub.pem`];
      const { code, stderr } = await work.runHere(args, withPin());
      if (code !== 0) throw new Error(stderr);
    }
  });

  const uri = (rest: string): string =>
    `pkcs11:token=Release%20token;${rest}${rest.includes('?') ? '&' : '?'}module-path=${hsm.module}`;
  const drill = (board: string, key: string, ...more: readonly string[]) => [
    ...['--board', board, '--firmware', 'drill', '--app-version', '1', '--key', key, ...more],
  ];
  const withPin = () => ({ environment: { ...hsm.environment, OTA_BUILD_PKCS11_PIN: PIN } });

  test('are what OpenSC reads from the token (its 0.23 cannot read P-384)', async () => {
    for (const { scheme, id } of KEYS.slice(0, 2)) {
      const der = hsm.tool('--read-object', '--type', 'pubkey', '--id', id);
      const theirs = createPublicKey({ key: der, format: 'der', type: 'spki' });
      expect(createPublicKey(await work.read(`${scheme}.pub.pem`)).equals(theirs)).toBe(true);
    }
  });

  test.each(KEYS)('sign the drill for $board by $scheme, in CI', async ({ board, scheme }) => {
    const out = ['--scheme', scheme, '--out', scheme, '--json', '--verbose'];
    const { code, stdout, stderr } = await work.run(
      drill(board, uri(`object=${scheme};type=private`), ...out),
      { environment: { ...withPin().environment, CI: 'true' } },
    );
    expect(code, stderr).toBe(0);
    expect(`${stdout}${stderr}`).not.toContain(PIN);
    const { manifest } = JSON.parse(stdout) as { manifest: Manifest };
    const digest = keyDigestOfPublicKey(createPublicKey(await work.read(`${scheme}.pub.pem`)));
    expect(manifest.signing?.keys).toEqual([{ digest: digest.toString('hex'), role: 'image' }]);
    const release = `${scheme}/${board}-1`;
    const verified = await work.runHere(['verify', release, '--trust', `${scheme}.pub.pem`]);
    expect(verified.code, verified.stdout).toBe(0);
  });

  test.skipIf(isMissing(espsecure)).each(KEYS)(
    `espsecure verifies what they signed for $board by $scheme (${NEEDS_ORACLE})`,
    async ({ board, scheme }) => {
      const app = `${scheme}/${board}-1/${board}-1.app-bin`;
      const args = ['verify-signature', '--version', '2', '--keyfile', `${scheme}.pub.pem`, app];
      const { code, output } = await runTool(espsecure, args, work.directory);
      expect(code, output).toBe(0);
    },
  );

  test.each([
    ['a file', 'id=%02?pin-source=file:pin', {}],
    ['a variable of the user', 'id=%02?pin-source=env:TOKEN_PIN', { TOKEN_PIN: PIN }],
  ])('take their PIN from %s', async (_, rest, added) => {
    const environment = { ...hsm.environment, ...added };
    const args = drill('ESP32_GENERIC_C2', uri(rest), '--out', 'pin-source', '--force');
    const { code, stderr } = await work.runHere(args, { environment });
    expect(code, stderr).toBe(0);
  });

  test.each<[string, string, RegExp]>([
    ['a key that is not there', 'object=nobody', /no private key on the token fits/],
    [
      'another token',
      'object=rsa3072;serial=0',
      /no token fits; there is 'Release token' \(serial /,
    ],
    ['a token that is not there', 'object=rsa3072;slot-id=77', /no token fits/],
  ])('are refused with a sentence: %s', async (_, rest, says) => {
    const args = drill('ESP32_GENERIC', uri(rest));
    await expectRefusal(work, args, { code: 8, says }, { here: true, ...withPin() });
  });

  test('name the keys that there are when none fits, or several do', async () => {
    hsm.tool('--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'twin', '--id', '11');
    hsm.tool('--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'twin', '--id', '12');
    const { stderr } = await expectRefusal(
      work,
      drill('ESP32_GENERIC_C2', uri('object=twin')),
      { code: 8, says: /2 private keys fit/ },
      { here: true, ...withPin() },
    );
    expect(stderr).toContain('object=twin;id=%12');
    const exact = drill('ESP32_GENERIC_C2', uri('object=twin;id=%12'), '--out', 'twin');
    const { code, stderr: said } = await work.runHere(exact, withPin());
    expect(code, said).toBe(0);
  });

  test('without a PIN and anybody to ask are refused before any work', async () => {
    await expectRefusal(
      work,
      drill('ESP32_GENERIC', uri('object=rsa3072')),
      { code: 8, says: /needs the PIN of token 'Release token', and there is nobody to ask/ },
      { here: true, environment: hsm.environment },
    );
  });

  test('with a wrong PIN say so, once, and do not show it', async () => {
    const { stderr } = await expectRefusal(
      work,
      drill('ESP32_GENERIC', uri('object=rsa3072')),
      { code: 8, says: /the PIN is wrong/ },
      { here: true, environment: { ...hsm.environment, OTA_BUILD_PKCS11_PIN: 'wrong-9481' } },
    );
    expect(stderr).not.toContain('9481');
  });

  test('with a PIN in the reference are refused by every command, and it is not shown', async () => {
    for (const verb of [[], ['plan']]) {
      const args = [...verb, ...drill('ESP32_GENERIC', uri('object=rsa3072?pin-value=9481'))];
      const { stderr } = await expectRefusal(
        work,
        args,
        { code: 8, says: /contains a PIN \(pin-value\)/ },
        { here: true, environment: hsm.environment },
      );
      expect(stderr).not.toContain('9481');
    }
  });

  test('whose public key belongs to another private key are found out', async () => {
    hsm.tool('--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'odd', '--id', '21');
    const other = hsm.tool('--read-object', '--type', 'pubkey', '--id', '02');
    await work.write('other.der', other);
    hsm.tool('--delete-object', '--type', 'pubkey', '--id', '21');
    const written = ['--write-object', work.path('other.der'), '--type', 'pubkey', '--id', '21'];
    hsm.tool(...written, '--label', 'odd');
    await expectRefusal(
      work,
      drill('ESP32_GENERIC_C2', uri('object=odd')),
      { code: 8, says: /signature by another key, or with no signature.*; nothing was signed/ },
      { here: true, ...withPin() },
    );
  });

  test('whose public key is gone are refused with a sentence; RSA has it in the private one', async () => {
    hsm.tool('--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'half', '--id', '31');
    hsm.tool('--delete-object', '--type', 'pubkey', '--id', '31');
    await expectRefusal(
      work,
      drill('ESP32_GENERIC_C2', uri('object=half')),
      { code: 8, says: /neither the public key nor a certificate/ },
      { here: true, ...withPin() },
    );
    hsm.tool('--delete-object', '--type', 'pubkey', '--id', '01');
    const { code, stderr } = await work.runHere(
      drill('ESP32_GENERIC', uri('id=%01'), '--out', 'alone'),
      withPin(),
    );
    expect(code, stderr).toBe(0);
  });

  test('stay development keys when that is what was put into the token', async () => {
    await work.runHere(drill('ESP32_GENERIC_C2', 'dev', '--out', 'dev', '--scheme', 'ecdsa256'));
    hsm.tool(
      ...['--write-object', work.path('keys', 'dev', 'ecdsa256.pem'), '--type', 'privkey'],
      ...['--id', '41', '--label', 'dev'],
    );
    const key = createPublicKey(await work.read('keys', 'dev', 'ecdsa256.pem'));
    await work.write('dev.der', key.export({ type: 'spki', format: 'der' }));
    hsm.tool('--write-object', work.path('dev.der'), '--type', 'pubkey', '--id', '41');
    const args = drill('ESP32_GENERIC_C2', uri('id=%41'), '--out', 'hidden');
    const built = await work.runHere([...args, '--json'], withPin());
    expect(built.code, built.stderr).toBe(0);
    const { manifest } = JSON.parse(built.stdout) as { manifest: Manifest };
    expect(manifest.signing?.keys[0]?.development).toBe(true);
    const environment = { ...withPin().environment, CI: 'true' };
    const inCi = await work.runHere([...args, '--force'], { environment });
    expect({ code: inCi.code, stderr: inCi.stderr }).toEqual({
      code: 8,
      stderr: expect.stringContaining('is a development key, and this is CI') as string,
    });
  });
});

describe('a PKCS#11 module', () => {
  test('that is missing, or no module, is refused with a sentence', async () => {
    const work = await createWorkspace();
    await work.write('no-module.so', 'text');
    const key = (query: string) => [
      ...['--board', 'ESP32_GENERIC', '--firmware', 'drill', '--key', `pkcs11:object=a${query}`],
    ];
    for (const [query, says] of [
      ['?module-path=/nowhere/p.so', /there is no PKCS#11 module at \/nowhere\/p\.so/],
      ['?module-path=no-module.so', /no-module\.so is not a PKCS#11 module that works here/],
      ['?module-name=nobody-has-this', /there is no PKCS#11 module named nobody-has-this/],
      ['', /names no module/],
    ] as const)
      await expectRefusal(work, key(query), { code: 8, says }, { here: true });
  });
});
