import { beforeAll, describe, expect, test } from 'vitest';
import { chipOf } from '../support/boards.ts';
import { createWorkspace, type Workspace } from '../support/cli.ts';
import { makeApp, makeRelease } from '../support/firmware.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';
import { privatePem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const chip = chipOf('ESP32_GENERIC');
const STEM = 'ESP32_GENERIC-1.2.3';
const RELEASE = `out/${STEM}`;

let work: Workspace;
let digest: string;

beforeAll(async () => {
  work = await createWorkspace();
  await work.write('firmware.bin', makeRelease({ chip, version: 'v1.20.0' }));
  await work.write('key.pem', privatePem(aPrivateKey('rsa3072')), 0o600);
  const { code, stderr } = await work.run([
    ...['--board', 'ESP32_GENERIC', '--firmware', 'firmware.bin', '--app-version', '1.2.3'],
    ...['--secure-version', '2', '--key', 'key.pem'],
  ]);
  expect(code, stderr).toBe(0);
  digest = (await work.runHere(['keys', 'digest', 'key.pem'])).stdout.trim();
  const app = await work.read(RELEASE, `${STEM}.app-bin`);
  await work.write('sector.bin', app.subarray(-0x1000));
});

async function inspect(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await work.runHere(['inspect', ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

describe('inspect', () => {
  test('explains a release: what it is, its files, the flash map, who signed', async () => {
    const { code, stdout, stderr } = await work.run(['inspect', RELEASE]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const word of ['ESP32_GENERIC', '1.2.3', `${STEM}.app-bin`, 'ota_1', digest])
      expect(stdout).toContain(word);
    expect(stdout).toMatch(/ota_0 .*app\/ota_0 .*%/);
    expect(stdout).toMatch(/secure_version +2|secure_version 2/);
  });

  test.each([
    { file: `${RELEASE}/${STEM}.app-bin`, says: [/1\.2\.3/, /DROM/, /checksum +valid/, /rsa3072/] },
    { file: `${RELEASE}/${STEM}.bin`, says: [/0x1000/, /Bootloader/, /ota_0/, /1\.2\.3/] },
    { file: `${RELEASE}/bootloader.bin`, says: [/bootloader/i, /checksum +valid/] },
    { file: `${RELEASE}/partition-table.bin`, says: [/otadata/, /0x1c0000/, /MD5/] },
    { file: `${RELEASE}/otadata.bin`, says: [/empty|erased/i] },
    { file: 'sector.bin', says: [/rsa3072/, /block 0/] },
    { file: 'firmware.bin', says: [/v1\.20\.0/, /does not roll back/, /factory/] },
  ])('explains $file', async ({ file, says }) => {
    const report = await inspect(file);
    for (const pattern of says) expect(report).toMatch(pattern);
    expect(report).not.toContain('undefined');
    expect(report).not.toContain('[object');
  });

  test('names the key of a signature by its eFuse digest', async () => {
    for (const file of [`${RELEASE}/${STEM}.app-bin`, 'sector.bin'])
      expect(await inspect(file)).toContain(digest);
  });

  test('prints one object with --json, with a list in it for several files', async () => {
    const one = JSON.parse(await inspect(`${RELEASE}/bootloader.bin`, '--json')) as {
      kind: string;
    };
    expect(one.kind).toBe('bootloader-image');
    const files = [`${RELEASE}/${STEM}.app-bin`, `${RELEASE}/otadata.bin`, RELEASE];
    const several = JSON.parse(await inspect(...files, '--json')) as {
      inspections: { name: string }[];
    };
    expect(several.inspections.map(({ name }) => name)).toEqual(files);
  });

  test('explains a damaged image rather than refusing it', async () => {
    const app = makeApp({ chip });
    app.writeUInt8((app[0x300] ?? 0) ^ 1, 0x300);
    await work.write('damaged.app-bin', app);
    expect(await inspect('damaged.app-bin')).toMatch(
      /checksum +(wrong|invalid|damaged)|not valid/i,
    );
    await work.write('torn.app-bin', makeApp({ chip }).subarray(0, 0x400));
    expect(await inspect('torn.app-bin')).toMatch(/truncated|cut off/);
  });

  test('refuses what it cannot explain', async () => {
    await work.write('page.html', '<!doctype html><html></html>');
    await expectRefusal(work, ['inspect', 'nope'], { code: 2, says: /nope does not exist/ });
    const page = { code: 11, says: /page\.html is an HTML page/ };
    await expectRefusal(work, ['inspect', 'page.html'], page, { here: true });
  });
});
