import { readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { chipOf, releaseFiles } from '../support/boards.ts';
import { createWorkspace, type Workspace } from '../support/cli.ts';
import { makeRelease } from '../support/firmware.ts';
import { privatePem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const chip = chipOf('ESP32_GENERIC');
const STEM = 'ESP32_GENERIC-1.2.3';
const ARGS = [
  ...['--board', 'ESP32_GENERIC', '--firmware', 'firmware.bin', '--app-version', '1.2.3'],
  ...['--key', 'keys/rsa3072.pem', '--verbose'],
];

async function withFirmware(): Promise<Workspace> {
  const workspace = await createWorkspace();
  await workspace.write('firmware.bin', makeRelease({ chip, appSize: 0x100000 }));
  await workspace.write('keys/rsa3072.pem', privatePem(aPrivateKey('rsa3072')), 0o600);
  return workspace;
}

/** Makes the process send itself a signal the moment that it announces a stage: no race with the test. */
function signalWhen(stage: string, signal: NodeJS.Signals): { readonly NODE_OPTIONS: string } {
  const script = `
    const write = process.stderr.write.bind(process.stderr);
    process.stderr.write = (text, ...rest) => {
      const written = write(text, ...rest);
      if (String(text).includes(${JSON.stringify(`… ${stage}`)})) process.kill(process.pid, '${signal}');
      return written;
    };`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}` };
}

const STAGES = [
  'getting the firmware',
  'stamping the app description',
  'laying out flash',
  'signing',
  'writing the parts',
  'verifying what was written',
  'bundling the release',
];

describe('an interrupted build', () => {
  test.each(STAGES)('leaves nothing behind after Ctrl-C while %s', async (stage) => {
    const workspace = await withFirmware();
    const { code, stdout, stderr } = await workspace.run(ARGS, {
      environment: signalWhen(stage, 'SIGINT'),
    });
    expect({ code, stderr }).toEqual({ code: 130, stderr });
    expect(stderr).toContain(`… ${stage}`);
    expect(stderr).toMatch(/^error: interrupted by SIGINT; no release was written$/m);
    expect(stdout).toBe('');
    expect((await readdir(workspace.directory)).sort()).toEqual(['firmware.bin', 'keys']);
  });

  test('ends with 143 after SIGTERM', async () => {
    const workspace = await withFirmware();
    const { code, stderr } = await workspace.run(ARGS, {
      environment: signalWhen('bundling the release', 'SIGTERM'),
    });
    expect({ code, stderr }).toEqual({ code: 143, stderr });
    expect((await readdir(workspace.directory)).sort()).toEqual(['firmware.bin', 'keys']);
  });

  test('is interrupted or complete, whenever a signal from outside arrives', async () => {
    const workspace = await withFirmware();
    const { code, stderr } = await workspace.run(ARGS, {
      interrupt: { signal: 'SIGINT', when: /^… writing the parts$/m },
    });
    if (code === 130) {
      expect((await readdir(workspace.directory)).sort()).toEqual(['firmware.bin', 'keys']);
      return;
    }
    expect({ code, stderr }).toEqual({ code: 0, stderr });
    expect((await readdir(workspace.path('out', STEM))).sort()).toEqual(releaseFiles(STEM));
    expect((await workspace.runHere(['verify', `out/${STEM}`])).code).toBe(0);
  });

  test('keeps the release that --force was about to replace', async () => {
    const workspace = await withFirmware();
    const first = await workspace.run([...ARGS, '--quiet']);
    expect(first.code, first.stderr).toBe(0);
    const before = await workspace.listing();
    const again = await workspace.run([...ARGS, '--force'], {
      environment: signalWhen('bundling the release', 'SIGINT'),
    });
    expect(again.code).toBe(130);
    expect(await workspace.listing()).toEqual(before);
  });

  test('that was killed outright leaves only what the next build clears away', async () => {
    const workspace = await withFirmware();
    const killed = await workspace.run(ARGS, {
      environment: signalWhen('bundling the release', 'SIGKILL'),
    });
    expect(killed.code).toBe(null);
    const left = await readdir(workspace.path('out'));
    expect(left).toEqual([expect.stringMatching(/^\.ESP32_GENERIC-1\.2\.3\..*\.partial$/)]);
    const again = await workspace.run(ARGS);
    expect(again.code, again.stderr).toBe(0);
    expect(await readdir(workspace.path('out'))).toEqual([STEM]);
  });
});
