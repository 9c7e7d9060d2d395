import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { CHIPS } from '../../builder/chip/registry.ts';
import { createWorkspace, type Workspace } from '../support/cli.ts';
import { isMissing, NEEDS_ORACLE, oracleTool, runTool } from '../support/oracle.ts';
import { publicPem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const ESPEFUSE = oracleTool('espefuse');
const SKIPPED = isMissing(ESPEFUSE);

type Fields = Readonly<Record<string, { readonly value: unknown; readonly writeable: boolean }>>;

let work: Workspace;

/** Runs a printed command on a chip that is a file. */
async function onVirtualChip(words: readonly string[], memory: string): Promise<string> {
  const [program, chipFlag = '', chip = '', ...command] = words;
  expect([program, chipFlag]).toEqual(['espefuse', '--chip']);
  const virtual = ['--virt', '--path-efuse-file', memory, '--do-not-confirm'];
  const args = [chipFlag, chip, ...virtual, ...command];
  const { code, output } = await runTool(ESPEFUSE, args, work.directory);
  expect(code, output).toBe(0);
  return output;
}

async function fieldsOf(chip: string, memory: string): Promise<Fields> {
  const file = `${memory}.json`;
  const summary = ['summary', '--format', 'json', '--file', file];
  await onVirtualChip(['espefuse', '--chip', chip, ...summary], memory);
  return JSON.parse((await work.read(file)).toString('utf8')) as Fields;
}

const spaced = (bytes: Buffer): string => bytes.toString('hex').replaceAll(/(..)(?=.)/g, '$1 ');

describe.skipIf(SKIPPED)(
  `the printed eFuse commands (${NEEDS_ORACLE})`,
  { timeout: 240_000 },
  () => {
    beforeAll(async () => {
      work = await createWorkspace();
      for (const name of ['first', 'second', 'third']) {
        for (const scheme of ['rsa3072', 'ecdsa256', 'ecdsa384'] as const)
          await work.write(`${scheme}-${name}.pub.pem`, publicPem(aPrivateKey(scheme, name)));
      }
    });

    const cases = CHIPS.flatMap((chip) => {
      const { schemes, keySlots } = chip.secureBootV2;
      // espefuse's virtual ESP32-P4 is one before revision 3.0, which has no SHA-384.
      const isSha384 = chip.name !== 'esp32p4' && schemes.includes('ecdsa384');
      const scheme = isSha384 ? ('ecdsa384' as const) : schemes[0];
      return [1, keySlots].map((count) => ({ chip, scheme, count, title: chip.title }));
    }).filter(
      ({ count, chip }, index, all) => index === 0 || count > 1 || all[index - 1]?.chip !== chip,
    );

    test.each(cases)(
      'are taken for $title with $count key(s) for $scheme, and burn what signatures are held against',
      async ({ chip, scheme, count }) => {
        const keys = ['first', 'second', 'third'].slice(0, count);
        const files = keys.map((name) => `${scheme}-${name}.pub.pem`);
        const { code, stdout, stderr } = await work.runHere([
          ...['keys', 'digest', ...files, '--efuse', '--chip', chip.name],
        ]);
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        const commands = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
        const memory = `${chip.name}-${count}.efuse`;
        for (const command of commands) await onVirtualChip(command.split(' '), memory);

        const fields = await fieldsOf(chip.name, memory);
        const { blocks, purposes, revokeBits, enableBit, sha384Bit } = chip.digestEfuses;
        expect(fields[enableBit]?.value).toBe(true);
        for (const [index, file] of files.entries()) {
          const theirs = `${chip.name}-${index}.theirs`;
          const espsecure = oracleTool('espsecure');
          const words = ['digest-sbv2-public-key', '--keyfile', file, '--output', theirs];
          expect((await runTool(espsecure, words, work.directory)).code).toBe(0);
          const digest = (await work.read(theirs)).subarray(0, chip.secureBootV2.keyDigestLength);
          const block =
            fields[blocks[index] === 'secure_boot_v2' ? 'BLOCK2' : (blocks[index] ?? '')];
          expect(block?.value).toContain(spaced(digest));
          expect(block?.writeable).toBe(false);
          if (purposes.length > 1)
            expect(fields[`KEY_PURPOSE_${index}`]?.value).toBe(`SECURE_BOOT_DIGEST${index}`);
        }
        expect(revokeBits.map((bit) => fields[bit]?.value)).toEqual(
          revokeBits.map((_, index) => index >= count),
        );
        if (sha384Bit !== undefined)
          expect(fields[sha384Bit]?.value ?? false).toBe(scheme === 'ecdsa384');
      },
    );

    test('burn on ESP32-C2 what burn-key-digest burns', async () => {
      const file = 'ecdsa256-first.pub.pem';
      const run = await work.runHere(['keys', 'digest', file, '--efuse', '--chip', 'esp32c2']);
      const [command = ''] = run.stdout.split('\n').filter((line) => line.startsWith('espefuse'));
      await onVirtualChip(command.split(' '), 'ours.efuse');
      await onVirtualChip(
        ['espefuse', '--chip', 'esp32c2', 'burn-key-digest', file],
        'theirs.efuse',
      );
      const [ours, theirs] = await Promise.all([
        work.read('ours.efuse'),
        work.read('theirs.efuse'),
      ]);
      expect(createHash('sha256').update(ours).digest('hex')).toBe(
        createHash('sha256').update(theirs).digest('hex'),
      );
    });
  },
);
