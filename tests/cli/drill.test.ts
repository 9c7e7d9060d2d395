import { beforeAll, describe, expect, test } from 'vitest';
import { parseOtadata } from '../../builder/format/otadata.ts';
import type { Manifest } from '../../builder/manifest/manifest.ts';
import { BOARDS } from '../support/boards.ts';
import { createWorkspace, type Workspace } from '../support/cli.ts';

describe('ota-build --firmware drill', () => {
  let work: Workspace;

  beforeAll(async () => {
    work = await createWorkspace();
  });

  test.each(BOARDS)('makes a signed release of $board that verifies', async ({ board }) => {
    const { code, stderr, stdout } = await work.runHere([
      '--board',
      board,
      '--sign',
      '--key',
      'dev',
      '--firmware',
      'drill',
      '--app-version',
      '1.2.3',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr });
    expect(stdout).toContain('There is no bootloader in it, and so no full-flash image.');
    expect(stdout).toContain('write-flash @flash_args');
    expect(stdout).toContain('--drill --to TARGET --key KEY publishes it');
    expect(await work.runHere(['verify', `out/${board}-1.2.3`])).toMatchObject({ code: 0 });
  });

  test('says what it is in the manifest, and has no full-flash image', async () => {
    const manifest = JSON.parse(
      (await work.read('out', 'ESP32_GENERIC-1.2.3', 'manifest.json')).toString('utf8'),
    ) as Manifest;
    expect(manifest.source).toMatchObject({ kind: 'drill', file: 'esp32.elf' });
    expect(manifest.warnings.map(({ code }) => code)).toContain('DRILL');
    expect(manifest.artifacts.map(({ role }) => role)).not.toContain('firmware');
    expect(manifest.artifacts.find(({ role }) => role === 'app')?.offset).toBe(0x1d0000);
  });

  test('is flashed beside the firmware that runs, with OTA data that starts a trial, and leaves the table alone', async () => {
    const args = (await work.read('out', 'ESP32_GENERIC-1.2.3', 'flash_args')).toString('utf8');
    expect(args.trim().split('\n').slice(1)).toEqual([
      '0xd000 otadata.bin',
      '0x1d0000 ESP32_GENERIC-1.2.3.app-bin',
    ]);
    const otadata = await work.read('out', 'ESP32_GENERIC-1.2.3', 'otadata.bin');
    expect(parseOtadata(otadata).sectors.map(({ state }) => state)).toEqual(['VALID', 'NEW']);
    await work.runHere(['otadata', 'trial', '--from', 'slot0', '--to', 'slot1', '-o', 'trial.bin']);
    expect(otadata.equals(await work.read('trial.bin'))).toBe(true);
  });

  test('is told from other firmware wherever it turns up, and is not repackaged', async () => {
    const app = 'out/ESP32_GENERIC-1.2.3/ESP32_GENERIC-1.2.3.app-bin';
    expect((await work.runHere(['verify', app])).stdout).toContain('is the rollback drill');
    expect((await work.runHere(['inspect', app])).stdout).toContain(
      'the rollback drill of ota-build',
    );
    const again = ['--board', 'ESP32_GENERIC', '--app-version', '5.0.0', '--firmware', app];
    const { code, stderr } = await work.runHere([...again, '--out', 'again']);
    expect(code).toBe(11);
    expect(stderr).toMatch(/is the rollback drill, which is meant to fail/);
  });

  test("is the package's own, whatever lies in the project", async () => {
    const project = await createWorkspace();
    await project.write('firmware/drill/esp32.elf', 'not a drill');
    const built = await project.runHere(['--board', 'ESP32_GENERIC', '--firmware', 'drill']);
    expect(built.code, built.stderr).toBe(0);
  });

  test('needs no version, and then cannot pass for a release', async () => {
    const { code, stderr } = await work.runHere([
      '--board',
      'ESP32_GENERIC',
      '--firmware',
      'drill',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr });
    expect(await work.runHere(['verify', 'out/ESP32_GENERIC-0.0.0-drill'])).toMatchObject({
      code: 0,
    });
  });

  test('made into an everyday release by its manifest is refused', async () => {
    const path = ['out', 'ESP32_GENERIC-0.0.0-drill', 'otadata.bin'] as const;
    await work.write(path.join('/'), Buffer.alloc(8192, 0xff));
    const { code, stdout } = await work.runHere(['verify', 'out/ESP32_GENERIC-0.0.0-drill']);
    expect(code).toBe(9);
    expect(stdout).toMatch(/otadata\.bin: does not start a trial/);
  });
});
