import { copyFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { chipOf } from '../support/boards.ts';
import type { Workspace } from '../support/cli.ts';
import { makeRelease } from '../support/firmware.ts';
import { isMissing, NEEDS_ORACLE, oracleTool, runTool } from '../support/oracle.ts';
import {
  build,
  createSigningWorkspace,
  keyFiles,
  type SignedBuild,
} from '../support/signed-builds.ts';

const espsecure = oracleTool('espsecure');

/** Every scheme on chips that can, with one key and with three. */
const BUILDS: readonly SignedBuild[] = [
  { board: 'ESP32_GENERIC', scheme: 'rsa3072', count: 1, version: '1' },
  { board: 'ESP32_GENERIC_C3', scheme: 'rsa3072', count: 3, version: '3' },
  { board: 'ESP32_GENERIC_C2', scheme: 'ecdsa256', count: 1, version: '1' },
  { board: 'ESP32_GENERIC_C6', scheme: 'ecdsa256', count: 3, version: '3' },
  { board: 'ESP32_GENERIC_C5', scheme: 'ecdsa384', count: 1, version: '1' },
  { board: 'ESP32_GENERIC_P4', scheme: 'ecdsa384', count: 3, version: '3' },
];

describe.skipIf(isMissing(espsecure))(`signatures against espsecure (${NEEDS_ORACLE})`, () => {
  let work: Workspace;

  beforeAll(async () => {
    const boards = BUILDS.map(({ board }) => board);
    work = await createSigningWorkspace(boards, ['rsa3072', 'ecdsa256', 'ecdsa384']);
  });

  const run = (...args: readonly string[]) => runTool(espsecure, args, work.directory);

  test.each(BUILDS)(
    'espsecure verifies what we sign for $board: $scheme, $count key(s)',
    async (wanted) => {
      const app = await build(work, wanted);
      const keys = keyFiles(wanted);
      const answers = await Promise.all(
        keys.map((key) => run('verify-signature', '--version', '2', '--keyfile', key, app)),
      );
      for (const { code, output } of answers) {
        expect(code, output).toBe(0);
        expect(output).toMatch(/verification successful/i);
      }

      const { code, output } = await run('signature-info-v2', app);
      expect(code, output).toBe(0);
      const digests = await Promise.all(
        keys.map(async (key) => (await work.runHere(['keys', 'digest', key])).stdout.trim()),
      );
      const theirs = [...output.matchAll(/Public key digest for block \d: ([0-9a-f ]+)/g)].map(
        ([, hex]) => (hex ?? '').replaceAll(' ', ''),
      );
      expect(theirs).toEqual(digests);
      expect(output.match(/Signature block \d is valid/g)).toHaveLength(keys.length);
    },
  );

  test.each(BUILDS)(
    'we verify what espsecure signs for $board: $scheme, $count key(s)',
    async (wanted) => {
      const unsigned = await build(work, { ...wanted, count: 0, version: 'unsigned' });
      const signed = `${wanted.board}-espsecure.app-bin`;
      const keys = keyFiles(wanted).flatMap((file) => ['--keyfile', file]);
      const made = await run('sign-data', '--version', '2', ...keys, '--output', signed, unsigned);
      expect(made.code, made.output).toBe(0);
      for (const key of keyFiles(wanted)) {
        const trust = key.replace('.pem', '.pub.pem');
        const { code, stdout } = await work.runHere(['verify', signed, '--trust', trust]);
        expect(code, stdout).toBe(0);
        expect(stdout).toMatch(/warning: .*signed but not secure-padded/);
      }
      const stranger = `${wanted.scheme}-${wanted.count === 1 ? 'second' : 'third'}.pub.pem`;
      const { code } = await work.runHere(['verify', signed, '--trust', stranger]);
      expect(code).toBe(wanted.count === 1 ? 9 : 0);
    },
  );

  test.each(['rsa3072', 'ecdsa256', 'ecdsa384'])(
    'agrees on the digest of a %s key',
    async (scheme) => {
      for (const key of [`${scheme}-first.pem`, `${scheme}-first.pub.pem`]) {
        const args = ['digest-sbv2-public-key', '--keyfile', key, '--output', `${key}.digest`];
        const theirs = await run(...args);
        expect(theirs.code, theirs.output).toBe(0);
        const ours = await work.runHere(['keys', 'digest', key]);
        expect(ours.stdout.trim()).toBe((await work.read(`${key}.digest`)).toString('hex'));
      }
    },
  );

  test('takes a key that we generate, and we take one of its own', async () => {
    await work.runHere(['keys', 'generate', 'ours.pem', '--unencrypted']);
    await copyFile(work.path('ESP32_GENERIC.bin'), work.path('data.bin'));
    const signed = await run(
      'sign-data',
      '--version',
      '2',
      '-k',
      'ours.pem',
      '-o',
      's.bin',
      'data.bin',
    );
    expect(signed.code, signed.output).toBe(0);
    const verified = await run('verify-signature', '--version', '2', '-k', 'ours.pub.pem', 's.bin');
    expect(verified.output).toMatch(/verification successful/i);

    const made = await run(
      'generate-signing-key',
      '--version',
      '2',
      '--scheme',
      'ecdsa256',
      'theirs.pem',
    );
    expect(made.code, made.output).toBe(0);
    const built = await work.runHere([
      ...['--board', 'ESP32_GENERIC_C2', '--firmware', 'ESP32_GENERIC_C2.bin'],
      ...['--app-version', 'theirs', '--key', 'theirs.pem'],
    ]);
    expect(built.code, built.stderr).toBe(0);
  });

  test('verifies the bootloader that we sign where a profile asks for it', async () => {
    const profile = `schema: 1
board: SECURE
chip: esp32c3
flash:
  size: 4MB
partitions:
  layout: secure.csv
  tableOffset: 0x10000
signing:
  scheme: rsa3072
  bootloader: true
`;
    const layout = `nvs, data, nvs, , 0x4000
otadata, data, ota, , 0x2000
ota_0, app, ota_0, , 0x1a0000
ota_1, app, ota_1, , 0x1a0000
`;
    await work.write('profiles/SECURE.yaml', profile);
    await work.write('secure.csv', layout);
    await work.write(
      'secure.bin',
      makeRelease({ chip: chipOf('ESP32_GENERIC_C3'), tableOffset: 0x10000 }),
    );
    const built = await work.runHere([
      ...['--board', 'SECURE', '--firmware', 'secure.bin', '--app-version', '1'],
      ...['--key', 'rsa3072-first.pem'],
    ]);
    expect(built.code, built.stderr).toBe(0);
    for (const file of ['bootloader.bin', 'SECURE-1.app-bin']) {
      const path = `out/SECURE-1/${file}`;
      const { output } = await run(
        'verify-signature',
        '--version',
        '2',
        '-k',
        'rsa3072-first.pub.pem',
        path,
      );
      expect(output).toMatch(/verification successful/i);
    }
    // esptool would rewrite the header of a signed bootloader: it has to be told to keep it.
    expect((await work.read('out/SECURE-1/flash_args')).toString()).toMatch(
      /^--flash-mode keep --flash-size keep --flash-freq keep\n0x0 bootloader\.bin\n0x10000 partition/,
    );
  });
});
