import { createHash, sign as nodeSign, type KeyObject } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { esp32 } from '../../builder/chip/esp32.ts';
import { esp32c5 } from '../../builder/chip/esp32c5.ts';
import { constants } from 'node:crypto';
import type { CliResult, Workspace } from '../support/cli.ts';
import { makeApp } from '../support/firmware.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';
import { createSigningWorkspace } from '../support/signed-builds.ts';

type Request = {
  readonly digest: string;
  readonly paddedLength: number;
  readonly scheme: string;
};

let work: Workspace;

beforeAll(async () => {
  work = await createSigningWorkspace([], ['rsa3072', 'ecdsa256', 'ecdsa384']);
  await work.write('app.bin', makeApp({ chip: esp32c5 }));
  await work.write('esp32.bin', makeApp({ chip: esp32 }));
});

const run = (...args: readonly string[]): Promise<CliResult> => work.runHere(['sign', ...args]);

/** Asks what is to be signed, and returns the digest, the request and the bytes that the digest covers. */
async function request(image: string, ...args: readonly string[]) {
  const outputs = ['--digest-out', 'a.digest', '--contents-out', 'a.contents'];
  const { code, stderr } = await run(image, ...outputs, ...args);
  expect(code, stderr).toBe(0);
  const json = JSON.parse((await work.read('a.digest.json')).toString()) as Request;
  return { digest: await work.read('a.digest'), json, contents: await work.read('a.contents') };
}

/** What an HSM would answer. */
function elsewhere(contents: Buffer, key: KeyObject, hash = 'sha256'): Buffer {
  if (key.asymmetricKeyType === 'rsa')
    return nodeSign(hash, contents, {
      key,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: 32,
    });
  return nodeSign(hash, contents, key);
}

const pair = (signature: string, key: string): string[] => [
  ...['--signature', signature, '--public-key', `${key}.pub.pem`],
];

describe('what is to be signed', () => {
  test.each([
    ['rsa3072', { algorithm: 'RSASSA-PSS', hash: 'sha256', saltLength: 32, mgf: 'MGF1-SHA256' }],
    ['ecdsa256', { algorithm: 'ECDSA', keyType: 'P-256', hash: 'sha256' }],
    ['ecdsa384', { algorithm: 'ECDSA', keyType: 'P-384', hash: 'sha384' }],
  ])('is a digest, and what it is of, for the key: %s', async (scheme, facts) => {
    const { digest, json, contents } = await request(
      'app.bin',
      '--public-key',
      `${scheme}-first.pub.pem`,
    );
    expect(digest.equals(createHash(facts.hash).update(contents).digest())).toBe(true);
    const { stdout } = await work.runHere(['keys', 'digest', `${scheme}-first.pub.pem`]);
    expect(json).toMatchObject({
      ...{ schema: 1, file: 'app.bin', kind: 'app', chip: 'esp32c5', scheme, ...facts },
      ...{ digest: digest.toString('hex'), paddedLength: contents.length },
      fileSha256: createHash('sha256')
        .update(await work.read('app.bin'))
        .digest('hex'),
      keys: [{ file: `${scheme}-first.pub.pem`, digest: stdout.trim() }],
    });
    expect(contents).toHaveLength(0x10000);
  });

  test('is for the scheme of the chip when no key is named', async () => {
    expect((await request('app.bin')).json.scheme).toBe('rsa3072');
    expect((await request('app.bin', '--scheme', 'ecdsa384')).digest).toHaveLength(48);
  });

  test('is the contents that were signed before when a signature is to be appended', async () => {
    await run('app.bin', '--no-secure-pad', '--key', 'rsa3072-first.pem', '--out', 'one.bin');
    const { contents } = await request(
      'one.bin',
      '--append',
      '--public-key',
      'rsa3072-second.pub.pem',
    );
    expect(contents.equals((await work.read('one.bin')).subarray(0, -0x1000))).toBe(true);
  });

  test('is refused for keys that cannot sign together, and for a private key', async () => {
    const refuse = (key: string, says: RegExp): Promise<CliResult> => {
      const args = ['--digest-out', 'b.digest', '--public-key', 'rsa3072-first.pub.pem'];
      const all = ['sign', 'app.bin', ...args, '--public-key', key];
      return expectRefusal(work, all, { code: 8, says }, { here: true });
    };
    await refuse(
      'ecdsa256-first.pub.pem',
      /is an ecdsa256 key, but the file is signed with rsa3072/,
    );
    await refuse('rsa3072-second.pem', /rsa3072-second\.pem is a private key/);
    await refuse('app.bin', /app\.bin is not a public key in PEM/);
  });
});

describe('signatures that were made elsewhere', () => {
  test.each([
    ['rsa3072', 'sha256'],
    ['ecdsa256', 'sha256'],
    ['ecdsa384', 'sha384'],
  ] as const)('go into the image, several at once: %s', async (scheme, hash) => {
    const keys = ['first', 'second', 'third'];
    const { contents } = await request('app.bin', '--public-key', `${scheme}-first.pub.pem`);
    for (const name of keys)
      await work.write(`${name}.sig`, elsewhere(contents, aPrivateKey(scheme, name), hash));
    const pairs = keys.flatMap((name) => pair(`${name}.sig`, `${scheme}-${name}`));
    const { code, stdout, stderr } = await run('app.bin', ...pairs, '--out', 'signed.bin');
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/block 2 {2}[0-9a-f]{64} {2}third\.sig\n/);
    for (const name of keys) {
      const verified = await work.runHere([
        'verify',
        'signed.bin',
        '--trust',
        `${scheme}-${name}.pub.pem`,
      ]);
      expect(verified.code, verified.stdout).toBe(0);
    }
  });

  test('go behind one that is there, and beside one that is made here', async () => {
    const { contents } = await request('app.bin', '--public-key', 'rsa3072-first.pub.pem');
    await work.write('third.sig', elsewhere(contents, aPrivateKey('rsa3072', 'third')));
    const here = ['--key', 'rsa3072-second.pem', ...pair('third.sig', 'rsa3072-third')];
    await run('app.bin', '--key', 'rsa3072-first.pem', '--out', 'one.bin');
    const { code, stdout } = await run(
      'one.bin',
      '--append',
      ...here,
      '--out',
      'three.bin',
      '--json',
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      keys: [{}, { reference: 'rsa3072-second.pem' }, { reference: 'third.sig' }],
    });
  });

  test('are taken for Secure Boot V1 too', async () => {
    const v1 = ['--scheme', 'v1'];
    const { contents } = await request(
      'esp32.bin',
      ...v1,
      '--public-key',
      'ecdsa256-first.pub.pem',
    );
    expect(contents.equals(await work.read('esp32.bin'))).toBe(true);
    await work.write('v1.sig', elsewhere(contents, aPrivateKey('ecdsa256')));
    const pairs = pair('v1.sig', 'ecdsa256-first');
    expect((await run('esp32.bin', ...v1, ...pairs, '--out', 'v1.bin')).code).toBe(0);
    const trusted = ['verify', 'v1.bin', '--trust', 'ecdsa256-first.pub.pem'];
    expect((await work.runHere(trusted)).code).toBe(0);
  });

  test('are refused, with the reason, when they are anything else', async () => {
    const app = await work.read('app.bin');
    const key = aPrivateKey('rsa3072');
    const { contents } = await request('app.bin');
    const refuse = async (signature: Buffer, says: RegExp): Promise<void> => {
      await work.write('bad.sig', signature);
      const args = ['sign', 'app.bin', ...pair('bad.sig', 'rsa3072-first'), '--out', 'never.bin'];
      await expectRefusal(work, args, { code: 8, says }, { here: true });
    };
    await refuse(nodeSign('sha256', contents, key), /PKCS#1 v1\.5 padding/);
    await refuse(elsewhere(app, key), /signs the unpadded file as it was given/);
    // What espsecure would have signed: filled up to 4096 bytes.
    const filled = Buffer.alloc(Math.ceil(app.length / 0x1000) * 0x1000, 0xff);
    app.copy(filled);
    await refuse(elsewhere(filled, key), /not secure-padded \(--no-secure-pad signs that\)/);
    const second = elsewhere(contents, aPrivateKey('rsa3072', 'second'));
    await refuse(second, /another key made it/);
    await work.write('first.sig', elsewhere(contents, key));
    await work.write('second.sig', second);
    const crossed = [
      ...pair('second.sig', 'rsa3072-first'),
      ...pair('first.sig', 'rsa3072-second'),
    ];
    await expectRefusal(
      work,
      ['sign', 'app.bin', ...crossed, '--out', 'never.bin'],
      { code: 8, says: /second\.sig .* by the key rsa3072-second\.pub\.pem/ },
      { here: true },
    );
  });
});
