import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, readdir } from 'node:fs/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { chipOf } from '../support/boards.ts';
import { createWorkspace, MAIN, type Workspace } from '../support/cli.ts';
import { makeRelease } from '../support/firmware.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';
import { privatePem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const chip = chipOf('ESP32_GENERIC');
const STEM = 'ESP32_GENERIC-1.2.3';
const ARGS = ['--board', 'ESP32_GENERIC', '--firmware', 'firmware.bin', '--app-version', '1.2.3'];
const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;

async function withFirmware(): Promise<Workspace> {
  const workspace = await createWorkspace();
  await workspace.write('firmware.bin', makeRelease({ chip }));
  await workspace.write('keys/rsa3072.pem', privatePem(aPrivateKey('rsa3072')), 0o600);
  return workspace;
}

function succeeds(command: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('an output directory that is there already', () => {
  test('is kept, and replaced whole with --force', async () => {
    const workspace = await withFirmware();
    const first = await workspace.run([...ARGS, '--quiet']);
    expect(first.code, first.stderr).toBe(0);
    await workspace.write(`out/${STEM}/notes.txt`, 'mine\n');

    const refused = await expectRefusal(workspace, ARGS, {
      code: 2,
      says: /out\/ESP32_GENERIC-1\.2\.3 exists already and was kept/,
    });
    expect(refused.stderr).toMatch(/^hint: .*--force/m);

    const forced = await workspace.run([...ARGS, '--force', '--secure-version', '7']);
    expect(forced.code, forced.stderr).toBe(0);
    expect(await readdir(workspace.path('out'))).toEqual([STEM]);
    expect(await readdir(workspace.path('out', STEM))).not.toContain('notes.txt');
    expect((await workspace.runHere(['verify', `out/${STEM}`])).code).toBe(0);
  });

  test('is kept when a build with --force is refused', async () => {
    const workspace = await withFirmware();
    const first = await workspace.run([...ARGS, '--quiet']);
    expect(first.code, first.stderr).toBe(0);
    await expectRefusal(
      workspace,
      [...ARGS, '--force', '--project-name', 'x'.repeat(40)],
      { code: 3, says: /project name/ },
      { here: true },
    );
  });
});

describe('a directory without permission', () => {
  const asNobody = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'] as const;
  const prefix = isRoot ? asNobody : [];

  test('is refused with a sentence', async ({ skip }) => {
    const [command, ...rest] = asNobody;
    if (isRoot && !succeeds(command, ...rest, process.execPath, MAIN, 'keys', '--help'))
      return skip('running as root, and nobody may not run node and the built command here');
    const workspace = await withFirmware();
    await mkdir(workspace.path('closed'));
    await chmod(workspace.path('closed'), 0o555);
    await chmod(workspace.directory, 0o755);
    if (isRoot) await chown(workspace.path('keys', 'rsa3072.pem'), NOBODY, NOBODY);
    const args = [...ARGS, '--key', 'keys/rsa3072.pem', '--out', 'closed'];
    const denied = await expectRefusal(
      workspace,
      args,
      { code: 2, says: /closed cannot be written: permission denied \(EACCES\)/ },
      { prefix },
    );
    expect(denied.stderr).toMatch(/^hint: /m);

    await chmod(workspace.path('firmware.bin'), 0o000);
    await expectRefusal(
      workspace,
      ARGS,
      { code: 2, says: /firmware\.bin cannot be read: permission denied/ },
      { prefix },
    );
  });
});

describe('a full disk', () => {
  const mounted: string[] = [];

  afterEach(() => {
    for (const directory of mounted.splice(0)) execFileSync('umount', [directory]);
  });

  // The parts fit into none, some or all of it: the disk fills up while parts are written, and while the zip is.
  test.for([16, 96, 256])(
    'of %i KiB is refused, and nothing is left on it',
    async (size, { skip }) => {
      const workspace = await withFirmware();
      const disk = workspace.path('disk');
      await mkdir(disk);
      if (!isRoot || !succeeds('mount', '-t', 'tmpfs', '-o', `size=${size}k`, 'tmpfs', disk))
        return skip('a small disk can only be mounted by root');
      mounted.push(disk);
      const full = await expectRefusal(
        workspace,
        [...ARGS, '--key', 'keys/rsa3072.pem', '--out', 'disk'],
        { code: 2, says: /disk.* cannot be written: the disk is full/ },
      );
      expect(full.stderr).toMatch(/^hint: .*--out/m);
      expect(await readdir(disk)).toEqual([]);
    },
  );
});
