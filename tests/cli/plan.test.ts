import { beforeAll, describe, expect, test } from 'vitest';
import type { Plan } from '../../builder/plan/plan.ts';
import { chipOf } from '../support/boards.ts';
import { createWorkspace, type Workspace } from '../support/cli.ts';
import { makeRelease } from '../support/firmware.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';

const chip = chipOf('ESP32_GENERIC');
const PLAN = ['plan', '--board', 'ESP32_GENERIC', '--firmware', 'firmware.bin'];

const OWN_PROFILE = `schema: 1
board: MY_BOARD
chip: esp32
projectName: lamp
version: 4.5.6
secureVersion: 3
flash:
  size: 8MB
partitions:
  layout: ota-8MiB
`;

let work: Workspace;

beforeAll(async () => {
  work = await createWorkspace();
  await work.write('firmware.bin', makeRelease({ chip }));
  await work.write('profiles/MY_BOARD.yaml', OWN_PROFILE);
});

describe('plan', () => {
  test('prints what a build would be, and writes nothing', async () => {
    const before = await work.listing();
    const { code, stdout, stderr } = await work.run([...PLAN, '--app-version', '1.2.3', '--sign']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const word of ['ESP32_GENERIC-1.2.3', 'esp32', 'ota_0', 'rsa3072', 'keys: dev'])
      expect(stdout).toContain(word);
    expect(await work.listing()).toEqual(before);
  });

  test('is JSON with --json, and dated by SOURCE_DATE_EPOCH', async () => {
    const environment = { SOURCE_DATE_EPOCH: '1717311095' };
    const { code, stdout } = await work.run([...PLAN, '--json'], { environment });
    expect(code).toBe(0);
    const plan = JSON.parse(stdout) as Plan;
    expect(plan).toMatchObject({
      schema: 1,
      board: 'ESP32_GENERIC',
      chip: 'esp32',
      version: '1.23.0',
      createdAt: '2024-06-02T06:51:35Z',
      signing: null,
      stem: 'ESP32_GENERIC-1.23.0',
    });
    expect(plan.layout.partitions.map(({ name }) => name)).toContain('ota_1');
  });

  test("finds the project's own profile first, and flags win over it", async () => {
    const args = ['plan', '--board', 'MY_BOARD', '--firmware', 'firmware.bin', '--json'];
    const { stdout } = await work.runHere(args);
    expect(JSON.parse(stdout)).toMatchObject({
      version: '4.5.6',
      projectName: 'lamp',
      secureVersion: 3,
      flash: { size: '8MB' },
    });
    const flags = ['--app-version', '5.0.0', '--variant', 'BLUE', '--secure-version', '4'];
    const changed = await work.runHere([...args, ...flags, '--layout', 'ota-4MiB']);
    expect(JSON.parse(changed.stdout)).toMatchObject({
      version: '5.0.0',
      secureVersion: 4,
      layout: { name: 'ota-4MiB' },
      stem: 'MY_BOARD-BLUE-5.0.0',
    });
  });

  test('refuses what a build would refuse', async () => {
    const args = ['plan', '--board', 'ESP32_GENERIC', '--firmware', 'nope.bin'];
    await expectRefusal(work, args, { code: 2, says: /nope\.bin does not exist/ });
  });
});

describe('plan refuses what build would refuse', () => {
  test.each([
    [
      'firmware of another chip',
      ['--board', 'ESP32_GENERIC_C3'],
      3,
      /firmware for ESP32, but board ESP32_GENERIC_C3/,
    ],
    [
      'a layout beyond the end of flash',
      ['--board', 'ESP32_GENERIC', '--layout', 'ota-8MiB'],
      7,
      /ends at 0x800000/,
    ],
  ])('%s', async (_, args, exit, says) => {
    const { code, stderr } = await work.runHere(['plan', ...args, '--firmware', 'firmware.bin']);
    expect(code).toBe(exit);
    expect(stderr).toMatch(says);
  });

  test('but needs no key, as the job that plans has none', async () => {
    const args = [...PLAN, '--app-version', '1', '--key', 'env:NOT_HERE'];
    expect(await work.runHere(args)).toMatchObject({ code: 0 });
  });
});
