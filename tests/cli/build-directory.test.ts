import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseAppDescription } from '../../builder/format/app-desc.ts';
import type { Manifest } from '../../builder/manifest/manifest.ts';
import { chipOf, releaseFiles } from '../support/boards.ts';
import { makeBuildDirectory, makeBuildTree } from '../support/build-directory.ts';
import { createWorkspace, type Workspace } from '../support/cli.ts';
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
});
