import { createPublicKey } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { keyDigestOfPublicKey } from '../../builder/format/signature-key.ts';
import type { Manifest } from '../../builder/manifest/manifest.ts';
import { chipOf } from '../support/boards.ts';
import { createWorkspace, type Workspace } from '../support/cli.ts';
import { makeRelease } from '../support/firmware.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';
import { privatePem, publicPem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const chip = chipOf('ESP32_GENERIC');
const BUILD = ['--board', 'ESP32_GENERIC', '--firmware', 'firmware.bin', '--app-version', '1.2.3'];
const STEM = 'ESP32_GENERIC-1.2.3';

let work: Workspace;

beforeAll(async () => {
  work = await createWorkspace();
  await work.write('firmware.bin', makeRelease({ chip }));
  await work.write('rsa.pem', privatePem(aPrivateKey('rsa3072')), 0o600);
  await work.write('rsa.pub.pem', publicPem(aPrivateKey('rsa3072')));
});

function digestOf(pem: string | Buffer): string {
  return keyDigestOfPublicKey(createPublicKey(pem)).toString('hex');
}

async function manifestIn(out: string): Promise<Manifest> {
  return JSON.parse((await work.read(out, STEM, 'manifest.json')).toString()) as Manifest;
}

describe('keys public and keys digest', () => {
  test('never write over the key that they read, nor over another private key', async () => {
    const der = aPrivateKey('rsa3072').export({ type: 'pkcs8', format: 'der' });
    await work.write('rsa.der', der, 0o600);
    const itself = { code: 2, says: /is rsa\.der itself, which is read and was kept/ };
    const other = { code: 2, says: /rsa\.pem holds a private key, and was kept/ };
    for (const verb of ['public', 'digest']) {
      const write = ['keys', verb, 'rsa.der', '-o'];
      await expectRefusal(work, [...write, 'rsa.der'], itself, { here: true });
      await expectRefusal(work, [...write, 'rsa.pem'], other, { here: true });
    }
  });
});

describe('keys generate', () => {
  test('makes a private key only its owner reads, a public key, and prints the digest', async () => {
    const { code, stdout, stderr } = await work.run([
      ...['keys', 'generate', 'keys/release.pem', '--unencrypted'],
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect((await stat(work.path('keys', 'release.pem'))).mode & 0o777).toBe(0o600);
    expect((await readdir(work.path('keys'))).sort()).toEqual([
      '.gitignore',
      'release.pem',
      'release.pub.pem',
    ]);
    const ignored = (await work.read('keys', '.gitignore')).toString('utf8').split('\n');
    expect(ignored).toEqual(expect.arrayContaining(['*', '!*.pub.pem', '!trust.yaml', '!*.sh']));
    const pem = await work.read('keys', 'release.pem');
    expect(createPublicKey(pem).asymmetricKeyDetails?.modulusLength).toBe(3072);
    expect(stdout).toContain(digestOf(pem));
    expect(digestOf(await work.read('keys', 'release.pub.pem'))).toBe(digestOf(pem));
    expect(stdout).not.toContain('BEGIN');
  });

  test.each(['ecdsa256', 'ecdsa384', 'ecdsa192'])('makes a key of scheme %s', async (scheme) => {
    const args = [
      'keys',
      'generate',
      `${scheme}.pem`,
      '--scheme',
      scheme,
      '--json',
      '--unencrypted',
    ];
    const { code, stdout, stderr } = await work.runHere(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const digest = digestOf(await work.read(`${scheme}.pub.pem`));
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, scheme, digest });
  });

  test('never overwrites either half', async () => {
    const kept = { code: 8, says: /exists already and was kept/ };
    await expectRefusal(work, ['keys', 'generate', 'rsa.pem'], kept);
    await work.write('half.pub.pem', 'x');
    await expectRefusal(work, ['keys', 'generate', 'half.pem'], kept, { here: true });
  });

  test('leaves no part of a key where the rest of it could not be written', async () => {
    // Room for the public half, but not for the private one: its first write(2) stops halfway, without an error.
    const prefix = ['sh', '-c', 'ulimit -f 2; exec "$@"', 'sh'];
    const args = ['keys', 'generate', 'torn.pem', '--unencrypted'];
    await expectRefusal(work, args, { code: 2, says: /torn\.pem cannot be written/ }, { prefix });
  });

  test('says where it cannot write', async () => {
    await expectRefusal(
      work,
      ['keys', 'generate', 'firmware.bin/key.pem', '--unencrypted'],
      { code: 2, says: /firmware\.bin cannot be written/ },
      { here: true },
    );
  });
});

describe('keys digest', () => {
  test('is the same for both halves of a key, alone on stdout', async () => {
    const expected = `${digestOf(publicPem(aPrivateKey('rsa3072')))}\n`;
    for (const file of ['rsa.pem', 'rsa.pub.pem']) {
      const { code, stdout, stderr } = await work.run(['keys', 'digest', file]);
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: expected, stderr: '' });
    }
  });

  test('goes into a file as 32 bytes with --output', async () => {
    const args = ['keys', 'digest', 'rsa.pub.pem', '--output', 'key.digest'];
    expect((await work.runHere(args)).code).toBe(0);
    expect((await work.read('key.digest')).toString('hex')).toBe(
      digestOf(publicPem(aPrivateKey('rsa3072'))),
    );
  });

  test('refuses what is no key', async () => {
    await expectRefusal(work, ['keys', 'digest', 'firmware.bin'], { code: 8, says: /not a key/ });
    const missing = { code: 2, says: /nope\.pem does not exist; a key in PEM was expected/ };
    await expectRefusal(work, ['keys', 'digest', 'nope.pem'], missing, { here: true });
  });
});

describe('signing', () => {
  test('takes a key from the environment, and never shows it', async () => {
    const pem = privatePem(aPrivateKey('rsa3072'));
    const { code, stdout, stderr } = await work.run(
      [...BUILD, '--key', 'env:RELEASE_KEY', '--out', 'env', '--verbose'],
      { environment: { RELEASE_KEY: pem, CI: 'true' } },
    );
    expect(code, stderr).toBe(0);
    const [, secret = ''] = pem.split('\n');
    expect(secret).toHaveLength(64);
    expect(`${stdout}${stderr}`).not.toContain(secret);
    const { signing } = await manifestIn('env');
    expect(signing?.keys).toEqual([{ digest: digestOf(pem), role: 'image' }]);
  });

  test('does not show a key in the environment that is damaged', async () => {
    const secret = 'MIIsecretsecretsecret';
    const environment = {
      RELEASE_KEY: `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`,
    };
    const args = [...BUILD, '--key', 'env:RELEASE_KEY'];
    await expectRefusal(
      work,
      args,
      { code: 8, says: /env:RELEASE_KEY is damaged/ },
      { here: true, environment },
    );
    const { stderr } = await work.runHere([...args, '--verbose'], { environment });
    expect(stderr).not.toContain(secret);
  });

  test('refuses a key in place of its name, and shows it in no form', async () => {
    const pem = privatePem(aPrivateKey('ecdsa256'));
    const [, secret = ''] = pem.split('\n');
    for (const args of [BUILD, ['plan', ...BUILD], [...BUILD, '--json'], [...BUILD, '--verbose']]) {
      const { code, stdout, stderr } = await work.runHere([...args, '--key', pem]);
      expect(code).toBe(8);
      expect(stderr).toMatch(/^error: a key itself was given where the name of a key belongs$/m);
      expect(`${stdout}${stderr}`).not.toContain(secret.slice(0, 20));
    }
    await work.write('profile.yaml', pem);
    await expectRefusal(
      work,
      [...BUILD, '--profile', 'profile.yaml'],
      { code: 3, says: /profile\.yaml:\d+:\d+: / },
      { here: true },
    ).then(({ stderr }) => {
      expect(stderr).not.toContain(secret.slice(0, 20));
    });
  });

  test('warns of a private key that others can read', async () => {
    await work.write('open.pem', privatePem(aPrivateKey('rsa3072')), 0o644);
    const { code, stderr } = await work.runHere([...BUILD, '--key', 'open.pem', '--out', 'open']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: open\.pem can be read by others .*chmod 600 open\.pem/m);
  });

  test('uses the development key again, and --key dev asks for it in CI too', async () => {
    const first = await work.run([...BUILD, '--sign', '--out', 'dev-1']);
    const again = await work.run([...BUILD, '--key', 'dev', '--out', 'dev-2'], {
      environment: { CI: 'true' },
    });
    expect([first.code, again.code]).toEqual([0, 0]);
    expect(first.stderr).toContain('made a development key');
    expect(again.stderr).not.toContain('made a development key');
    const keys = await Promise.all(['dev-1', 'dev-2'].map(manifestIn));
    expect(keys[0]?.signing?.keys[0]?.development).toBe(true);
    expect(keys[1]?.signing?.keys).toEqual(keys[0]?.signing?.keys);
    expect((await work.read('keys', 'dev', '.gitignore')).toString()).toBe('*\n');
  });

  test('takes three keys on a chip that looks at three', async () => {
    const names = ['first', 'second', 'third'];
    await work.write('c3.bin', makeRelease({ chip: chipOf('ESP32_GENERIC_C3') }));
    for (const name of names)
      await work.write(`${name}.pem`, privatePem(aPrivateKey('rsa3072', name)), 0o600);
    const built = await work.run([
      ...['--board', 'ESP32_GENERIC_C3', '--firmware', 'c3.bin', '--app-version', '1.2.3'],
      ...names.flatMap((name) => ['--key', `${name}.pem`]),
      ...['--out', 'three', '--json', '--quiet'],
    ]);
    expect(built.code, built.stderr).toBe(0);
    const { manifest } = JSON.parse(built.stdout) as { manifest: Manifest };
    expect(manifest.signing?.keys.map(({ digest }) => digest)).toEqual(
      names.map((name) => digestOf(publicPem(aPrivateKey('rsa3072', name)))),
    );
    for (const name of names) {
      await work.write(`${name}.pub.pem`, publicPem(aPrivateKey('rsa3072', name)));
    }
    const release = 'three/ESP32_GENERIC_C3-1.2.3';
    const byFirst = await work.runHere(['verify', release, '--trust', 'first.pub.pem']);
    expect(byFirst.code, byFirst.stdout).toBe(0);
    // Each of them signs the manifest: who trusts one of them alone can tell who made it.
    const bySecond = await work.runHere(['verify', release, '--trust', 'second.pub.pem']);
    expect(bySecond.code, bySecond.stdout).toBe(0);
  });
});
