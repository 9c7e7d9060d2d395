import { spawnSync } from 'node:child_process';
import { constants, createPrivateKey, sign } from 'node:crypto';
import { cp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { esp32 } from '../../builder/chip/esp32.ts';
import { esp32c6 } from '../../builder/chip/esp32c6.ts';
import { DEVELOPMENT_MARK } from '../../builder/keys/private-key.ts';
import type { Manifest } from '../../builder/manifest/manifest.ts';
import { createWorkspace, MAIN, type Workspace } from '../support/cli.ts';
import { makeApp } from '../support/firmware.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';
import { privatePem, publicPem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const KEY = aPrivateKey('ecdsa256');

/** A signing program that does what it should not, as its first argument says. */
const SIGNER = `
import { writeSync } from 'node:fs';
const [mode] = process.argv.slice(2);
const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const digest = Buffer.concat(chunks);
if (mode === 'show') writeSync(2, JSON.stringify({ length: digest.length, argv: process.argv.slice(3),
  scheme: process.env.OTA_BUILD_SIGN_SCHEME, hash: process.env.OTA_BUILD_SIGN_HASH,
  secrets: [process.env.OTA_BUILD_KEY_PASSPHRASE, process.env.OTA_BUILD_PKCS11_PIN] }) + '\\n');
if (mode === 'show') process.exit(7);
if (mode === 'never' || mode === 'late') setInterval(() => {}, 1000);
if (mode === 'late') writeSync(1, 'MEUCIQ');
if (mode === 'much') for (;;) writeSync(1, 'x'.repeat(4096));
if (mode === 'chatty') writeSync(2, 'noise '.repeat(10000) + 'the last words');
if (mode === 'chatty') process.exit(1);
if (mode === 'shy') writeSync(2, 'the pipe hid the exit code');
if (mode === 'killed') process.kill(process.pid, 'SIGSEGV');
if (mode === 'escape') { writeSync(2, '\\x1b[2Jwiped'); process.exit(1); }
if (mode === 'reason') writeSync(2, 'error 403: may not sign');
if (mode === 'text') writeSync(1, 'signed, thank you');
`;

let work: Workspace;

beforeAll(async () => {
  work = await createWorkspace();
  await work.write('signer.mjs', SIGNER);
  await work.write('key.pem', privatePem(KEY), 0o600);
  await work.write('key.pub.pem', publicPem(KEY));
});

const drill = (key: string, ...more: readonly string[]) => [
  ...['--board', 'ESP32_GENERIC_C2', '--firmware', 'drill', '--app-version', '1'],
  ...['--key', key, ...more],
];
const command = (mode: string): string =>
  `command:key.pub.pem '${process.execPath}' signer.mjs ${mode}`;
const quick = { environment: { OTA_BUILD_SIGNER_TIMEOUT: '0.7' } };

describe('a command: signer', () => {
  test.each([
    ['never answers', 'never', /did not answer within 0\.7 s, and was ended/],
    ['answers, but does not end', 'late', /did not answer within 0\.7 s, and was ended/],
    [
      'answers with nothing',
      'shy',
      /answered with nothing; nothing was signed; it said:\nthe pipe hid the exit code$/m,
    ],
    ['never stops to answer', 'much', /answered with more than 16384 bytes/],
  ])('that %s is ended', async (_, mode, says) => {
    const environment = mode === 'much' ? {} : quick.environment;
    await expectRefusal(work, drill(command(mode)), { code: 8, says }, { here: true, environment });
  });

  test.each([
    ['answers with nothing', 'nothing', /answered with nothing; nothing was signed/],
    ['answers with words', 'text', /17 bytes that cannot be a signature; 64 bytes \(r and s\)/],
    [
      'answers with nothing, and says why',
      'reason',
      /answered with nothing; nothing was signed; it said:\nerror 403: may not sign$/m,
    ],
    ['is killed', 'killed', /was ended by SIGSEGV/],
    [
      'fails, and shows its last words only',
      'chatty',
      /exit code 1; it said:\n.{0,2060}last words$/ms,
    ],
  ])('that %s is refused', async (_, mode, says) => {
    await expectRefusal(work, drill(command(mode)), { code: 8, says }, { here: true });
  });

  test('cannot write to the terminal through us', async () => {
    const { stderr } = await work.runHere(drill(command('escape')));
    expect(stderr).toContain('wiped');
    expect(stderr).not.toContain('\u001b');
  });

  test('gets the digest as bytes, its words unchanged, and none of our secrets', async () => {
    const environment = { OTA_BUILD_KEY_PASSPHRASE: 'x', OTA_BUILD_PKCS11_PIN: 'y' };
    const { code, stderr } = await work.runHere(drill(command(`show "a b" $HOME '*'`)), {
      environment,
    });
    expect(code).toBe(8);
    const [said = ''] = /^\{.*\}$/m.exec(stderr) ?? [];
    expect(JSON.parse(said)).toEqual({
      length: 32,
      argv: ['a b', '$HOME', '*'],
      scheme: 'ecdsa256',
      hash: 'sha256',
      secrets: [null, null],
    });
  });

  test.each([
    ['that is not there', 'command:key.pub.pem no-such-program', /cannot be run: it was not found/],
    ['without its public key', 'command:none.pem true', /none\.pem does not exist; a public key/],
    ['with something else as its public key', 'command:signer.mjs true', /not a public key in PEM/],
    ['with a pipe', 'command:key.pub.pem a | b', /run without a shell/],
  ])('%s is refused', async (_, key, says) => {
    await expectRefusal(work, drill(key), { code: 8, says }, { here: true });
  });

  test('with a limit that is none is refused', async () => {
    for (const limit of ['0', 'soon', '-1', '1e9', '86401']) {
      const environment = { OTA_BUILD_SIGNER_TIMEOUT: limit };
      const says = /OTA_BUILD_SIGNER_TIMEOUT is not a number of seconds/;
      await expectRefusal(
        work,
        drill(command('never')),
        { code: 2, says },
        { here: true, environment },
      );
    }
  });

  test('that never answers is left at once with Ctrl-C', async () => {
    const before = await work.listing();
    const { code, stderr } = await work.run(drill(command('never'), '--verbose'), {
      interrupt: { signal: 'SIGINT', when: /signing with command:/ },
    });
    expect({ code, stderr }).toEqual({ code: 130, stderr });
    expect(stderr).toMatch(/^error: interrupted by SIGINT; no release was written$/m);
    expect(await work.listing()).toEqual(before);
  });

  test('that never answers to sign is left at once too', async () => {
    await work.write('app.bin', makeApp({ chip: esp32c6 }));
    // Its warning tells when the signing begins.
    await work.write('open.pem', privatePem(aPrivateKey('ecdsa256', 'second')), 0o644);
    const before = await work.listing();
    const keys = ['--key', 'open.pem', '--key', command('never')];
    const { code, stderr } = await work.run(['sign', 'app.bin', ...keys, '--out', 'never.bin'], {
      interrupt: { signal: 'SIGINT', when: /open\.pem can be read by others/ },
    });
    expect({ code, stderr }).toEqual({ code: 130, stderr });
    expect(await work.listing()).toEqual(before);
  });

  test('with the public key of a development key makes a development release, but not in CI', async () => {
    await work.write('dev.pub.pem', `${DEVELOPMENT_MARK}\n${publicPem(KEY)}`);
    const key = `command:dev.pub.pem openssl pkeyutl -sign -inkey key.pem`;
    const { code, stdout, stderr } = await work.runHere(drill(key, '--json', '--out', 'dev'));
    expect(code, stderr).toBe(0);
    const { manifest } = JSON.parse(stdout) as { manifest: Manifest };
    expect(manifest.signing?.keys[0]?.development).toBe(true);
    const inspected = await work.runHere(['inspect', 'dev/ESP32_GENERIC_C2-1']);
    expect(inspected.stdout).toContain('a development key: never for devices in the field');
    const says = /is a development key, and this is CI/;
    const environment = { CI: 'true' };
    await expectRefusal(work, drill(key), { code: 8, says }, { here: true, environment });
  });
});

describe('a pkcs11: signer', () => {
  test('says what to install where the optional package is not', async () => {
    const elsewhere = await createWorkspace();
    await cp(dirname(MAIN), elsewhere.path('dist'), { recursive: true });
    await cp(join(dirname(MAIN), '..', 'package.json'), elsewhere.path('package.json'));
    const args = ['keys', 'public', `pkcs11:object=a?module-path=${process.execPath}`];
    const { status, stderr } = spawnSync(
      process.execPath,
      [elsewhere.path('dist', 'main.js'), ...args],
      { encoding: 'utf8', cwd: elsewhere.directory },
    );
    expect({ status, stderr }).toEqual({ status: 8, stderr });
    expect(stderr).toMatch(/^error: .* needs the package koffi, an optional dependency/m);
    expect(stderr).toMatch(/^hint: Install it: npm install koffi$/m);
  });
});

describe('keys public, which is also keys show,', () => {
  test('prints the public key of any key reference', async () => {
    for (const key of ['key.pem', 'file:key.pem', command('never')]) {
      const { code, stdout } = await work.runHere(['keys', 'show', key]);
      expect({ code, stdout }).toEqual({ code: 0, stdout: publicPem(KEY) });
    }
    const json = await work.runHere(['keys', 'public', 'key.pem', '--json', '-o', 'copy.pub.pem']);
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: true, scheme: 'ecdsa256' });
    expect((await work.read('copy.pub.pem')).toString()).toBe(publicPem(KEY));
  });

  test('marks that of a development key, which stays one without its mark in its own project', async () => {
    const { stdout } = await work.runHere(['keys', 'public', 'dev']);
    expect(stdout).toMatch(new RegExp(`^${DEVELOPMENT_MARK}\n-----BEGIN PUBLIC KEY-----\n`));
    await work.write('plain.pub.pem', stdout.slice(DEVELOPMENT_MARK.length + 1));
    await work.write('esp32.bin', makeApp({ chip: esp32 }));
    const pair = ['--public-key', 'plain.pub.pem', '--signature', 'dev.sig'];
    const asked = ['sign', 'esp32.bin', '--public-key', 'plain.pub.pem', '--digest-out', 'd'];
    expect((await work.runHere([...asked, '--contents-out', 'contents'])).code).toBe(0);
    const contents = await work.read('contents');
    const key = createPrivateKey(await work.read('keys', 'dev', 'rsa3072.pem'));
    const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    await work.write('dev.sig', sign('sha256', contents, { key, ...padding }));
    const args = ['sign', 'esp32.bin', ...pair, '--out', 'signed.bin'];
    const says = { code: 8, says: /is a development key, and this is CI/ };
    await expectRefusal(work, args, says, { here: true, environment: { CI: 'true' } });
    const signed = await work.runHere(args);
    expect(signed.code, signed.stderr).toBe(0);
    expect(signed.stderr).toMatch(/^warning: the signature is by a development key \(dev\.sig\)/m);
    const efuse = ['keys', 'digest', 'plain.pub.pem', '--efuse', '--chip', 'esp32'];
    expect((await work.runHere(efuse)).stderr).toMatch(/^warning: .* is a development key/m);
  });
});
