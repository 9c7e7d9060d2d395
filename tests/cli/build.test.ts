import { execFileSync } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Manifest } from '../../builder/manifest/manifest.ts';
import { BOARDS, chipOf, releaseFiles } from '../support/boards.ts';
import { createWorkspace, realFirmware, type Workspace } from '../support/cli.ts';
import { makeApp, makeMerged, makeRelease } from '../support/firmware.ts';
import { privatePem, publicPem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const BOARD = 'ESP32_GENERIC';
const STEM = 'ESP32_GENERIC-1.2.3';
const chip = chipOf(BOARD);
const ARGS = ['--board', BOARD, '--firmware', 'firmware.bin', '--app-version', '1.2.3'];
const DATED = { SOURCE_DATE_EPOCH: '1717311095' };

let work: Workspace;

/** A workspace with a firmware image and release keys. */
async function withFirmware(firmware: Buffer = makeRelease({ chip })): Promise<Workspace> {
  const workspace = await createWorkspace();
  await workspace.write('firmware.bin', firmware);
  await workspace.write('keys/rsa3072.pem', privatePem(aPrivateKey('rsa3072')), 0o600);
  await workspace.write('keys/ecdsa256.pem', privatePem(aPrivateKey('ecdsa256')), 0o600);
  return workspace;
}

async function contentsOf(directory: string): Promise<ReadonlyMap<string, Buffer>> {
  const names = (await readdir(directory)).sort();
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, await readFile(join(directory, name))] as const),
    ),
  );
}

async function manifestIn(workspace: Workspace, ...names: readonly string[]): Promise<Manifest> {
  return JSON.parse((await workspace.read(...names, 'manifest.json')).toString()) as Manifest;
}

describe('the main command', () => {
  beforeAll(async () => {
    work = await withFirmware();
  });

  test('makes a whole release with a development key, and says so', async () => {
    const built = await work.run([...ARGS, '--secure-version', '2', '--sign', '--out', 'out']);
    expect(built.code, built.stderr).toBe(0);
    expect(built.stdout).toContain(`out/${STEM}`);
    expect(built.stdout).toContain('esptool --chip esp32 write-flash @flash_args');
    expect(built.stderr).toMatch(/made a development key, keys\/dev\/rsa3072\.pem/);
    expect(built.stderr).toMatch(/^warning: .*development key/m);

    expect(await readdir(work.path('out'))).toEqual([STEM]);
    expect((await readdir(work.path('out', STEM))).sort()).toEqual(releaseFiles(STEM));
    expect((await stat(work.path('keys', 'dev', 'rsa3072.pem'))).mode & 0o777).toBe(0o600);

    const { secureVersion, version, signing } = await manifestIn(work, 'out', STEM);
    expect({ secureVersion, version }).toEqual({ secureVersion: 2, version: '1.2.3' });
    expect(signing?.keys.map(({ development }) => development)).toEqual([true]);
  });

  test('makes checksums that sha256sum accepts', () => {
    const directory = work.path('out', STEM);
    const output = execFileSync('sha256sum', ['-c', 'SHA256SUMS'], {
      cwd: directory,
      encoding: 'utf8',
    });
    expect(output.trim().split('\n').sort()).toEqual(
      releaseFiles(STEM)
        .filter((name) => name !== 'SHA256SUMS')
        .map((name) => `${name}: OK`)
        .sort(),
    );
  });

  test('makes what verify accepts', async () => {
    const verified = await work.run(['verify', `out/${STEM}`]);
    expect(verified.code, verified.stdout).toBe(0);
    expect(verified.stdout).toContain(`out/${STEM} holds.`);
    expect(verified.stdout).not.toContain('✗');
  });

  test('lists every artifact but those made from the manifest itself', async () => {
    const { artifacts } = await manifestIn(work, 'out', STEM);
    const later = ['manifest.json', 'manifest.json.sig', `${STEM}.zip`, 'SHA256SUMS'];
    expect(artifacts.map(({ file }) => file).sort()).toEqual(
      releaseFiles(STEM).filter((name) => !later.includes(name)),
    );
    for (const { file, size } of artifacts)
      expect([file, (await stat(work.path('out', STEM, file))).size]).toEqual([file, size]);
  });

  test('never puts the private key into a release or its output', async () => {
    const pem = (await work.read('keys', 'dev', 'rsa3072.pem')).toString();
    const body = pem.split('\n').find((line) => line.length === 64 && !line.includes('-')) ?? '';
    expect(body).toHaveLength(64);
    for (const [name, bytes] of await contentsOf(work.path('out', STEM)))
      expect([name, bytes.includes(body)]).toEqual([name, false]);
  });
});

describe('every board of the package', () => {
  beforeAll(async () => {
    work = await withFirmware();
  });

  test('has a profile: MicroPython has eight generic boards', () => {
    expect(BOARDS.map(({ board }) => board)).toEqual([
      'ESP32_GENERIC',
      'ESP32_GENERIC_C2',
      'ESP32_GENERIC_C3',
      'ESP32_GENERIC_C5',
      'ESP32_GENERIC_C6',
      'ESP32_GENERIC_P4',
      'ESP32_GENERIC_S2',
      'ESP32_GENERIC_S3',
    ]);
  });

  test.concurrent.each(BOARDS)(
    '$board becomes a release that holds',
    async ({ board, chip: its }) => {
      const scheme = its.secureBootV2.schemes[0] === 'rsa3072' ? 'rsa3072' : 'ecdsa256';
      const workspace = await withFirmware(makeRelease({ chip: its }));
      await workspace.write('trusted.pub.pem', publicPem(aPrivateKey(scheme)));
      const built = await workspace.run([
        ...['--board', board, '--firmware', 'firmware.bin', '--app-version', '2.0.0-rc.1'],
        ...['--key', `keys/${scheme}.pem`, '--quiet'],
      ]);
      expect(built.code, built.stderr).toBe(0);
      const stem = `${board}-2.0.0-rc.1`;
      expect((await readdir(workspace.path('out', stem))).sort()).toEqual(releaseFiles(stem));

      const verified = await workspace.runHere([
        'verify',
        `out/${stem}`,
        '--trust',
        'trusted.pub.pem',
      ]);
      expect(verified.code, verified.stdout).toBe(0);

      const { chip: named, artifacts } = await manifestIn(workspace, 'out', stem);
      const offsets = new Map(artifacts.map(({ role, offset }) => [role, offset]));
      expect(named).toBe(its.name);
      expect(offsets.get('bootloader')).toBe(its.bootloaderOffset);
      expect(offsets.get('firmware')).toBe(its.bootloaderOffset);
    },
  );
});

describe('output', () => {
  beforeAll(async () => {
    work = await withFirmware();
  });

  test('with --json is one object on stdout, and progress stays on stderr', async () => {
    const { code, stdout, stderr } = await work.run([...ARGS, '--json', '--out', 'json']);
    expect(code, stderr).toBe(0);
    const result = JSON.parse(stdout) as { ok: boolean; directory: string; manifest: Manifest };
    expect(result.ok).toBe(true);
    expect(result.directory).toBe(`json/${STEM}`);
    expect(result.manifest).toEqual(await manifestIn(work, 'json', STEM));
    expect(stderr).toContain('bundling the release');
  });

  test.each([
    ['ota-build', 'at once', {}],
    ['npx ota-build', 'in npx', { npm_command: 'exec' }],
  ])('says how to check the release, as %s', async (command, out, environment) => {
    const { stdout } = await work.run([...ARGS, '--out', out], { environment });
    expect(stdout).toContain(`Check it:  ${command} verify '${out}/${STEM}'`);
  });

  test('with --json holds the error of a build that fails', async () => {
    const { code, stdout, stderr } = await work.run([
      ...ARGS.map((argument) => (argument === 'ESP32_GENERIC' ? 'NOPE' : argument)),
      '--json',
    ]);
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      error: { name: 'ProfileError', code: 'BOARD_UNKNOWN', exit: 3 },
    });
    expect(stderr).toMatch(/^error: /);
  });

  test('with --quiet says nothing on stderr when there is nothing to warn of', async () => {
    const { code, stdout, stderr } = await work.run([...ARGS, '--quiet', '--out', 'quiet']);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toContain(`quiet/${STEM}`);
  });

  test('has no colours in a pipe, and has them when FORCE_COLOR asks', async () => {
    const dryRun = [...ARGS, '--dry-run'];
    const plain = await work.run(dryRun);
    const coloured = await work.run(dryRun, { environment: { FORCE_COLOR: '1' } });
    expect(`${plain.stdout}${plain.stderr}`).not.toContain('\u001b');
    expect(coloured.stdout).toContain('\u001b[');
  });

  test('of a dry run shows plan and flash map, and nothing is written, not even a key', async () => {
    const workspace = await createWorkspace();
    await workspace.write('firmware.bin', makeRelease({ chip }));
    const { code, stdout, stderr } = await workspace.run([...ARGS, '--sign', '--dry-run']);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('ota_1');
    expect(stdout).toContain('nothing was written');
    expect(await readdir(workspace.directory)).toEqual(['firmware.bin']);
  });

  test('of firmware with control characters in its banner is harmless to a terminal', async () => {
    const firmware = makeRelease({
      chip,
      version: 'v1.23.0\u001b[31m',
      board: 'b\u001b]0;t\u0007',
    });
    const workspace = await withFirmware(firmware);
    const { code, stdout, stderr } = await workspace.runHere(ARGS);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain(String.raw`MicroPython v1.23.0\x1b[31m`);
    const verified = await workspace.runHere(['verify', `out/${STEM}`]);
    const output = `${stdout}${stderr}${verified.stdout}`;
    expect(output.replaceAll('\n', ' ')).not.toMatch(/\p{Cc}/u);
  });

  test('of an old MicroPython warns that its bootloader does not roll back, in the manifest too', async () => {
    const workspace = await withFirmware(makeRelease({ chip, version: 'v1.20.0' }));
    const { code, stderr } = await workspace.run([...ARGS, '--quiet']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: MicroPython v1\.20\.0 .*does not roll back/m);
    const { warnings, source } = await manifestIn(workspace, 'out', STEM);
    expect(warnings.map(({ code: warning }) => warning)).toContain('NO_ROLLBACK');
    expect(source).toMatchObject({ kind: 'prebuilt', bootloaderRollback: 'disabled' });
  });
});

describe('the same inputs', () => {
  beforeAll(async () => {
    work = await withFirmware();
  });

  test('give the same bytes, zip included, in any time zone', async () => {
    const build = async (out: string, TZ: string): Promise<ReadonlyMap<string, Buffer>> => {
      const built = await work.run([...ARGS, '--out', out, '--quiet'], {
        environment: { ...DATED, TZ },
      });
      expect(built.code, built.stderr).toBe(0);
      return contentsOf(work.path(out, STEM));
    };
    const [first, second] = await Promise.all([
      build('first', 'Asia/Kathmandu'),
      build('second', 'America/St_Johns'),
    ]);
    expect([...first.keys()]).toEqual(
      releaseFiles(STEM).filter((name) => name !== 'manifest.json.sig'),
    );
    for (const [name, bytes] of first)
      expect([name, bytes.equals(second.get(name) ?? Buffer.alloc(0))]).toEqual([name, true]);
  });

  test('differ in nothing but signatures when they are signed', async () => {
    const build = async (out: string): Promise<ReadonlyMap<string, Buffer>> => {
      const args = [...ARGS, '--out', out, '--quiet', '--key', 'keys/rsa3072.pem'];
      const built = await work.run(args, { environment: DATED });
      expect(built.code, built.stderr).toBe(0);
      return contentsOf(work.path(out, STEM));
    };
    const [first, second] = await Promise.all([build('signed-1'), build('signed-2')]);
    const differing = [...first.keys()].filter(
      (name) => !first.get(name)?.equals(second.get(name) ?? Buffer.alloc(0)),
    );
    const carriers = ['.app-bin', '.bin', '.cdx.json', '.zip'].map((suffix) => `${STEM}${suffix}`);
    expect(differing).toEqual(
      [...carriers, 'SHA256SUMS', 'manifest.json', 'manifest.json.sig'].sort(),
    );

    const sector = 0x1000;
    const appOf = (files: ReadonlyMap<string, Buffer>): Buffer =>
      files.get(`${STEM}.app-bin`) ?? Buffer.alloc(0);
    const [app, other] = [appOf(first), appOf(second)];
    expect(app.subarray(0, -sector).equals(other.subarray(0, -sector))).toBe(true);

    const withoutDigests = (files: ReadonlyMap<string, Buffer>): string =>
      (files.get('manifest.json')?.toString() ?? '').replaceAll(/"sha256": "[0-9a-f]{64}"/g, '');
    expect(withoutDigests(first)).toBe(withoutDigests(second));
  });
});

describe('other kinds of input', () => {
  test('a merged image gives the same app as the one that starts at the bootloader', async () => {
    const [first, merged] = await Promise.all([withFirmware(), withFirmware(makeMerged({ chip }))]);
    const results = await Promise.all(
      [first, merged].map((workspace) =>
        workspace.run([...ARGS, '--quiet'], { environment: DATED }),
      ),
    );
    expect(results.map(({ code, stderr }) => ({ code, stderr }))).toEqual([
      { code: 0, stderr: '' },
      { code: 0, stderr: '' },
    ]);
    for (const name of [`${STEM}.app-bin`, `${STEM}.bin`, 'bootloader.bin']) {
      const same = (await first.read('out', STEM, name)).equals(
        await merged.read('out', STEM, name),
      );
      expect([name, same]).toEqual([name, true]);
    }
    const containers = [first, merged].map(async (workspace) => {
      const { source } = await manifestIn(workspace, 'out', STEM);
      return source.kind === 'prebuilt' ? source.container : source.kind;
    });
    expect(await Promise.all(containers)).toEqual(['bootloader-first', 'merged']);
  });

  test('an app alone gives a release without a full-flash image, and says so', async () => {
    const workspace = await withFirmware(makeApp({ chip }));
    const built = await workspace.run([...ARGS, '--key', 'keys/rsa3072.pem']);
    expect(built.code, built.stderr).toBe(0);
    expect(built.stderr).toMatch(
      /^warning: firmware\.bin has no bootloader: .*no full-flash image/m,
    );
    expect(built.stdout).toMatch(/no bootloader in it, and so no full-flash image/);
    expect((await readdir(workspace.path('out', STEM))).sort()).toEqual(
      releaseFiles(STEM).filter((name) => name !== 'bootloader.bin' && name !== `${STEM}.bin`),
    );
    const verified = await workspace.runHere(['verify', `out/${STEM}`]);
    expect(verified.code, verified.stdout).toBe(0);
  });

  test('a release of ours can be repackaged: its signature goes, its app stays', async () => {
    const workspace = await withFirmware();
    const signed = await workspace.run([...ARGS, '--quiet', '--key', 'keys/rsa3072.pem'], {
      environment: DATED,
    });
    expect(signed.code, signed.stderr).toBe(0);
    const again = await workspace.run(
      [
        ...['--board', BOARD, '--firmware', `out/${STEM}/${STEM}.bin`, '--app-version', '1.2.3'],
        ...['--key', 'keys/rsa3072.pem', '--out', 'again'],
      ],
      { environment: DATED },
    );
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).toMatch(/signature is removed/);
    const [before, after] = await Promise.all([
      workspace.read('out', STEM, `${STEM}.app-bin`),
      workspace.read('again', STEM, `${STEM}.app-bin`),
    ]);
    expect(after.subarray(0, -0x1000).equals(before.subarray(0, -0x1000))).toBe(true);
  });
});

describe('released MicroPython images', () => {
  const IMAGES = [
    { board: 'ESP32_GENERIC', image: 'ESP32_GENERIC-20240602-v1.23.0.bin', warns: false },
    { board: 'ESP32_GENERIC_C3', image: 'ESP32_C3-st7789-20230610-v1.20.0.bin', warns: true },
  ];

  test.for(IMAGES)(
    '$image becomes a release for $board',
    async ({ board, image, warns }, { skip }) => {
      const firmware = realFirmware(image);
      if (firmware === undefined) return skip(`${image} is not in ../shared/firmware`);
      const workspace = await createWorkspace();
      const built = await workspace.run([
        ...['--board', board, '--sign', '--firmware', firmware],
        ...['--app-version', '1.2.3', '--secure-version', '2', '--out', 'out'],
      ]);
      expect(built.code, built.stderr).toBe(0);
      expect(built.stderr.includes('does not roll back')).toBe(warns);
      const stem = `${board}-1.2.3`;
      expect((await readdir(workspace.path('out', stem))).sort()).toEqual(releaseFiles(stem));
      expect((await workspace.read('out', stem, `${stem}.app-bin`)).length).toBe(0x1a1000);
      const verified = await workspace.run(['verify', `out/${stem}`]);
      expect(verified.code, verified.stdout).toBe(0);
      const { source } = await manifestIn(workspace, 'out', stem);
      expect(source).toMatchObject({ kind: 'prebuilt', file: basename(firmware) });
    },
  );
});
