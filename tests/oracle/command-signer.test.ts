import { beforeAll, describe, expect, test } from 'vitest';
import type { Workspace } from '../support/cli.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';
import { isMissing, NEEDS_ORACLE, oracleTool, runTool } from '../support/oracle.ts';
import { createSigningWorkspace } from '../support/signed-builds.ts';

const openssl = oracleTool('openssl');
const espsecure = oracleTool('espsecure');
const PSS = '-pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_mgf1_md:sha256';

const SIGNERS = [
  { board: 'ESP32_GENERIC', scheme: 'rsa3072', options: `${PSS} -pkeyopt rsa_pss_saltlen:32` },
  { board: 'ESP32_GENERIC_C2', scheme: 'ecdsa256', options: '' },
  { board: 'ESP32_GENERIC_C5', scheme: 'ecdsa384', options: '' },
] as const;

describe.skipIf(isMissing(openssl, 'openssl'))('openssl pkeyutl as a command: signer', () => {
  let work: Workspace;

  beforeAll(async () => {
    work = await createSigningWorkspace([], ['rsa3072', 'ecdsa256', 'ecdsa384']);
  });

  const command = (scheme: string, options: string, key = `${scheme}-first`): string =>
    `command:${scheme}-first.pub.pem openssl pkeyutl -sign -inkey ${key}.pem ${options}`;
  const drill = (board: string, ...more: readonly string[]) => [
    ...['--board', board, '--firmware', 'drill', '--app-version', '1', ...more],
  ];

  test.each(SIGNERS)('signs for $board by $scheme', async ({ board, scheme, options }) => {
    const key = ['--scheme', scheme, '--key', command(scheme, options)];
    const { code, stderr } = await work.run(drill(board, ...key), { environment: { CI: 'true' } });
    expect(code, stderr).toBe(0);
    const verify = ['verify', `out/${board}-1`, '--trust', `${scheme}-first.pub.pem`];
    const verified = await work.runHere(verify);
    expect(verified.code, verified.stdout).toBe(0);
  });

  test.skipIf(isMissing(espsecure)).each(SIGNERS)(
    `makes what espsecure verifies for $board by $scheme (${NEEDS_ORACLE})`,
    async ({ board, scheme }) => {
      const app = `out/${board}-1/${board}-1.app-bin`;
      const keyFile = ['--keyfile', `${scheme}-first.pub.pem`];
      const args = ['verify-signature', '--version', '2', ...keyFile, app];
      const { code, output } = await runTool(espsecure, args, work.directory);
      expect(code, output).toBe(0);
    },
  );

  test.each([
    ['PKCS#1 v1.5', '-pkeyopt digest:sha256', /made a PKCS#1 v1\.5 signature; .* RSA-PSS/],
    ['a salt of 20 bytes', `${PSS} -pkeyopt rsa_pss_saltlen:20`, /salt of 20 bytes; .* takes 32/],
    ['the longest salt', `${PSS} -pkeyopt rsa_pss_saltlen:max`, /salt of 350 bytes; .* takes 32/],
    [
      'another mask',
      `${PSS} -pkeyopt rsa_pss_saltlen:32 -pkeyopt rsa_mgf1_md:sha1`,
      /with MGF1-sha1 as its mask; .* takes MGF1-sha256/,
    ],
    [
      'a digest that is hashed again',
      `-rawin -digest sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:32`,
      /hashed the digest again before it signed/,
    ],
  ])('is refused with what it did wrong: %s', async (_, options, says) => {
    const args = drill('ESP32_GENERIC', '--key', command('rsa3072', options), '--out', 'no');
    await expectRefusal(work, args, { code: 8, says }, { here: true });
  });

  test('is refused when it signs with another key', async () => {
    const args = drill('ESP32_GENERIC_C2', '--key', command('ecdsa256', '', 'ecdsa256-second'));
    const says = /signature by another key.*; nothing was signed/;
    await expectRefusal(work, [...args, '--out', 'no'], { code: 8, says }, { here: true });
  });

  test('is refused with its own words when it fails', async () => {
    const args = drill('ESP32_GENERIC', '--key', command('rsa3072', '-pkeyopt nonsense:1'));
    const says = /the signing program openssl failed with exit code 1; it said:\n.*nonsense/s;
    await expectRefusal(work, [...args, '--out', 'no'], { code: 8, says }, { here: true });
  });
});
