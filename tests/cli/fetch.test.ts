import { rm } from 'node:fs/promises';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createWorkspace, type CliResult, type Workspace } from '../support/cli.ts';
import { publicPem } from '../support/pem.ts';
import { filesBelow, makeDrillRelease, publishInto } from '../support/made-tree.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const BOARD = 'ESP32_GENERIC';
const STEM = `${BOARD}-1.2.3`;
const key = aPrivateKey('rsa3072', 'first');
const other = aPrivateKey('rsa3072', 'second');

let work: Workspace;
let older: string;
let newer: string;
let beta: string;

beforeAll(async () => {
  work = await createWorkspace();
  [older, newer, beta] = await Promise.all([
    makeDrillRelease({ version: '1.2.2', keys: [key] }),
    makeDrillRelease({ version: '1.2.3', keys: [key] }),
    makeDrillRelease({ version: '1.3.0-beta.1', keys: [key] }),
  ]);
  await work.write('key.pub.pem', publicPem(key));
  await work.write('other.pub.pem', publicPem(other));
});

beforeEach(async () => {
  for (const name of ['tree', 'out', 'state'])
    await rm(work.path(name), { recursive: true, force: true });
  await publishInto(work.path('tree'), older, { keys: [key] });
  await publishInto(work.path('tree'), newer, { keys: [key] });
  await publishInto(work.path('tree'), beta, { keys: [key], channel: 'beta' });
});

const fetch = (...args: readonly string[]): Promise<CliResult> =>
  work.runHere(['fetch', 'tree', '--board', BOARD, '--drill', ...args], {
    environment: { XDG_STATE_HOME: work.path('state') },
  });
const trusting = ['--trust', 'key.pub.pem'];

describe('fetch', () => {
  test('brings what the stable channel has, byte for byte, and says how to flash it', async () => {
    const { code, stdout, stderr } = await fetch(...trusting);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`cd out/${STEM} && esptool --chip esp32 write-flash @flash_args`);
    const names = await filesBelow(work.path('out'));
    expect(names).toEqual((await filesBelow(newer)).map((name) => `${STEM}/${name}`));
    for (const name of await filesBelow(newer))
      expect(
        (await work.read('out', STEM, name)).equals(await work.read('tree', BOARD, '1.2.3', name)),
      ).toBe(true);
  });

  test('brings what another channel has, or a version by its name', async () => {
    expect((await fetch(...trusting, '--channel', 'beta')).stdout).toContain('1.3.0-beta.1');
    expect((await fetch(...trusting, '--version', '1.2.2')).stdout).toContain('1.2.2');
  });
});
