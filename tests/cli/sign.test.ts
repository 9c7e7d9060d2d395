import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { esp32 } from '../../builder/chip/esp32.ts';
import { esp32c5 } from '../../builder/chip/esp32c5.ts';
import { esp32c6 } from '../../builder/chip/esp32c6.ts';
import { encodePartitionTable } from '../../builder/format/partition-table.ts';
import { parseSignatureSector } from '../../builder/format/signature-sector.ts';
import { OTADATA_SIZE } from '../../builder/format/otadata.ts';
import { resealEspImage } from '../../builder/format/esp-image.ts';
import type { CliResult, Workspace } from '../support/cli.ts';
import { makeApp, makeBootloader, makeMerged } from '../support/firmware.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';
import { OTA_TABLE } from '../support/plans.ts';
import { encryptPrivateKey } from '../../builder/keys/encrypt-key.ts';
import { privatePem } from '../support/pem.ts';
import { aPrivateKey, resealed } from '../support/signature-blocks.ts';
import { createSigningWorkspace } from '../support/signed-builds.ts';

const SECTOR = 0x1000;
const BLOCK = 1216;
const APP = makeApp({ chip: esp32c5 });

let work: Workspace;

beforeAll(async () => {
  work = await createSigningWorkspace([], ['rsa3072', 'ecdsa256', 'ecdsa384', 'ecdsa192']);
  await work.write('app.bin', APP);
  await work.write('c6.bin', makeApp({ chip: esp32c6 }));
  await work.write('esp32.bin', makeApp({ chip: esp32 }));
  await work.write('boot.bin', makeBootloader({ chip: esp32c5 }, 0x4321 * 4));
  await work.write('table.bin', encodePartitionTable(OTA_TABLE));
  await work.write('data.bin', 'settings of a device\n'.repeat(300));
});

const run = (...args: readonly string[]): Promise<CliResult> => work.runHere(['sign', ...args]);

/** Runs `sign`, expects that it works, and returns what it wrote. */
async function sign(output: string, ...args: readonly string[]): Promise<Buffer> {
  const { code, stderr } = await run(...args, '--out', output);
  expect(code, stderr).toBe(0);
  return work.read(output);
}

async function verified(file: string, ...args: readonly string[]): Promise<CliResult> {
  const result = await work.runHere(['verify', file, ...args]);
  expect(result.code, result.stdout).toBe(0);
  return result;
}

const refuse = (args: readonly string[], code: number, says: RegExp): Promise<CliResult> =>
  expectRefusal(work, ['sign', ...args, '--out', 'never.bin'], { code, says }, { here: true });

/** A signed app with a byte changed, and its own checksums made right. */
function patchedApp(signed: Buffer): Buffer {
  const app = Buffer.from(signed.subarray(0, -SECTOR));
  app[0x400] = (app[0x400] ?? 0) ^ 1;
  return Buffer.concat([resealEspImage(app), signed.subarray(-SECTOR)]);
}

const blocksOf = (signed: Buffer): readonly string[] =>
  parseSignatureSector(signed.subarray(-SECTOR)).slots.map(({ kind }) => kind);

describe('sign', () => {
  test.each(['rsa3072', 'ecdsa256', 'ecdsa384'])(
    'signs an app with one to three keys: %s',
    async (scheme) => {
      const keys = ['first', 'second', 'third'].map((name) => `${scheme}-${name}.pem`);
      for (const count of [1, 2, 3]) {
        const some = keys.slice(0, count).flatMap((key) => ['--key', key]);
        await sign('signed.bin', 'app.bin', ...some);
        for (const key of keys.slice(0, count))
          await verified('signed.bin', '--trust', key.replace('.pem', '.pub.pem'));
      }
    },
  );

  test('prints what it did, and as JSON', async () => {
    const args = ['app.bin', '--key', 'ecdsa256-first.pem', '--out', 'signed.bin'];
    const { stdout } = await run(...args);
    expect(stdout).toMatch(
      /^signed\.bin: app for ESP32-C5, Secure Boot V2, ecdsa256, signature at 0x10000\n {2}block 0 {2}[0-9a-f]{64} {2}ecdsa256-first\.pem\n$/,
    );
    const { stdout: json } = await run(...args, '--json');
    expect(JSON.parse(json)).toMatchObject({
      ...{ ok: true, output: 'signed.bin', kind: 'app', chip: 'esp32c5', scheme: 'ecdsa256' },
      ...{ offset: 0x10000, size: 0x11000, keys: [{ reference: 'ecdsa256-first.pem' }] },
    });
  });

  test('runs as a process too', async () => {
    const args = ['sign', 'app.bin', '--key', 'rsa3072-first.pem', '--out', 'process.bin'];
    const { code, stderr } = await work.run(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    await verified('process.bin', '--trust', 'rsa3072-first.pub.pem');
  });

  test('leaves the image alone, and signs it in place when asked to', async () => {
    const before = await work.read('app.bin');
    await sign('signed.bin', 'app.bin', '--key', 'ecdsa256-first.pem');
    expect((await work.read('app.bin')).equals(before)).toBe(true);
    await work.write('place.bin', before);
    const { code } = await run('place.bin', '--key', 'ecdsa256-first.pem', '--in-place');
    expect(code).toBe(0);
    await verified('place.bin', '--trust', 'ecdsa256-first.pub.pem');
  });

  test('signs an app as it is when asked to, and says what that leaves open', async () => {
    const args = [
      'app.bin',
      '--key',
      'ecdsa256-first.pem',
      '--no-secure-pad',
      '--out',
      'as-is.bin',
    ];
    const { code, stderr } = await run(...args);
    expect(code).toBe(0);
    expect(stderr).toMatch(/warning: .*not secure-padded/);
    expect((await work.read('as-is.bin')).subarray(0, APP.length).equals(APP)).toBe(true);
  });

  test('fills a bootloader up to a multiple of 4096 and does not pad it', async () => {
    const boot = await work.read('boot.bin');
    const signed = await sign('boot.signed', 'boot.bin', '--key', 'rsa3072-first.pem');
    const sector = Math.ceil(boot.length / SECTOR) * SECTOR;
    expect(signed).toHaveLength(sector + SECTOR);
    expect(signed.subarray(0, boot.length).equals(boot)).toBe(true);
    expect(signed.subarray(boot.length, sector).every((byte) => byte === 0xff)).toBe(true);
    await verified('boot.signed', '--trust', 'rsa3072-first.pub.pem');
  });

  test('what is signed data is not taken for OTA data of its size, nor for firmware', async () => {
    await work.write('small.bin', 'settings');
    const how = ['--data', '--chip', 'esp32s3', '--key', 'rsa3072-first.pem'];
    expect(await sign('small.signed', 'small.bin', ...how)).toHaveLength(OTADATA_SIZE);
    for (const verb of ['verify', 'inspect'])
      await expectRefusal(
        work,
        [verb, 'small.signed'],
        { code: 11, says: /ends in a Secure Boot V2 signature[^]*verify --data/ },
        { here: true },
      );
    await verified('small.signed', '--data');
  });

  test('signs other data only when it is told that it is data, and for which chip', async () => {
    await refuse(['data.bin', '--key', 'rsa3072-first.pem'], 11, /data\.bin is/);
    await refuse(['data.bin', '--data', '--key', 'rsa3072-first.pem'], 2, /--chip/);
    const args = ['data.bin', '--data', '--chip', 'esp32s3', '--key', 'rsa3072-first.pem'];
    const signed = await sign('data.signed', ...args);
    expect(signed).toHaveLength(0x3000);
    await verified('data.signed', '--data', '--trust', 'rsa3072-first.pub.pem');
    for (const [size, as] of [
      [100, 'short'],
      [20_000, 'long'],
    ] as const) {
      await work.write(as, Buffer.alloc(size, 0x5a));
      await sign(`${as}.signed`, as, ...args.slice(1));
      const says = { code: 11, says: /ends in a Secure Boot V2 signature[^]*verify --data/ };
      await expectRefusal(work, ['verify', `${as}.signed`], says, { here: true });
    }
    await sign('data.back', 'data.signed', '--data', '--strip');
    const padded = (await work.read('data.bin')).toString('latin1').padEnd(0x2000, '\xff');
    expect((await work.read('data.back')).toString('latin1')).toBe(padded);
    const changed = Buffer.from(signed);
    changed[5] = 0;
    await work.write('data.changed', changed);
    expect((await work.runHere(['verify', 'data.changed', '--data'])).code).toBe(9);
  });

  test('makes no development key for what it refuses', async () => {
    await sign('one.bin', 'app.bin', '--key', 'ecdsa256-first.pem');
    await refuse(['one.bin', '--key', 'dev'], 8, /one\.bin is signed already/);
    await refuse(['app.bin', '--key', 'dev', '--key', 'no.pem'], 8, /no\.pem does not exist/);
    expect(existsSync(work.path('keys'))).toBe(false);
  });

  test('signs with a development key, and says so', async () => {
    const { code, stderr, stdout } = await run(
      'app.bin',
      '--key',
      'dev',
      '--out',
      'dev.bin',
      '--json',
    );
    expect(code).toBe(0);
    expect(stderr).toMatch(/warning: the signature is by a development key \(dev\)/);
    expect(JSON.parse(stdout)).toMatchObject({ keys: [{ reference: 'dev', development: true }] });
    const copy = await work.read('keys', 'dev', 'rsa3072.pem');
    await work.write('hidden.pem', copy, 0o600);
    await expectRefusal(
      work,
      ['sign', 'app.bin', '--key', 'hidden.pem', '--out', 'never.bin'],
      { code: 8, says: /hidden\.pem is a development key, and this is CI/ },
      { here: true, environment: { CI: 'true' } },
    );
  });
});

describe('a signature that is there', () => {
  beforeEach(async () => {
    await sign('one.bin', 'app.bin', '--key', 'rsa3072-first.pem');
  });

  test('is never signed over', async () => {
    await refuse(
      ['one.bin', '--key', 'rsa3072-second.pem'],
      8,
      /one\.bin is signed already, at 0x10000\nhint: Use --append .*--replace .*--strip/,
    );
  });

  test('stays byte for byte when another is appended', async () => {
    const one = await work.read('one.bin');
    const two = await sign('two.bin', 'one.bin', '--append', '--key', 'rsa3072-second.pem');
    expect(two).toHaveLength(one.length);
    const kept = one.length - SECTOR + BLOCK;
    expect(two.subarray(0, kept).equals(one.subarray(0, kept))).toBe(true);
    const three = await sign('three.bin', 'two.bin', '--append', '--key', 'rsa3072-third.pem');
    expect(three.subarray(0, kept + BLOCK).equals(two.subarray(0, kept + BLOCK))).toBe(true);
    for (const name of ['first', 'second', 'third'])
      await verified('three.bin', '--trust', `rsa3072-${name}.pub.pem`);
  });

  test('makes room for three and no more', async () => {
    const more = ['--key', 'rsa3072-second.pem', '--key', 'rsa3072-third.pem'];
    await sign('three.bin', 'one.bin', '--append', ...more);
    const { code } = await work.runHere(['keys', 'generate', '--unencrypted', 'fourth.pem']);
    expect(code).toBe(0);
    await refuse(
      ['three.bin', '--append', '--key', 'fourth.pem'],
      8,
      /3 signature\(s\) and 1 more are too many for three\.bin: ESP32-C5 looks at 3 at most/,
    );
    const four = ['first', 'second', 'third'].map((name) => `rsa3072-${name}.pem`);
    const keys = [...four, 'fourth.pem'].flatMap((key) => ['--key', key]);
    await refuse(['app.bin', ...keys], 8, /4 keys are too many for app\.bin/);
  });

  test('is replaced, and taken away', async () => {
    await sign('new.bin', 'one.bin', '--replace', '--key', 'rsa3072-second.pem');
    await verified('new.bin', '--trust', 'rsa3072-second.pub.pem');
    expect(
      (await work.runHere(['verify', 'new.bin', '--trust', 'rsa3072-first.pub.pem'])).code,
    ).toBe(9);
    const stripped = await sign('stripped.bin', 'one.bin', '--strip');
    expect(stripped.equals((await work.read('one.bin')).subarray(0, 0x10000))).toBe(true);
    expect((await work.runHere(['verify', 'stripped.bin'])).stdout).toContain('It is not signed');
    await refuse(['stripped.bin', '--strip'], 8, /stripped\.bin is not signed: there is nothing/);
  });

  test('is all that signing adds: stripped, an image is what it was', async () => {
    const args = ['app.bin', '--no-secure-pad', '--key', 'ecdsa256-first.pem'];
    await sign('as-is.bin', ...args);
    expect((await sign('back.bin', 'as-is.bin', '--strip')).equals(APP)).toBe(true);
  });

  test('is not appended to by its own key, or by a key of another scheme', async () => {
    await refuse(['one.bin', '--append', '--key', 'rsa3072-first.pem'], 8, /are the same key/);
    await refuse(
      ['one.bin', '--append', '--key', 'ecdsa256-first.pem'],
      8,
      /one\.bin is signed with rsa3072; ecdsa256 cannot stand beside it/,
    );
    await refuse(
      ['app.bin', '--append', '--key', 'rsa3072-first.pem'],
      8,
      /app\.bin is not signed/,
    );
  });

  test('is not replaced by another scheme unless that is asked for', async () => {
    await refuse(
      ['one.bin', '--replace', '--key', 'ecdsa256-first.pem'],
      8,
      /one\.bin is signed with rsa3072, and would be with ecdsa256/,
    );
    const args = ['one.bin', '--replace', '--key', 'ecdsa256-first.pem', '--scheme', 'ecdsa256'];
    await sign('other.bin', ...args);
    await verified('other.bin', '--trust', 'ecdsa256-first.pub.pem');
  });
});

describe('a signature that was tampered with', () => {
  const sectorAt = 0x10000;
  let one: Buffer;
  let two: Buffer;

  beforeAll(async () => {
    one = await sign('one.bin', 'app.bin', '--key', 'ecdsa256-first.pem');
    two = await sign('two.bin', 'one.bin', '--append', '--key', 'ecdsa256-second.pem');
  });

  const block = (signed: Buffer, index: number): Buffer =>
    signed.subarray(sectorAt + index * BLOCK, sectorAt + (index + 1) * BLOCK);

  /** The signed app with other blocks in its sector, or other bytes in front of it. */
  function withBlocks(contents: Buffer, ...blocks: readonly Buffer[]): Buffer {
    const signed = Buffer.concat([contents, Buffer.alloc(SECTOR, 0xff)]);
    for (const [index, bytes] of blocks.entries())
      bytes.copy(signed, contents.length + index * BLOCK);
    return signed;
  }

  const otherApp = async (): Promise<Buffer> => {
    await work.write('other.bin', makeApp({ chip: esp32c5, board: 'Another board' }));
    return sign('other.signed', 'other.bin', '--key', 'ecdsa256-first.pem');
  };
  const cases: Readonly<Record<string, () => Buffer | Promise<Buffer>>> = {
    'moved by a page': () =>
      Buffer.concat([
        one.subarray(0, sectorAt),
        Buffer.alloc(SECTOR, 0xff),
        one.subarray(sectorAt),
      ]),
    'cut off': () => one.subarray(0, -1),
    'cut off behind its block': () => one.subarray(0, sectorAt + BLOCK),
    'with a CRC that is wrong': () => {
      const bytes = Buffer.from(one);
      bytes[sectorAt + 1196] = (bytes[sectorAt + 1196] ?? 0) ^ 1;
      return bytes;
    },
    'of another image, whole': async () =>
      withBlocks(one.subarray(0, sectorAt), block(await otherApp(), 0)),
    'beside one of another image': async () =>
      withBlocks(one.subarray(0, sectorAt), block(one, 0), block(await otherApp(), 0)),
    'with another key in it, its CRC repaired': () => {
      const key = block(two, 1).subarray(37, 101);
      const changes = Object.fromEntries([...key].map((byte, index) => [37 + index, byte]));
      return withBlocks(one.subarray(0, sectorAt), resealed(block(one, 0), changes));
    },
    'over an image that was changed since, its checksums repaired': () => patchedApp(one),
  };

  test.each(Object.keys(cases))('is found out, and nothing put behind it: %s', async (name) => {
    await work.write('bad.bin', (await cases[name]?.()) ?? '');
    const { code, stdout } = await work.runHere(['verify', 'bad.bin']);
    expect(code, stdout).toBe(9);
    const args = ['bad.bin', '--append', '--key', 'ecdsa256-third.pem'];
    await refuse(args, 8, /^error: /);
  });

  test('but is as good when its blocks are in another order', async () => {
    const [first, second] = [block(two, 0), block(two, 1)];
    await work.write('swapped.bin', withBlocks(two.subarray(0, sectorAt), second, first));
    await verified('swapped.bin', '--trust', 'ecdsa256-second.pub.pem');
    const more = await sign('more.bin', 'swapped.bin', '--append', '--key', 'ecdsa256-third.pem');
    expect(block(more, 0).equals(second)).toBe(true);
    expect(blocksOf(more)).toEqual(['block', 'block', 'block']);
  });

  test('in a gap or mixed with another scheme is not put anything behind', async () => {
    await work.write(
      'gap.bin',
      withBlocks(one.subarray(0, sectorAt), Buffer.alloc(BLOCK, 0xff), block(one, 0)),
    );
    await refuse(
      ['gap.bin', '--append', '--key', 'ecdsa256-third.pem'],
      8,
      /follows an empty place/,
    );
    const rsa = await sign('rsa.bin', 'app.bin', '--key', 'rsa3072-first.pem');
    await work.write(
      'mixed.bin',
      withBlocks(one.subarray(0, sectorAt), block(one, 0), block(rsa, 0)),
    );
    await refuse(['mixed.bin', '--append', '--key', 'ecdsa256-third.pem'], 8, /different schemes/);
  });

  test('is replaced by a good one where the image is whole', async () => {
    await work.write('bad.bin', (await cases['moved by a page']?.()) ?? '');
    const again = await sign('again.bin', 'bad.bin', '--replace', '--key', 'ecdsa256-first.pem');
    expect(again).toHaveLength(one.length);
    await verified('again.bin', '--trust', 'ecdsa256-first.pub.pem');
  });
});

describe('what cannot be signed', () => {
  test('keys that do not go together', async () => {
    const [first, second] = ['--key', 'rsa3072-first.pem'] as const;
    await refuse(['app.bin', first, second, first, second], 8, /are the same key \(digest/);
    await refuse(
      ['app.bin', first, second, '--key', 'ecdsa256-first.pem'],
      8,
      /ecdsa256-first\.pem is an ecdsa256 key, but app\.bin is signed with rsa3072/,
    );
  });

  test('what the chip or the build cannot verify', async () => {
    await refuse(['esp32.bin', '--key', 'ecdsa384-first.pem'], 8, /ESP32 cannot verify ecdsa384/);
    await refuse(['esp32.bin', '--key', 'ecdsa256-first.pem'], 8, /hint: .*--scheme v1/);
    await refuse(['c6.bin', '--key', 'ecdsa384-first.pem'], 8, /ESP32-C6 cannot verify ecdsa384/);
    const two = ['--key', 'rsa3072-first.pem', '--key', 'rsa3072-second.pem'];
    await refuse(['esp32.bin', ...two], 8, /ESP32 looks at 1 at most/);
    await work.write('old.bin', makeApp({ chip: esp32c5, idfVersion: 'v5.4.2' }));
    await refuse(
      ['old.bin', '--key', 'ecdsa384-first.pem'],
      8,
      /ESP-IDF v5\.4\.2 does not know ecdsa384/,
    );
    await work.write('new.bin', makeApp({ chip: esp32c6, idfVersion: 'v6.0.2' }));
    await refuse(['new.bin', '--key', 'ecdsa192-first.pem'], 8, /no longer knows ecdsa192/);
    await sign('p192.bin', 'c6.bin', '--key', 'ecdsa192-first.pem');
    await verified('p192.bin', '--trust', 'ecdsa192-first.pub.pem');
  });

  test('what is no image that could be signed', async () => {
    const key = ['--key', 'rsa3072-first.pem'];
    await work.write('empty.bin', '');
    await work.write('notes.txt', 'not firmware\n');
    await work.write('full.bin', makeMerged({ chip: esp32c5 }));
    await work.write('behind.bin', Buffer.concat([APP, Buffer.from('more')]));
    const damaged = Buffer.from(APP);
    damaged[0x400] = (damaged[0x400] ?? 0) ^ 1;
    await work.write('damaged.bin', damaged);
    await refuse(['empty.bin', ...key], 8, /empty\.bin is empty/);
    await refuse(['empty.bin', '--data', '--chip', 'esp32', ...key], 8, /empty\.bin is empty/);
    await refuse(['notes.txt', ...key], 11, /notes\.txt is .*\nhint: Use --data --chip/);
    await refuse(['full.bin', ...key], 8, /full\.bin is a full-flash image/);
    await refuse(['behind.bin', ...key], 8, /there is other data at 0x/);
    await refuse(['damaged.bin', ...key], 11, /damaged\.bin is damaged/);
    await refuse(['app.bin', '--data', '--chip', 'esp32c5', ...key], 8, /app\.bin is an image/);
    await refuse(['app.bin', '--chip', 'esp32', ...key], 2, /for ESP32-C5, not for ESP32/);
    await refuse(['table.bin', ...key], 8, /no chip verifies a Secure Boot V2 signature of a part/);
    await refuse(['missing.bin', ...key], 2, /missing\.bin does not exist/);
  });

  test('is refused before a key is opened, wherever no key is needed to tell', async () => {
    // Whoever opened this key would say that nobody can be asked for its passphrase.
    const der = aPrivateKey('rsa3072').export({ type: 'pkcs8', format: 'der' });
    await work.write('locked.pem', await encryptPrivateKey(der, 'marked'), 0o600);
    const locked = ['--key', 'locked.pem'];
    const other = ['--key', 'rsa3072-second.pem'];
    await refuse(['app.bin', ...locked], 8, /locked\.pem is guarded by a passphrase/);
    await sign('there.bin', 'app.bin', ...other);
    await work.write('app.changed', patchedApp(await work.read('there.bin')));
    await work.write('not.sig', Buffer.alloc(384, 1));
    const not = ['--signature', 'not.sig', '--public-key', 'rsa3072-second.pub.pem'];
    await refuse(['there.bin', ...locked], 8, /there\.bin is signed already/);
    await refuse(['app.changed', '--append', ...locked], 8, /nothing was put behind it/);
    await refuse(['app.bin', '--append', ...locked], 8, /there is nothing to append to/);
    await refuse(['app.bin', ...locked, ...other, ...other, ...other], 8, /4 keys are too many/);
    await refuse(['esp32.bin', ...locked, ...other], 8, /ESP32 looks at 1 at most/);
    await refuse(['table.bin', ...locked], 8, /no chip verifies a Secure Boot V2 signature/);
    await refuse(['app.bin', '--scheme', 'v1', ...locked], 8, /ESP32-C5 cannot verify/);
    await refuse(['data.bin', '--data', ...locked], 2, /--chip/);
    await refuse(['app.bin', ...locked, ...not], 8, /not\.sig is no signature by/);
    await refuse(['app.bin', ...locked, '--key', 'pkcs11:pin-value=1'], 8, /pin-value/);
    const nowhere = ['sign', 'app.bin', ...locked, '--out', 'none/signed.bin'];
    const says = /the directory that it belongs in does not exist/;
    await expectRefusal(work, nowhere, { code: 2, says }, { here: true });
    const rsa = ['--key', 'ecdsa256-first.pem', ...locked];
    await refuse(['there.bin', '--append', ...rsa], 8, /ecdsa256 cannot stand beside it/);
  });

  test('a key in place of its name is not shown', async () => {
    const key = privatePem(aPrivateKey('ecdsa256'));
    const { stderr } = await refuse(['app.bin', '--key', key], 8, /a key itself was given/);
    expect(stderr).not.toContain('PRIVATE');
    expect(stderr).not.toContain(key.split('\n')[1]);
  });

  test('a call that does not say what to do, or where to write', async () => {
    const says = (args: readonly string[], words: RegExp): Promise<CliResult> =>
      expectRefusal(work, ['sign', 'app.bin', ...args], { code: 2, says: words }, { here: true });
    const key = ['--key', 'rsa3072-first.pem'];
    await says(['--out', 'o'], /nothing to do was named/);
    await says(key, /where to write was not named\nhint: Use --out FILE, or --in-place/);
    await says(
      [...key, '--out', 'app.bin'],
      /app\.bin is app\.bin itself, which is read and was kept/,
    );
    await says([...key, '--out', 'rsa3072-first.pem'], /rsa3072-first\.pem itself/);
    const locked = ['--key', 'file:rsa3072-first.pem?passphrase-source=file:ecdsa256-first.pem'];
    await says([...locked, '--out', 'rsa3072-first.pem'], /rsa3072-first\.pem itself/);
    await says([...locked, '--out', 'ecdsa256-first.pem'], /ecdsa256-first\.pem itself/);
    const command = ['--key', 'command:rsa3072-first.pub.pem true'];
    await says([...command, '--out', 'rsa3072-first.pub.pem'], /first\.pub\.pem itself/);
    await says([...key, '--strip', '--out', 'o'], /--strip signs nothing/);
    await says(['--digest-out', 'app.bin'], /app\.bin itself/);
    await says(['--digest-out', 'd', ...key], /--digest-out signs nothing/);
    await says(
      ['--contents-out', 'c', ...key, '--out', 'o'],
      /--contents-out goes with --digest-out/,
    );
    await says(['--signature', 's', '--out', 'o'], /1 --signature and 0 --public-key were named/);
    await symlink(work.path('app.bin'), work.path('link.bin'));
    await says([...key, '--out', 'link.bin'], /link\.bin is app\.bin itself/);
  });
});

describe('Secure Boot V1', () => {
  const key = ['--scheme', 'v1', '--key', 'ecdsa256-first.pem'];

  test('signs an app of the ESP32, the same every time, and verify takes the key', async () => {
    const signed = await sign('v1.bin', 'esp32.bin', ...key);
    const app = await work.read('esp32.bin');
    expect(signed).toHaveLength(app.length + 68);
    expect(signed.subarray(0, app.length).equals(app)).toBe(true);
    expect((await sign('v1-again.bin', 'esp32.bin', ...key)).equals(signed)).toBe(true);
    const { stdout } = await verified('v1.bin', '--trust', 'ecdsa256-first.pub.pem');
    expect(stdout).toContain('Signed by the keys below, held against ecdsa256-first.pub.pem.');
    for (const [trust, says] of [
      [[], 'name the public key (PEM, P-256) with --trust'],
      [['--trust', 'ecdsa256-second.pub.pem'], 'not one by the trusted key'],
      [['--trust', 'rsa3072-first.pub.pem'], 'by a P-256 key: none of the trusted public keys'],
    ] as const) {
      const refused = await work.runHere(['verify', 'v1.bin', ...trust]);
      expect(refused.code).toBe(9);
      expect(refused.stdout).toContain(says);
      expect(refused.stdout).toContain('No signature of it was proved');
    }
    const inspected = await work.runHere(['inspect', 'v1.bin', '--json']);
    expect(JSON.parse(inspected.stdout)).toMatchObject({
      image: {
        signatureV1: {
          offset: app.length,
          contentsDigest: createHash('sha256').update(app).digest('hex'),
          r: signed.subarray(-64, -32).toString('hex'),
        },
      },
    });
  });

  test('is checked with a raw public key too, as bootloaders hold it', async () => {
    await sign('v1.bin', 'esp32.bin', ...key);
    const { x = '', y = '' } = aPrivateKey('ecdsa256').export({ format: 'jwk' });
    const raw = Buffer.concat([x, y].map((number) => Buffer.from(number, 'base64url')));
    await work.write('raw.key', raw);
    await verified('v1.bin', '--trust', 'raw.key');
    await work.write('raw.key', Buffer.from(raw).reverse());
    const { code, stderr } = await work.runHere(['verify', 'v1.bin', '--trust', 'raw.key']);
    expect({ code, stderr }).toEqual({ code: 9, stderr });
    expect(stderr).toMatch(/raw\.key has 64 bytes, but is no public key on P-256/);
  });

  test('pads an app when asked to, so that its signature ends with the page but for 12 bytes', async () => {
    const signed = await sign('v1.bin', 'esp32.bin', ...key, '--secure-pad');
    expect((signed.length + 12) % 0x10000).toBe(0);
    const { stdout } = await verified('v1.bin', '--trust', 'ecdsa256-first.pub.pem');
    expect(stdout).not.toContain('warning');
  });

  test('signs a partition table', async () => {
    const signed = await sign('v1.table', 'table.bin', ...key);
    expect(signed).toHaveLength(0xc00 + 68);
    await verified('v1.table', '--trust', 'ecdsa256-first.pub.pem');
    expect((await work.runHere(['verify', 'v1.table'])).code).toBe(9);
    expect((await work.runHere(['inspect', 'v1.table'])).stdout).toContain(
      'Secure Boot V1 at 0xc00',
    );
    const changed = Buffer.from(signed);
    changed[0xc00 + 40] = (changed[0xc00 + 40] ?? 0) ^ 1;
    await work.write('v1.changed', changed);
    const bad = await work.runHere(['verify', 'v1.changed', '--trust', 'ecdsa256-first.pub.pem']);
    expect(bad.code).toBe(9);
    expect(
      (await sign('table.back', 'v1.table', '--strip')).equals(await work.read('table.bin')),
    ).toBe(true);
  });

  test('is replaced, but never appended to', async () => {
    await sign('v1.bin', 'esp32.bin', ...key);
    const second = ['--scheme', 'v1', '--key', 'ecdsa256-second.pem'];
    await refuse(['v1.bin', ...second], 8, /v1\.bin is signed already/);
    await refuse(['v1.bin', '--append', ...second], 8, /of which there can be only one/);
    await sign('v1-new.bin', 'v1.bin', '--replace', ...second);
    await verified('v1-new.bin', '--trust', 'ecdsa256-second.pub.pem');
    await refuse(['esp32.bin', ...key, '--key', 'ecdsa256-second.pem'], 8, /V1 has one signature/);
  });

  test('is refused for what nobody would verify', async () => {
    await refuse(['app.bin', ...key], 8, /ESP32-C5 cannot verify Secure Boot V1/);
    await work.write('boot32.bin', makeBootloader({ chip: esp32 }));
    await refuse(['boot32.bin', ...key], 8, /Secure Boot V1 has no signed bootloader/);
    await refuse(['data.bin', '--data', ...key], 8, /of apps and partition tables only/);
    const rsa = ['--scheme', 'v1', '--key', 'rsa3072-first.pem'];
    await refuse(['esp32.bin', ...rsa], 8, /signed with Secure Boot V1, which takes ecdsa256/);
  });
});
