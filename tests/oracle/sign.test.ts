import { beforeAll, describe, expect, test } from 'vitest';
import { esp32 } from '../../builder/chip/esp32.ts';
import { esp32c2 } from '../../builder/chip/esp32c2.ts';
import { esp32c5 } from '../../builder/chip/esp32c5.ts';
import { encodePartitionTable } from '../../builder/format/partition-table.ts';
import type { SignatureScheme } from '../../builder/format/signature-scheme.ts';
import type { Workspace } from '../support/cli.ts';
import { makeApp, makeBootloader } from '../support/firmware.ts';
import { pem } from '../support/key-files.ts';
import { isMissing, NEEDS_ORACLE, oracleTool, runTool } from '../support/oracle.ts';
import { OTA_TABLE } from '../support/plans.ts';
import { aPrivateKey, ALL_SCHEMES } from '../support/signature-blocks.ts';
import { createSigningWorkspace } from '../support/signed-builds.ts';

const espsecure = oracleTool('espsecure');
const NAMES = ['first', 'second', 'third'] as const;

describe.skipIf(isMissing(espsecure))(`sign and espsecure (${NEEDS_ORACLE})`, () => {
  let work: Workspace;

  beforeAll(async () => {
    work = await createSigningWorkspace([], ALL_SCHEMES);
    await work.write('c5.bin', makeApp({ chip: esp32c5, idfVersion: 'v6.0.1' }));
    await work.write('c2.bin', makeApp({ chip: esp32c2 }));
    await work.write('esp32.bin', makeApp({ chip: esp32 }));
    await work.write('boot.bin', makeBootloader({ chip: esp32c5 }));
    await work.write('table.bin', encodePartitionTable(OTA_TABLE));
    await work.write('data.bin', 'settings of a device\n'.repeat(300));
    await work.write('sec1.pem', pem.sec1(aPrivateKey('ecdsa256')), 0o600);
  });

  const run = (...args: readonly string[]) => runTool(espsecure, args, work.directory);

  async function works(...args: readonly string[]): Promise<string> {
    const { code, output } = await run(...args);
    expect(code, `${args.join(' ')}\n${output}`).toBe(0);
    return output;
  }

  async function ours(...args: readonly string[]): Promise<void> {
    const { code, stderr, stdout } = await work.runHere(args);
    expect(code, `${args.join(' ')}\n${stdout}${stderr}`).toBe(0);
  }

  const keysOf = (scheme: SignatureScheme, count: number): readonly string[] =>
    NAMES.slice(0, count).map((name) => `${scheme}-${name}.pem`);
  const options = (option: string, files: readonly string[]): string[] =>
    files.flatMap((file) => [option, file]);

  const COUNTS = ALL_SCHEMES.flatMap((scheme) => [1, 2, 3].map((count) => ({ scheme, count })));

  test.each(COUNTS)(
    'verify what the other signs: $scheme, $count key(s)',
    async ({ scheme, count }) => {
      const keys = keysOf(scheme, count);
      const last = keys.at(-1) ?? '';
      await ours('sign', 'c5.bin', ...options('--key', keys), '--out', 'ours.bin');
      const theirsOutput = ['--output', 'theirs.bin', 'c5.bin'];
      const [info] = await Promise.all([
        works('signature-info-v2', 'ours.bin'),
        works('verify-signature', '--version', '2', '--keyfile', last, 'ours.bin'),
        works('sign-data', '--version', '2', ...options('--keyfile', keys), ...theirsOutput),
      ]);
      expect(info.match(/Signature block \d is valid/g)).toHaveLength(count);
      for (const key of keys)
        await ours('verify', 'theirs.bin', '--trust', key.replace('.pem', '.pub.pem'));
    },
  );

  test('append to what the other signed', async () => {
    const [first, second, third] = keysOf('ecdsa256', 3);
    if (first === undefined || second === undefined || third === undefined) throw new Error('keys');
    await works('sign-data', '-v', '2', '-k', first, '-o', 'a.bin', 'c5.bin');
    await ours('sign', 'a.bin', '--append', '--key', second, '--out', 'ab.bin');
    await works(
      'sign-data',
      '-v',
      '2',
      '--append-signatures',
      '-k',
      third,
      '-o',
      'abc.bin',
      'ab.bin',
    );
    const [a, ab, abc] = [
      await work.read('a.bin'),
      await work.read('ab.bin'),
      await work.read('abc.bin'),
    ];
    const sector = a.length - 0x1000;
    expect(ab.subarray(0, sector + 1216).equals(a.subarray(0, sector + 1216))).toBe(true);
    expect(abc.subarray(0, sector + 2432).equals(ab.subarray(0, sector + 2432))).toBe(true);
    for (const key of [first, second, third])
      await ours('verify', 'abc.bin', '--trust', key.replace('.pem', '.pub.pem'));
    expect(await works('signature-info-v2', 'ab.bin')).toContain('Signature block 1 is valid');
  });

  test('verify each other over bootloaders and data', async () => {
    await ours('sign', 'boot.bin', '--key', 'rsa3072-first.pem', '--out', 'boot.ours');
    await works('verify-signature', '-v', '2', '-k', 'rsa3072-first.pub.pem', 'boot.ours');
    await works('sign-data', '-v', '2', '-k', 'rsa3072-first.pem', '-o', 'boot.theirs', 'boot.bin');
    await ours('verify', 'boot.theirs', '--trust', 'rsa3072-first.pub.pem');
    const data = ['--data', '--chip', 'esp32c2', '--key', 'ecdsa256-first.pem'];
    await ours('sign', 'data.bin', ...data, '--out', 'data.ours');
    await works('verify-signature', '-v', '2', '-k', 'ecdsa256-first.pub.pem', 'data.ours');
    await works(
      'sign-data',
      '-v',
      '2',
      '-k',
      'ecdsa256-first.pem',
      '-o',
      'data.theirs',
      'data.bin',
    );
    await ours('verify', 'data.theirs', '--data', '--trust', 'ecdsa256-first.pub.pem');
    const [mine, other] = [await work.read('data.ours'), await work.read('data.theirs')];
    expect(mine.subarray(0, -0x1000).equals(other.subarray(0, -0x1000))).toBe(true);
  });

  test.each(['esp32.bin', 'table.bin'])(
    'make the same Secure Boot V1 signature: %s',
    async (file) => {
      await works('sign-data', '--version', '1', '--keyfile', 'sec1.pem', '-o', 'v1.theirs', file);
      await ours('sign', file, '--scheme', 'v1', '--key', 'ecdsa256-first.pem', '--out', 'v1.ours');
      expect((await work.read('v1.ours')).equals(await work.read('v1.theirs'))).toBe(true);
      await works('verify-signature', '-v', '1', '-k', 'ecdsa256-first.pub.pem', 'v1.ours');
      await ours('verify', 'v1.theirs', '--trust', 'ecdsa256-first.pub.pem');
      await works('extract-public-key', '--version', '1', '--keyfile', 'sec1.pem', 'v1.raw');
      await ours('verify', 'v1.theirs', '--trust', 'v1.raw');
    },
  );

  test('take a signature that was made elsewhere in the same form', async () => {
    const key = 'ecdsa384-first';
    await ours(
      'sign',
      'c5.bin',
      '--digest-out',
      'd',
      '--contents-out',
      'c',
      '--public-key',
      `${key}.pub.pem`,
    );
    const made = await runTool(
      'openssl',
      ['dgst', '-sha384', '-sign', `${key}.pem`, '-out', 'sig', 'c'],
      work.directory,
    );
    expect(made.code, made.output).toBe(0);
    const pair = ['--signature', 'sig', '--public-key', `${key}.pub.pem`];
    await ours('sign', 'c5.bin', ...pair, '--out', 'detached.ours');
    const theirs = [
      '--pub-key',
      `${key}.pub.pem`,
      '--signature',
      'sig',
      '--output',
      'detached.theirs',
    ];
    await works('sign-data', '--version', '2', ...theirs, 'c');
    expect((await work.read('detached.ours')).equals(await work.read('detached.theirs'))).toBe(
      true,
    );
  });
});

describe.skipIf(isMissing(espsecure))(`flash encryption and espsecure (${NEEDS_ORACLE})`, () => {
  let work: Workspace;

  beforeAll(async () => {
    work = await createSigningWorkspace([], []);
    await work.write('plain.bin', makeApp({ chip: esp32 }));
    for (const length of [16, 24, 32, 64])
      await work.write(
        `k${length}`,
        Buffer.from(Array.from({ length }, (_, at) => at * 5 + 1)),
        0o600,
      );
  });

  const CASES = [
    { chip: 'esp32', key: 'k32', address: '0x10000', extra: [] },
    { chip: 'esp32', key: 'k24', address: '0x123450', extra: ['--flash-crypt-conf', '0x9'] },
    { chip: 'esp32', key: 'k32', address: '0xfe0010', extra: ['--flash-crypt-conf', '6'] },
    { chip: 'esp32c2', key: 'k16', address: '0x10000', extra: [] },
    { chip: 'esp32c3', key: 'k32', address: '0x10070', extra: [] },
    { chip: 'esp32s3', key: 'k64', address: '0xff0010', extra: [] },
  ];

  test.each(CASES)(
    'make the same: $chip, $key at $address $extra',
    async ({ chip, key, address, extra }) => {
      const plain = Buffer.from(await work.read('plain.bin'));
      // Not the image of another chip.
      plain[0] = 0;
      await work.write('p.bin', plain);
      const options = ['--key', key, '--address', address, ...extra];
      const xts = chip === 'esp32' ? [] : ['--aes-xts'];
      const theirs = ['--keyfile', key, '--address', address, ...extra, ...xts];
      const made = await runTool(
        espsecure,
        ['encrypt-flash-data', ...theirs, '-o', 'theirs', 'p.bin'],
        work.directory,
      );
      expect(made.code, made.output).toBe(0);
      const encrypted = await work.runHere([
        'encrypt-flash-data',
        'p.bin',
        '--chip',
        chip,
        ...options,
        '-o',
        'ours',
      ]);
      expect(encrypted.code, encrypted.stderr).toBe(0);
      expect((await work.read('ours')).equals(await work.read('theirs'))).toBe(true);
      const back = await work.runHere([
        'decrypt-flash-data',
        'theirs',
        '--chip',
        chip,
        ...options,
        '-o',
        'back',
      ]);
      expect(back.code, back.stderr).toBe(0);
      expect((await work.read('back')).equals(plain)).toBe(true);
    },
  );
});
