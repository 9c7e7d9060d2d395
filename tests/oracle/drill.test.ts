import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { CHIPS } from '../../builder/chip/registry.ts';
import { parseEspImage } from '../../builder/format/esp-image.ts';
import { createWorkspace, type Workspace } from '../support/cli.ts';
import { isMissing, NEEDS_ORACLE, oracleTool, runTool } from '../support/oracle.ts';
import { privatePem, publicPem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const esptool = oracleTool('esptool');
const espsecure = oracleTool('espsecure');
const ELF_FILES = join(import.meta.dirname, '..', '..', 'firmware', 'drill');

let work: Workspace;

/** A signed drill for every chip, boards without a profile of ours included. */
beforeAll(async () => {
  work = await createWorkspace();
  for (const { name, secureBootV2 } of CHIPS) {
    const [scheme] = secureBootV2.schemes;
    await work.write(`${scheme}.pem`, privatePem(aPrivateKey(scheme)), 0o600);
    await work.write(`${scheme}.pub.pem`, publicPem(aPrivateKey(scheme)));
    const profile = `schema: 1\nboard: B_${name}\nchip: ${name}\nflash: { size: 4MB }\npartitions: { layout: ota-4MiB }\n`;
    await work.write(`profiles/B_${name}.yaml`, profile);
    const { code, stderr } = await work.runHere([
      ...['--board', `B_${name}`, '--firmware', 'drill', '--app-version', '3.2.1'],
      ...['--project-name', 'lamp', '--secure-version', '2', '--key', `${scheme}.pem`],
    ]);
    expect({ name, code, stderr }).toEqual({ name, code: 0, stderr });
    await copyFile(join(ELF_FILES, `${name}.elf`), work.path(`${name}.elf`));
  }
});

const appOf = (name: string): string => `out/B_${name}-3.2.1/B_${name}-3.2.1.app-bin`;

describe.skipIf(isMissing(esptool) || isMissing(espsecure))(
  `the drill against esptool and espsecure (${NEEDS_ORACLE})`,
  () => {
    test.concurrent.each(CHIPS)(
      'image-info finds the stamped drill of $name in order',
      async ({ name, title }) => {
        const { code, output } = await runTool(
          esptool,
          ['image-info', appOf(name)],
          work.directory,
        );
        expect(code, output).toBe(0);
        expect(output).toContain(`Detected image type: ${title}`);
        expect(output).toMatch(/Checksum: 0x[0-9a-f]{2} \(valid\)/);
        expect(output).toMatch(/Validation hash: [0-9a-f]{64} \(valid\)/);
        expect(output).toContain('App version: 3.2.1');
        expect(output).toContain('Project name: lamp');
        expect(output).toMatch(/Secure version: 2\b/);
      },
    );

    test.concurrent.each(CHIPS)(
      'espsecure verifies the signature of the drill of $name',
      async ({ name, secureBootV2 }) => {
        const args = [
          'verify-signature',
          '--version',
          '2',
          '--keyfile',
          `${secureBootV2.schemes[0]}.pub.pem`,
          appOf(name),
        ];
        const { code, output } = await runTool(espsecure, args, work.directory);
        expect(code, output).toBe(0);
        expect(output).toMatch(/verification successful/);
      },
    );

    test.concurrent.each(CHIPS)(
      'elf2image makes the same segments of the drill of $name',
      async ({ name }) => {
        const args = [
          '--chip',
          name,
          'elf2image',
          '--elf-sha256-offset',
          '0xb0',
          '--output',
          `${name}.bin`,
          `${name}.elf`,
        ];
        const { code, output } = await runTool(esptool, args, work.directory);
        expect(code, output).toBe(0);
        const theirs = await work.read(`${name}.bin`);
        const ours = await work.read(appOf(name));
        const expected = parseEspImage(theirs).segments;
        expect(parseEspImage(ours).segments.slice(0, expected.length)).toEqual(expected);
        // Behind header and description, up to the end of the last segment: code and strings.
        const { dataOffset = 0, length = 0 } = expected.at(-1) ?? {};
        expect(
          ours
            .subarray(0x120, dataOffset + length)
            .equals(theirs.subarray(0x120, dataOffset + length)),
        ).toBe(true);
        if (name === 'esp32') expect(theirs.length).toBeLessThan(4096);
      },
    );
  },
);
