import { execFileSync } from 'node:child_process';
import { readdir, rm, symlink } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseAppDescription } from '../../builder/format/app-desc.ts';
import type { Manifest } from '../../builder/manifest/manifest.ts';
import { planSchema } from '../../builder/plan/plan.ts';
import { BOARDS, chipOf, releaseFiles } from '../support/boards.ts';
import { makeBuildDirectory, makeBuildTree } from '../support/build-directory.ts';
import { createWorkspace, type Workspace } from '../support/cli.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';
import { privatePem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const BOARD = 'ESP32_GENERIC';
const chip = chipOf(BOARD);
const STEM = `${BOARD}-1.2.3`;
const ARGS = ['--board', BOARD, '--firmware', 'build', '--app-version', '1.2.3'];
const DATED = { SOURCE_DATE_EPOCH: '1717311095' };

let work: Workspace;

async function withBuild(
  options: Partial<Parameters<typeof makeBuildDirectory>[1]> = {},
  changes: Parameters<typeof makeBuildDirectory>[2] = {},
): Promise<Workspace> {
  const workspace = await createWorkspace();
  await makeBuildDirectory(workspace.path('build'), { chip, ...options }, changes);
  return workspace;
}

async function manifestIn(workspace: Workspace, stem: string): Promise<Manifest> {
  return JSON.parse((await workspace.read('out', stem, 'manifest.json')).toString()) as Manifest;
}

describe('ota-build --firmware BUILD_DIR', () => {
  beforeAll(async () => {
    work = await withBuild();
    await work.write('rsa3072.pem', privatePem(aPrivateKey('rsa3072')), 0o600);
  });

  test('makes a whole, signed release with ELF, map and sdkconfig, and says what it read', async () => {
    const built = await work.run([...ARGS, '--key', 'rsa3072.pem'], { environment: DATED });
    expect(built.code, built.stderr).toBe(0);
    expect(built.stderr).toContain(
      "build is an ESP-IDF build directory for ESP32, project 'micropython' 1.28.0",
    );
    expect(built.stderr).toContain('rollback on, anti-rollback off');
    expect(built.stderr).not.toContain('warning:');
    expect((await readdir(work.path('out', STEM))).sort()).toEqual(
      [...releaseFiles(STEM), 'sdkconfig', `${STEM}.elf`, `${STEM}.map`].sort(),
    );
  });

  test('lists them with their roles, and says that it was a build directory', async () => {
    const { artifacts, source } = await manifestIn(work, STEM);
    const files = artifacts.filter(({ role }) => ['elf', 'map', 'sdkconfig'].includes(role));
    expect(files.map(({ role, file, offset }) => [role, file, offset])).toEqual([
      ['sdkconfig', 'sdkconfig', undefined],
      ['elf', `${STEM}.elf`, undefined],
      ['map', `${STEM}.map`, undefined],
    ]);
    expect(source).toMatchObject({
      kind: 'prebuilt',
      container: 'build-directory',
      file: 'micropython.bin',
      project: { name: 'micropython', version: '1.28.0' },
      bootloaderRollback: 'enabled',
    });
  });

  test('copies them byte for byte, and keeps the ELF that the app names', async () => {
    const tree = makeBuildTree({ chip });
    for (const [from, to] of [
      ['sdkconfig', 'sdkconfig'],
      ['micropython.elf', `${STEM}.elf`],
      ['micropython.map', `${STEM}.map`],
    ] as const)
      expect((await work.read('out', STEM, to)).equals(tree.get(from) ?? Buffer.alloc(0))).toBe(
        true,
      );
    const app = await work.read('out', STEM, `${STEM}.app-bin`);
    const { elfSha256, version } = parseAppDescription(app.subarray(32, 288));
    const sum = execFileSync('sha256sum', [work.path('out', STEM, `${STEM}.elf`)], {
      encoding: 'utf8',
    });
    expect(version).toBe('1.2.3');
    expect(sum).toContain(elfSha256.toString('hex'));
  });

  test('makes what verify, sha256sum and inspect accept', async () => {
    const verified = await work.run(['verify', `out/${STEM}`]);
    expect(verified.code, verified.stdout).toBe(0);
    expect(verified.stdout).toContain('files of the build');
    execFileSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: work.path('out', STEM) });
    const inspected = await work.run(['inspect', `out/${STEM}`]);
    expect(inspected.code, inspected.stderr).toBe(0);
    expect(inspected.stdout).toContain(`${STEM}.elf`);
    expect(inspected.stdout).toContain('ESP-IDF build directory');
  });

  test('gives the same bytes again, ELF and zip among them', async () => {
    const once = await withBuild({ debugSize: 300_000 });
    for (const out of ['a', 'b'])
      expect(await once.run([...ARGS, '--out', out], { environment: DATED })).toMatchObject({
        code: 0,
      });
    for (const name of await readdir(once.path('a', STEM))) {
      const [a, b] = [await once.read('a', STEM, name), await once.read('b', STEM, name)];
      expect([name, a.equals(b)]).toEqual([name, true]);
    }
  });

  test("takes the app's own version, and then changes no byte of the app", async () => {
    const { code, stderr } = await work.run([
      ...['--board', BOARD, '--firmware', 'build', '--out', 'own'],
    ]);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('not a byte of it was changed');
    const app = await work.read('own', `${BOARD}-1.28.0`, `${BOARD}-1.28.0.app-bin`);
    expect(app.equals(makeBuildTree({ chip }).get('micropython.bin') ?? Buffer.alloc(0))).toBe(
      true,
    );
    expect(stderr).toContain("its own partition table is not the layout's");
  });

  test('says in a release for the air only that there is no bootloader', async () => {
    const args = makeBuildTree({ chip }).get('flasher_args.json')?.toString() ?? '';
    const { flash_files, bootloader, ...rest } = JSON.parse(args) as Record<string, unknown>;
    expect([flash_files, bootloader]).not.toContain(undefined);
    const alone = await withBuild(
      {},
      {
        'flasher_args.json': JSON.stringify({ ...rest, flash_files: {} }),
        'bootloader/bootloader.bin': undefined,
      },
    );
    const built = await alone.run(ARGS);
    expect(built.code, built.stderr).toBe(0);
    expect(built.stderr).toContain('warning: build has no bootloader');
    expect(await alone.run(['verify', `out/${STEM}`])).toMatchObject({ code: 0 });
  });

  test('plans with every file pinned', async () => {
    const planned = await work.run(['plan', ...ARGS, '--json']);
    expect(planned.code, planned.stderr).toBe(0);
    const { source } = planSchema.parse(JSON.parse(planned.stdout));
    expect(source).toMatchObject({ kind: 'build-directory', directory: 'build' });
    const shown = await work.run(['plan', ...ARGS]);
    expect(shown.stdout).toContain('build, an ESP-IDF build directory');
    for (const file of ['micropython.bin', 'micropython.elf', 'bootloader/bootloader.bin'])
      expect(shown.stdout).toContain(file);
  });

  test('explains the directory by itself', async () => {
    const { code, stdout } = await work.run(['inspect', 'build']);
    expect(code).toBe(0);
    expect(stdout).toContain('ESP-IDF build directory');
    expect(stdout).toMatch(/rollback +on/);
    expect(stdout).toContain('factory');
    const json = JSON.parse((await work.run(['inspect', 'build', '--json'])).stdout) as object;
    expect(json).toMatchObject({
      kind: 'build-directory',
      state: 'finished',
      chip: 'esp32',
      project: { name: 'micropython', version: '1.28.0' },
    });
  });

  test('explains a build that is not finished, or that is of two, by what is wrong with it', async () => {
    const half = await withBuild({}, { 'micropython.bin': undefined });
    const { code, stdout } = await half.runHere(['inspect', 'build']);
    expect(code).toBe(0);
    expect(stdout).toContain('ESP-IDF build directory, of which no release can be made');
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('the build is not finished');
  });

  test.each(BOARDS)('takes a build for $board', async ({ board, chip: its }) => {
    const workspace = await withBuild({ chip: its });
    const stem = `${board}-1.2.3`;
    const built = await workspace.runHere([
      ...['--board', board, '--firmware', 'build', '--app-version', '1.2.3', '--key', 'dev'],
    ]);
    expect(built.code, built.stderr).toBe(0);
    expect(await workspace.runHere(['verify', `out/${stem}`])).toMatchObject({ code: 0 });
    expect(await readdir(workspace.path('out', stem))).toContain(`${stem}.elf`);
  });
});

describe('a release with the files of its build', () => {
  test.each([
    ['the ELF file', `${STEM}.elf`, /is not the program that the app was made of/],
    ['the sdkconfig', 'sdkconfig', /sdkconfig: .*(cannot be read|has another SHA-256|bytes)/],
    ['the map', `${STEM}.map`, /\.map: .*(not the text|has another SHA-256|bytes)/],
  ])('does not hold once %s is another', async (_, file, words) => {
    const forged = await withBuild();
    expect(await forged.runHere(ARGS)).toMatchObject({ code: 0 });
    await forged.write(`out/${STEM}/${file}`, 'someone else\0');
    const { code, stdout } = await forged.runHere(['verify', `out/${STEM}`]);
    expect(code).toBe(9);
    expect(stdout).toMatch(words);
  });

  test('does not hold once the ELF file is gone', async () => {
    const forged = await withBuild();
    expect(await forged.runHere(ARGS)).toMatchObject({ code: 0 });
    await rm(forged.path('out', STEM, `${STEM}.elf`));
    expect(await forged.runHere(['verify', `out/${STEM}`])).toMatchObject({ code: 9 });
  });
});

describe('a directory that no release can be made of is refused, and leaves nothing behind', () => {
  const tree = makeBuildTree({ chip });
  const args = tree.get('flasher_args.json')?.toString() ?? '';

  test.each<[string, Parameters<typeof withBuild>, { exit: number; words: RegExp }]>([
    [
      'a build that is not finished',
      [{}, { 'micropython.bin': undefined }],
      { exit: 3, words: /micropython\.bin is not there: the build is not finished/ },
    ],
    [
      'a program that was linked after the image was made',
      [{}, { 'micropython.elf': makeBuildTree({ chip, codeSize: 0xa00 }).get('micropython.elf') }],
      { exit: 3, words: /is not the program that micropython\.bin was made of/ },
    ],
    [
      'an app outside of it',
      [{}, { 'flasher_args.json': args.replaceAll('"micropython.bin"', '"../../etc/passwd"') }],
      { exit: 11, words: /names "\.\.\/\.\.\/etc\/passwd", which is not a path below it/ },
    ],
    [
      'a build for another chip',
      [{ chip: chipOf('ESP32_GENERIC_S3') }],
      { exit: 3, words: /is firmware for ESP32-S3, but board ESP32_GENERIC has an ESP32/ },
    ],
    [
      'a table elsewhere',
      [{ tableOffset: 0x9000 }],
      { exit: 7, words: /partition table at 0x9000/ },
    ],
    [
      'firmware that takes signed apps only',
      [{ config: { SECURE_SIGNED_APPS_RSA_SCHEME: true } }],
      { exit: 8, words: /built to take signed apps only/ },
    ],
    [
      'no flasher_args.json',
      [{}, { 'flasher_args.json': undefined }],
      { exit: 2, words: /a finished ESP-IDF build directory was expected/ },
    ],
    [
      'half of a flasher_args.json',
      [{}, { 'flasher_args.json': args.slice(0, 200) }],
      { exit: 11, words: /flasher_args\.json is not JSON/ },
    ],
  ])('%s', async (_, build, { exit, words }) => {
    const workspace = await withBuild(...build);
    await expectRefusal(workspace, ARGS, { code: exit, says: words }, { here: true });
  });

  test('a link out of it', async () => {
    const workspace = await withBuild({}, { sdkconfig: undefined });
    await workspace.write('secret', 'CONFIG_A=y\n');
    await symlink('../secret', workspace.path('build', 'sdkconfig'));
    const { code, stderr } = await workspace.runHere(ARGS);
    expect(code).toBe(11);
    expect(stderr).toContain('is a symbolic link out of it');
  });

  test('a release of ours', async () => {
    const workspace = await withBuild();
    expect(await workspace.runHere(ARGS)).toMatchObject({ code: 0 });
    const again = ['--board', BOARD, '--app-version', '2.0.0', '--firmware', `out/${STEM}`];
    const { code, stderr } = await workspace.runHere(again);
    expect(code).toBe(2);
    expect(stderr).toMatch(/is a release; firmware to make one of was expected/);
  });
});
