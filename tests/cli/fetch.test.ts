import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createWorkspace, type CliResult, type Workspace } from '../support/cli.ts';
import { chipOf } from '../support/boards.ts';
import { makeRelease } from '../support/firmware.ts';
import { expectSentence } from '../support/leaves-nothing.ts';
import { publicPem } from '../support/pem.ts';
import {
  filesBelow,
  makeDrillRelease,
  publishInto,
  readIndexOf,
  writeIndex,
} from '../support/made-tree.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';
import { IS_ROOT } from '../support/temp-directory.ts';

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

  test('says all of it as JSON', async () => {
    const { code, stdout } = await fetch(...trusting, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      directory: `out/${STEM}`,
      source: 'tree',
      channel: 'stable',
      already: false,
      manifest: { board: BOARD, version: '1.2.3' },
      verification: { ok: true },
      flashCommand: { command: ['esptool', '--chip', 'esp32', 'write-flash', '@flash_args'] },
      flashed: null,
    });
  });

  test('verifies once more what is there already, and keeps what is something else', async () => {
    expect((await fetch(...trusting)).code).toBe(0);
    const before = await work.listing();
    const again = await fetch(...trusting, '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ ok: true, already: true });
    expect((await fetch(...trusting)).stdout).toContain('was there already');
    expect(await outListing(before)).toEqual(await outListing(await work.listing()));

    await writeFile(work.path('out', STEM, 'otadata.bin'), 'x');
    expectSentence(await fetch(...trusting), {
      code: 2,
      says: /exists already and was kept: its otadata\.bin/,
    });
    await rm(work.path('out', STEM, 'otadata.bin'));
    expectSentence(await fetch(...trusting), { code: 2, says: /exists already and was kept/ });
    expect(await readdir(work.path('out'))).toEqual([STEM]);
  });

  test('refuses a stranger among the files that are there already', async () => {
    expect((await fetch(...trusting)).code).toBe(0);
    await writeFile(work.path('out', STEM, 'stranger'), 'x');
    expectSentence(await fetch(...trusting), {
      code: 9,
      says: /was there already, does not pass verification[^]*stranger: is not/,
    });
  });

  test('takes keys/trust.yaml of the project when no --trust is given', async () => {
    const digest = (await work.runHere(['keys', 'digest', 'other.pub.pem'])).stdout.trim();
    await work.write('keys/trust.yaml', `schema: 1\nkeys:\n  - digest: ${digest}\n`);
    const result = await fetch();
    await rm(work.path('keys'), { recursive: true });
    expectSentence(result, { code: 9, says: /keys\/trust\.yaml trusts/ });
  });

  test('warns when a channel went back to an older version', async () => {
    expect((await fetch(...trusting)).code).toBe(0);
    const index = await readIndexOf(work.path('tree'), BOARD);
    const back = { ...index, sequence: index.sequence + 1, channels: { stable: '1.2.2' } };
    await writeIndex(work.path('tree', BOARD), back, [key]);
    const { code, stderr } = await fetch(...trusting);
    expect(code).toBe(0);
    expect(stderr).toMatch(/warning: channel stable went back: it has 1\.2\.2 now, and 1\.2\.3/);
  });

  test.each([
    [
      ['--channel', 'nightly'],
      5,
      /has no channel nightly/,
      /beta \(1\.3\.0-beta\.1\), stable \(1\.2\.3\)/,
    ],
    [['--version', '9.9.9'], 5, /has no version 9\.9\.9/, /1\.3\.0-beta\.1, 1\.2\.3, 1\.2\.2/],
    [['--variant', 'SPIRAM'], 5, /has nothing for ESP32_GENERIC-SPIRAM/, /It has ESP32_GENERIC\./],
    [['--version', '../1.2.3'], 2, /is not a version/, undefined],
    [['--channel', 'Stable'], 2, /is not the name of a channel/, undefined],
    [['--channel', 'beta', '--version', '1.2.3'], 2, /exclude each other/, undefined],
    [['--trust', 'nowhere.pem'], 2, /does not exist/, undefined],
    [['--flash', '-p'], 2, /"-p" is not a serial port/, undefined],
    [['--flash', '/dev/tty USB0;id'], 2, /is not a serial port/, undefined],
  ] as const)(
    'refuses %j with a sentence that says what there is',
    async (args, code, says, there) => {
      const result = await fetch(...trusting, ...args);
      expectSentence(result, { code, says });
      if (there !== undefined) expect(result.stderr).toMatch(there);
      expect(await readdir(work.path('out')).catch(() => [])).toEqual([]);
    },
  );

  test.each([
    ['../out/x', 5, /does not exist/],
    ['ftp://example.com/', 2, /no kind of source called ftp/],
    ['http:example', 2, /not an address/],
    ['https://example.com/?a=b', 2, /no \?query/],
    ['github:owner', 2, /OWNER\/REPO/],
    ['key.pub.pem', 5, /is not a directory/],
  ] as const)('refuses the source %s', async (source, code, says) => {
    const result = await work.runHere(['fetch', source, '--board', BOARD]);
    expectSentence(result, { code, says });
    // There is no release yet that anybody could have signed.
    expect(result.stderr).not.toContain('warning:');
  });

  test('tells a release from a tree of releases', async () => {
    const result = await work.runHere(['fetch', newer, '--board', BOARD]);
    expectSentence(result, { code: 5, says: /is a release, not a tree/ });
    expect(result.stderr).toContain('ota-build verify');
  });

  test.skipIf(process.platform !== 'linux')(
    'says which file of the tree cannot be read when the disk fails in it',
    async () => {
      // It can be opened, and every read of it is an I/O error.
      const failing = '/proc/self/mem';
      for (const name of [`1.2.3/otadata.bin`, 'index.json']) {
        await rm(work.path('tree', BOARD, name));
        await symlink(failing, work.path('tree', BOARD, name));
        const says = new RegExp(`^error: ${BOARD}/${name} cannot be read \\(EIO\\)`, 'm');
        expectSentence(await fetch(...trusting), { code: 5, says });
      }
    },
  );

  test('on a full disk says that what has arrived is kept, and goes on from there', async ({
    skip,
  }) => {
    const disk = work.path('out');
    await mkdir(disk);
    const mount = (option: string): boolean =>
      spawnSync('sh', ['-c', 'mount -t tmpfs -o "$0" tmpfs "$1"', option, disk]).status === 0;
    if (!IS_ROOT || !mount('size=16k')) return skip('a small disk can only be mounted by root');
    try {
      const full = await fetch(...trusting);
      expectSentence(full, { code: 2, says: /the disk is full; what has arrived is kept for/ });
      expect(mount('remount,size=32m')).toBe(true);
      const { code, stderr } = await fetch(...trusting);
      expect(code, stderr).toBe(0);
      expect(await readdir(disk)).toEqual([STEM]);
    } finally {
      spawnSync('umount', [disk]);
    }
  });

  test('refuses a board that could name another directory', async () => {
    const result = await work.runHere(['fetch', 'tree', '--board', '../tree']);
    expectSentence(result, { code: 2, says: /is not the name of a board/ });
  });

  test('refuses a drill, a development key and what is unsigned, each until it is said', async () => {
    const plain = ['fetch', 'tree', '--board', BOARD, ...trusting];
    const environment = { XDG_STATE_HOME: work.path('state') };
    const refused = await work.runHere(plain, { environment });
    expectSentence(refused, { code: 9, says: /is a rollback drill/ });
    expect(refused.stderr).toContain('--drill takes it');

    await work.write('firmware.bin', makeRelease({ chip: chipOf(BOARD) }));
    const build = ['--board', BOARD, '--firmware', 'firmware.bin', '--quiet'];
    await work.runHere([...build, '--app-version', '2.0.0', '--key', 'dev', '--out', 'made']);
    await publishInto(work.path('tree'), work.path('made', `${BOARD}-2.0.0`), { keys: [key] });
    const fromTree = ['fetch', 'tree', '--board', BOARD];
    const development = await work.runHere(fromTree, { environment });
    expectSentence(development, { code: 9, says: /signed with a development key/ });
    expect((await work.runHere([...fromTree, '--allow-development'], { environment })).code).toBe(
      0,
    );

    await work.runHere([...build, '--app-version', '2.0.1', '--out', 'made']);
    await publishInto(work.path('tree'), work.path('made', `${BOARD}-2.0.1`), { keys: [key] });
    expectSentence(await work.runHere(fromTree, { environment }), {
      code: 9,
      says: /is not signed/,
    });
    expect((await work.runHere([...fromTree, '--allow-unsigned'], { environment })).code).toBe(0);
    expectSentence(
      await work.runHere([...fromTree, '--allow-unsigned', ...trusting, '--out', 'elsewhere'], {
        environment,
      }),
      {
        code: 9,
        says: /the release is not signed/,
      },
    );
  });
});

/** Of the directory that releases go into. */
function outListing(listing: readonly string[]): Promise<readonly string[]> {
  return Promise.resolve(listing.filter((line) => line.startsWith('out/')));
}

describe('fetch --flash', () => {
  /** A stand-in for esptool that writes down what it was called with. */
  async function installEsptool(version: string, exit = 0): Promise<string> {
    const bin = work.path('bin');
    await mkdir(bin, { recursive: true });
    const script = `#!/bin/sh
if [ "$1" = version ]; then echo "esptool v${version}"; exit 0; fi
printf '%s\\n' "$PWD" "$@" > ${work.path('called')}
echo "Writing at 0x1000"
echo "something went wrong" >&2
exit ${exit}
`;
    await writeFile(join(bin, 'esptool'), script);
    await chmod(join(bin, 'esptool'), 0o755);
    return `${bin}:${process.env['PATH'] ?? ''}`;
  }
  const flash = (PATH: string, port = '/dev/ttyUSB0'): Promise<CliResult> =>
    work.runHere(['fetch', 'tree', '--board', BOARD, '--drill', ...trusting, '--flash', port], {
      environment: { XDG_STATE_HOME: work.path('state'), PATH },
    });

  test('runs esptool in the directory of the verified release, without a shell', async () => {
    const { code, stdout, stderr } = await flash(await installEsptool('5.1.0'), '/dev/tty$(id);x');
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('Written to the device at /dev/tty$(id);x.');
    expect((await work.read('called')).toString().trim().split('\n')).toEqual([
      work.path('out', STEM),
      ...['--chip', 'esp32', '--port', '/dev/tty$(id);x', 'write-flash', '@flash_args'],
    ]);
  });

  test('says what esptool said when it fails, and keeps the release', async () => {
    const result = await flash(await installEsptool('5.1.0', 2));
    expectSentence(result, {
      code: 4,
      says: /esptool failed on \/dev\/ttyUSB0:\n[^]*something went wrong/,
    });
    expect(await readdir(work.path('out'))).toEqual([STEM]);
  });

  test('looks for esptool before anything is fetched', async () => {
    expectSentence(await flash('/nowhere'), { code: 4, says: /esptool is not on PATH/ });
    const old = await flash(await installEsptool('4.8.1'));
    expectSentence(old, { code: 4, says: /esptool 4\.8\.1 is too old/ });
    await work.write('bin/esptool', '#!/bin/sh\nexit 1\n');
    const broken = await flash(work.path('bin'));
    expectSentence(broken, { code: 4, says: /esptool cannot be used: it does not run$/m });
    expect(await readdir(work.path('out')).catch(() => [])).toEqual([]);
  });
});
