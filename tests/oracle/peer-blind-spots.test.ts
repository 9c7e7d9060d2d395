import { createPublicKey } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { esp32 } from '../../builder/chip/esp32.ts';
import { publicKeyFields } from '../../builder/format/signature-key.ts';
import {
  encodeSignatureSector,
  parseSignatureSector,
} from '../../builder/format/signature-sector.ts';
import type { CliResult, Workspace } from '../support/cli.ts';
import { makeApp } from '../support/firmware.ts';
import { pem } from '../support/key-files.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';
import { isMissing, NEEDS_ORACLE, oracleTool, runTool } from '../support/oracle.ts';
import { aPrivateKey, resealed } from '../support/signature-blocks.ts';
import { build, createSigningWorkspace } from '../support/signed-builds.ts';

const espsecure = oracleTool('espsecure');
const SECTOR = 0x1000;
const BLOCK = 1216;
const BOARD = 'ESP32_GENERIC_C5';

// Every test has a file that espsecure made or accepted (confirmed with v5.3.1), and that no chip would start.
describe.skipIf(isMissing(espsecure))(`files that fool espsecure (${NEEDS_ORACLE})`, () => {
  let work: Workspace;
  /** Paths in the workspace: the app unsigned, and signed by us with one key. */
  let unsigned: string;
  let signed: string;

  beforeAll(async () => {
    work = await createSigningWorkspace([BOARD], ['rsa3072', 'ecdsa256', 'ecdsa384']);
    unsigned = await build(work, {
      board: BOARD,
      scheme: 'rsa3072',
      count: 0,
      version: 'unsigned',
    });
    signed = await build(work, { board: BOARD, scheme: 'rsa3072', count: 1, version: 'signed' });
  });

  const run = (...args: readonly string[]) => runTool(espsecure, args, work.directory);

  /** Signs `input` with espsecure into `output`, and expects that it does. */
  async function espsecureSigns(
    input: string,
    output: string,
    ...options: readonly string[]
  ): Promise<void> {
    const made = await run('sign-data', '--version', '2', ...options, '--output', output, input);
    expect(made.code, made.output).toBe(0);
  }

  async function verify(
    file: string,
    trust?: string,
  ): Promise<CliResult & { readonly errors: string }> {
    const trusted = trust === undefined ? [] : ['--trust', trust];
    const result = await work.runHere(['verify', file, ...trusted]);
    const errors = result.stdout.split('\n').filter((line) => line.includes('error:'));
    return { ...result, errors: errors.join('\n') };
  }

  /** Neither verify nor a build takes the file; both say why. */
  async function expectRefusedBoth(file: string, says: RegExp): Promise<void> {
    const { code, errors, stdout, stderr } = await verify(file);
    expect(code, `${stdout}${stderr}`).toBe(9);
    expect(errors).toMatch(says);
    const args = ['--board', BOARD, '--firmware', file, '--app-version', '1', '--out', 'never'];
    await expectRefusal(work, args, { code: 11, says: /error: / }, { here: true });
  }

  test('an RSA signature, verified with an ECDSA key, is by no trusted key', async () => {
    const { code, errors } = await verify(signed, 'ecdsa256-first.pub.pem');
    expect(code).toBe(9);
    expect(errors).toContain('no valid signature is by a trusted key');
    expect(errors).toContain('the file is signed with rsa3072, and that key is for ecdsa256');
  });

  test('a P-384 signature, verified with an RSA key, is by no trusted key', async () => {
    const app = await build(work, { board: BOARD, scheme: 'ecdsa384', count: 1, version: 'p384' });
    expect((await verify(app, 'ecdsa384-first.pub.pem')).code).toBe(0);
    const { code, errors } = await verify(app, 'rsa3072-first.pub.pem');
    expect(code).toBe(9);
    expect(errors).toContain('no valid signature is by a trusted key');
    expect(errors).toContain('the file is signed with ecdsa384, and that key is for rsa3072');
  });

  test('a sector of RSA and ECDSA blocks holds for either key, with a warning', async () => {
    const keys = ['--keyfile', 'rsa3072-first.pem', '--keyfile', 'ecdsa256-first.pem'];
    await espsecureSigns(unsigned, 'mixed.app-bin', ...keys);
    for (const key of ['rsa3072-first', 'ecdsa256-first']) {
      const { code, stdout } = await verify('mixed.app-bin', `${key}.pub.pem`);
      expect(code, stdout).toBe(0);
      expect(stdout).toMatch(/warning: .*blocks of different schemes/);
    }
    expect((await verify('mixed.app-bin', 'ecdsa256-second.pub.pem')).code).toBe(9);
  });

  test('keys of two schemes do not sign together', async () => {
    await expectRefusal(
      work,
      [
        ...['--board', BOARD, '--firmware', `${BOARD}.bin`, '--app-version', '1'],
        ...['--key', 'rsa3072-first.pem', '--key', 'ecdsa256-first.pem'],
      ],
      {
        code: 8,
        says: /ecdsa256-first\.pem is an ecdsa256 key, but the plan .* signs with rsa3072/,
      },
      { here: true },
    );
  });

  test('one key twice is a warning, where espsecure signed with it', async () => {
    const keys = ['--keyfile', 'rsa3072-first.pem', '--keyfile', 'rsa3072-first.pem'];
    await espsecureSigns(unsigned, 'twice.app-bin', ...keys);
    const { code, stdout } = await verify('twice.app-bin');
    expect(code, stdout).toBe(0);
    expect(stdout).toMatch(/warning: .*blocks 0 and 1 are by the same key/);
  });

  test('a signed image that was signed again behind its sector is refused', async () => {
    await espsecureSigns(signed, 'again.app-bin', '--keyfile', 'rsa3072-second.pem');
    const [before, after] = [await work.read(signed), await work.read('again.app-bin')];
    expect(after.length).toBe(before.length + SECTOR);
    await expectRefusedBoth(
      'again.app-bin',
      /signature sector at 0x[0-9a-f]+; chips look for it at 0x/,
    );
  });

  test('a signature one page behind its place is refused', async () => {
    const image = (await work.read(signed)).subarray(0, -SECTOR);
    await work.write('page.bin', Buffer.concat([image, Buffer.alloc(SECTOR, 0xff)]));
    await espsecureSigns('page.bin', 'page.app-bin', '--keyfile', 'rsa3072-first.pem');
    const theirs = await run(
      'verify-signature',
      '--version',
      '2',
      '-k',
      'rsa3072-first.pem',
      'page.app-bin',
    );
    expect(theirs.output).toMatch(/verification successful/i);
    await expectRefusedBoth(
      'page.app-bin',
      /signature sector at 0x[0-9a-f]+; chips look for it at 0x/,
    );
  });

  test('a signature appended to a sector with a bad CRC is refused', async () => {
    const damaged = Buffer.from(await work.read(signed));
    const crc = damaged.length - SECTOR + 1196;
    damaged.writeUInt8((damaged[crc] ?? 0) ^ 0xff, crc);
    await work.write('crc.bin', damaged);
    const { code, errors } = await verify('crc.bin');
    expect(code).toBe(9);
    expect(errors).not.toBe('');
    const args = [
      '--append-signatures',
      '--keyfile',
      'rsa3072-second.pem',
      '--output',
      'crc.app-bin',
    ];
    const appended = await run('sign-data', '--version', '2', ...args, 'crc.bin');
    // A release that refuses to is fine: then there is nothing left that could fool anybody.
    if (appended.code !== 0) return;
    expect((await verify('crc.app-bin')).code).toBe(9);
  });

  test('a signature appended to a tampered image is refused, with the right second key too', async () => {
    const tampered = Buffer.from(await work.read(signed));
    const at = tampered.length - SECTOR - 0x100;
    tampered.writeUInt8((tampered[at] ?? 0) ^ 0xff, at);
    await work.write('stale.bin', tampered);
    const args = [
      '--append-signatures',
      '--keyfile',
      'rsa3072-second.pem',
      '--output',
      'stale.app-bin',
    ];
    const appended = await run('sign-data', '--version', '2', ...args, 'stale.bin');
    if (appended.code !== 0) await work.write('stale.app-bin', tampered);
    for (const trust of [undefined, 'rsa3072-second.pub.pem']) {
      const { code, errors } = await verify('stale.app-bin', trust);
      expect(code).toBe(9);
      expect(errors).toContain('signature block 0 is for other contents');
    }
  });

  test('an embedded key that was swapped, with the CRC made right, is refused with every trust', async () => {
    const bytes = await work.read(signed);
    const sectorAt = bytes.length - SECTOR;
    const [slot] = parseSignatureSector(bytes.subarray(sectorAt)).slots;
    if (slot.kind !== 'block' || slot.block.scheme !== 'rsa3072') throw new Error('no block');
    const other = publicKeyFields(createPublicKey(aPrivateKey('rsa3072', 'second')));
    const { imageDigest, signature } = slot.block;
    if (other.scheme !== 'rsa3072') throw new Error('not RSA');
    const swapped = encodeSignatureSector([{ ...other, imageDigest, signature }]);
    await work.write('swapped.app-bin', Buffer.concat([bytes.subarray(0, sectorAt), swapped]));
    for (const trust of [undefined, 'rsa3072-first.pub.pem', 'rsa3072-second.pub.pem']) {
      const { code, errors } = await verify('swapped.app-bin', trust);
      expect(code).toBe(9);
      expect(errors).toContain('the signature is not one by the embedded key');
    }
  });

  test("an RSA block whose R̄ or M' was changed, with the CRC made right, is refused", async () => {
    const bytes = await work.read(signed);
    const sectorAt = bytes.length - SECTOR;
    const block = bytes.subarray(sectorAt, sectorAt + BLOCK);
    // R̄ follows magic, digest, modulus and exponent; M' follows R̄.
    for (const at of [36 + 384 + 4 + 10, 36 + 384 + 4 + 384]) {
      const changed = Buffer.from(bytes);
      resealed(block, { [at]: (block[at] ?? 0) ^ 0x01 }).copy(changed, sectorAt);
      await work.write('constants.app-bin', changed);
      const { code, errors } = await verify('constants.app-bin');
      expect(code).toBe(9);
      expect(errors).toMatch(/R̄ or M' do not belong to the RSA key/);
    }
  });

  test('an empty file and a text file, which espsecure signs, are no images', async () => {
    await work.write('empty.bin', '');
    await work.write('notes.txt', 'not firmware\n');
    for (const [input, output] of [
      ['empty.bin', 'empty.signed'],
      ['notes.txt', 'notes.signed'],
    ] as const) {
      const made = await run(
        'sign-data',
        '--version',
        '2',
        '-k',
        'rsa3072-first.pem',
        '-o',
        output,
        input,
      );
      if (made.code !== 0) await work.write(output, '');
      const { code, stdout, stderr } = await verify(output);
      // A file of 8 KiB could be OTA data, which has no magic number: then that is what does not hold.
      expect([9, 11]).toContain(code);
      expect(`${stdout}${stderr}`).toMatch(new RegExp(`error: .*${output}`));
    }
  });

  test('a V1 signature is found by the length of the image, not from the end of the file', async () => {
    const key = pem.sec1(aPrivateKey('ecdsa256'));
    await work.write('v1.pem', key, 0o600);
    await work.write('v1-app.bin', makeApp({ chip: esp32 }));
    const args = ['--scheme', 'v1', '--key', 'v1.pem', '--secure-pad', '--out', 'v1.app-bin'];
    const made = await work.runHere(['sign', 'v1-app.bin', ...args]);
    expect(made.code, made.stderr).toBe(0);
    const signed = await work.read('v1.app-bin');
    await work.write('v1-filled.app-bin', Buffer.concat([signed, Buffer.from('left in page')]));
    const theirs = (file: string) => run('verify-signature', '-v', '1', '-k', 'v1.pem', file);
    expect((await theirs('v1.app-bin')).code).toBe(0);
    expect((await theirs('v1-filled.app-bin')).code).not.toBe(0);
    for (const file of ['v1.app-bin', 'v1-filled.app-bin']) {
      expect(await verify(file)).toMatchObject({
        code: 9,
        errors: expect.stringContaining('Secure Boot V1 signature') as unknown,
      });
      const { code, stdout } = await verify(file, 'ecdsa256-first.pub.pem');
      expect(code, stdout).toBe(0);
      expect((await verify(file, 'ecdsa256-second.pub.pem')).code).toBe(9);
    }
  });

  test('what espsecure signs without a word, sign refuses', async () => {
    await work.write('no-image.txt', 'not firmware\n');
    await work.write('nothing.bin', '');
    const crc = Buffer.from(await work.read(signed));
    crc.writeUInt8((crc.at(-0x1000 + 1196) ?? 0) ^ 0xff, crc.length - SECTOR + 1196);
    await work.write('crc-sign.bin', crc);
    const tampered = Buffer.from(await work.read(signed));
    tampered.writeUInt8(
      (tampered.at(-SECTOR - 0x100) ?? 0) ^ 0xff,
      tampered.length - SECTOR - 0x100,
    );
    await work.write('stale-sign.bin', tampered);
    const [first, second] = ['rsa3072-first.pem', 'rsa3072-second.pem'].map((key) => [
      '--key',
      key,
    ]);
    const both = [...(first ?? []), '--key', 'ecdsa256-first.pem'];
    const cases: readonly (readonly [file: string, args: readonly string[], code: number])[] = [
      [unsigned, both, 8],
      [unsigned, [...(first ?? []), ...(first ?? [])], 8],
      [signed, second ?? [], 8],
      ['crc-sign.bin', ['--append', ...(second ?? [])], 8],
      // Its SHA-256 tells before its signature does.
      ['stale-sign.bin', ['--append', ...(second ?? [])], 11],
      ['nothing.bin', first ?? [], 8],
      ['no-image.txt', first ?? [], 11],
    ];
    for (const [file, args, code] of cases) {
      const all = ['sign', file, ...args, '--out', 'never.bin'];
      await expectRefusal(work, all, { code, says: /error: / }, { here: true });
    }
  });

  test('an image with a page of erased flash behind it is signed where the chip looks, not behind that page', async () => {
    const image = await work.read(unsigned);
    await work.write('erased.bin', Buffer.concat([image, Buffer.alloc(2 * SECTOR, 0xff)]));
    for (const file of [unsigned, 'erased.bin']) {
      const args = ['--no-secure-pad', '--key', 'rsa3072-first.pem', '--out', 'erased.signed'];
      expect((await work.runHere(['sign', file, ...args])).code).toBe(0);
      const expected = Math.ceil(image.length / SECTOR) * SECTOR + SECTOR;
      expect(await work.read('erased.signed')).toHaveLength(expected);
      expect((await verify('erased.signed', 'rsa3072-first.pub.pem')).code).toBe(0);
    }
  });
});
