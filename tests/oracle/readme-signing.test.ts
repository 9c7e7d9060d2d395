import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { esp32 } from '../../builder/chip/esp32.ts';
import { createWorkspace, MAIN, type Workspace } from '../support/cli.ts';
import { makeRelease } from '../support/firmware.ts';
import { isMissing, oracleTool } from '../support/oracle.ts';

const README = await readFile(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');
const SIGNING = README.slice(README.indexOf('\n## Signing\n'), README.indexOf('\n## Input\n'));
const BLOCKS = [...SIGNING.matchAll(/```sh\n([^]*?)```/g)].map(([, block = '']) => block);

/** `npx ota-build` is what is built here. */
const NPX = `#!/bin/sh
shift
exec '${process.execPath}' '${MAIN}' "$@"
`;

describe.skipIf(isMissing(oracleTool('openssl'), 'openssl'))('"Signing" of the README', () => {
  let work: Workspace;

  beforeAll(async () => {
    work = await createWorkspace();
    await work.write('bin/npx', NPX, 0o755);
    await work.write('FILE', makeRelease({ chip: esp32 }));
  });

  test('works as it stands there, one block after the other, with nothing but a firmware', () => {
    expect(BLOCKS).toHaveLength(6);
    for (const block of BLOCKS) {
      const { status, stderr } = spawnSync('sh', ['-ec', block], {
        cwd: work.directory,
        env: {
          PATH: `${work.path('bin')}:${process.env['PATH'] ?? ''}`,
          OTA_BUILD_KEY_PASSPHRASE: 'words of a test',
        },
        encoding: 'utf8',
      });
      expect(status, `${block}\n${stderr}`).toBe(0);
    }
  });

  test('decrypts what it encrypted', async () => {
    const [plain, encrypted, back] = await Promise.all(
      ['app-signed.bin', 'app-encrypted.bin', 'app-plain.bin'].map((name) => work.read(name)),
    );
    expect(back).toEqual(plain);
    expect(encrypted).not.toEqual(plain);
  });
});
