import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { FormatError, ProfileError, UsageError } from '../../../builder/errors/families.ts';
import { findBuildFiles } from '../../../builder/esp-idf/build-files.ts';
import { makeBuildDirectory, makeBuildTree } from '../../support/build-directory.ts';
import { sha256 } from '../../support/images.ts';
import { tempDirectory, tempProject } from '../../support/temp-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

type Changes = Parameters<typeof makeBuildDirectory>[2];

const TREE = makeBuildTree({ chip: esp32 });
const ARGS = JSON.parse(TREE.get('flasher_args.json')?.toString() ?? '') as Record<string, unknown>;

async function aBuild(changes: Changes = {}): Promise<string> {
  const directory = join(await tempDirectory(), 'build');
  await makeBuildDirectory(directory, { chip: esp32 }, changes);
  return directory;
}

/** flasher_args.json with another app. */
const withApp = (file: string): string =>
  JSON.stringify({ ...ARGS, app: { offset: '0x10000', file, encrypted: 'false' } });

describe('the files of a build directory', () => {
  test('are found and pinned', async () => {
    const { files, project } = await findBuildFiles(await aBuild(), 'build');
    expect(files.map(({ role, file }) => [role, file])).toEqual([
      ['flasher-args', 'flasher_args.json'],
      ['project-description', 'project_description.json'],
      ['sdkconfig', 'sdkconfig'],
      ['sdkconfig-json', 'config/sdkconfig.json'],
      ['app', 'micropython.bin'],
      ['bootloader', 'bootloader/bootloader.bin'],
      ['partition-table', 'partition_table/partition-table.bin'],
      ['elf', 'micropython.elf'],
      ['map', 'micropython.map'],
    ]);
    for (const { file, size, sha256: pinned } of files) {
      const bytes = TREE.get(file) ?? Buffer.alloc(0);
      expect([file, size, pinned]).toEqual([file, bytes.length, sha256(bytes).toString('hex')]);
    }
    expect(project?.projectName).toBe('micropython');
  });

  test('need not be all there: an artifact of CI has what a flasher needs', async () => {
    const gone = { 'project_description.json': undefined, sdkconfig: undefined } as const;
    const more = {
      'config/sdkconfig.json': undefined,
      'micropython.map': undefined,
    } as const;
    const { files } = await findBuildFiles(await aBuild({ ...gone, ...more }), 'build');
    expect(files.map(({ role }) => role)).toEqual([
      'flasher-args',
      'app',
      'bootloader',
      'partition-table',
      'elf',
    ]);
  });

  test('may be symbolic links to one another', async () => {
    const directory = await aBuild({
      'micropython.bin': undefined,
      'real.bin': TREE.get('micropython.bin'),
    });
    await symlink('real.bin', join(directory, 'micropython.bin'));
    const { files } = await findBuildFiles(directory, 'build');
    expect(files.find(({ role }) => role === 'app')?.size).toBe(
      TREE.get('micropython.bin')?.length,
    );
  });

  test('are found through a symbolic link to the directory itself', async () => {
    const directory = await aBuild();
    await symlink(directory, `${directory}-link`);
    expect((await findBuildFiles(`${directory}-link`, 'link')).files).toHaveLength(9);
  });
});

describe('a build directory is refused', () => {
  test.each([
    ['the app', 'micropython.bin'],
    ['the bootloader that is listed', 'bootloader/bootloader.bin'],
    ['the partition table', 'partition_table/partition-table.bin'],
  ])('that is not finished: %s is missing', async (_, file) => {
    const directory = await aBuild({ [file]: undefined });
    const error = await thrownBy(ProfileError, () => findBuildFiles(directory, 'build'));
    expect(error.code).toBe('BUILD_UNFINISHED');
    expect(error.message).toContain(
      `build is an ESP-IDF build directory, but ${file} is not there`,
    );
    expect(error.hint).toContain('idf.py build');
  });

  test('whose build is for RAM', async () => {
    const { app, ...rest } = ARGS;
    expect(app).toBeDefined();
    const directory = await aBuild({ 'flasher_args.json': JSON.stringify(rest) });
    const error = await thrownBy(ProfileError, () => findBuildFiles(directory, 'build'));
    expect(error.code).toBe('BUILD_UNFINISHED');
  });

  test.each([
    ['a parent', '../secret.bin'],
    ['a parent further in', 'bootloader/../../secret.bin'],
    ['a parent, as Windows writes it', '..\\secret.bin'],
    ['an absolute path', '/etc/passwd'],
    ['a drive', 'C:\\secret.bin'],
    ['a drive without a slash', 'C:secret.bin'],
    ['a share', '\\\\host\\share'],
    ['a NUL', 'micropython\0.bin'],
    ['a line break', 'micro\npython.bin'],
    ['nothing', ''],
  ])('that names %s', async (_, file) => {
    const directory = await aBuild({ 'flasher_args.json': withApp(file) });
    await writeFile(join(directory, '..', 'secret.bin'), TREE.get('micropython.bin') ?? '');
    const error = await thrownBy(FormatError, () => findBuildFiles(directory, 'build'));
    expect(error.code).toBe('BAD_VALUE');
    expect(error.message).toContain('is not a path below it');
  });

  test('that names the ELF file elsewhere', async () => {
    const project = JSON.stringify({ project_name: 'x', target: 'esp32', app_elf: '../x.elf' });
    const directory = await aBuild({ 'project_description.json': project });
    const error = await thrownBy(FormatError, () => findBuildFiles(directory, 'build'));
    expect(error.message).toContain('"../x.elf"');
  });

  test.each(['micropython.bin', 'micropython.elf', 'sdkconfig', 'project_description.json'])(
    'whose %s is a symbolic link out of it',
    async (file) => {
      const directory = await aBuild({ [file]: undefined });
      const outside = await tempProject({ secret: TREE.get(file) ?? Buffer.from('x') });
      await symlink(join(outside, 'secret'), join(directory, file));
      const error = await thrownBy(FormatError, () => findBuildFiles(directory, 'build'));
      expect(error.message).toContain('is a symbolic link out of it');
    },
  );

  test('with a folder that is a symbolic link out of it', async () => {
    const directory = await aBuild();
    await rm(join(directory, 'bootloader'), { recursive: true });
    const outside = await tempProject({ 'bootloader.bin': 'x' });
    await symlink(outside, join(directory, 'bootloader'));
    const error = await thrownBy(FormatError, () => findBuildFiles(directory, 'build'));
    expect(error.message).toContain('is a symbolic link out of it');
  });

  test('beside one whose name begins like its own', async () => {
    const directory = await aBuild({ 'micropython.bin': undefined });
    await mkdir(`${directory}-other`);
    await writeFile(join(`${directory}-other`, 'app'), 'x');
    await symlink(join('..', 'build-other', 'app'), join(directory, 'micropython.bin'));
    const error = await thrownBy(FormatError, () => findBuildFiles(directory, 'build'));
    expect(error.message).toContain('is a symbolic link out of it');
  });

  test('with a directory or a pipe for a file, without waiting for it', async () => {
    const directory = await aBuild({ 'micropython.bin': undefined, 'micropython.map': undefined });
    await mkdir(join(directory, 'micropython.bin'));
    const error = await thrownBy(UsageError, () => findBuildFiles(directory, 'build'));
    expect(error.code).toBe('INPUT_UNREADABLE');
    const piped = await aBuild({ 'micropython.map': undefined });
    spawnSync('sh', ['-c', 'mkfifo "$0"', join(piped, 'micropython.map')]);
    expect((await thrownBy(UsageError, () => findBuildFiles(piped, 'build'))).code).toBe(
      'INPUT_UNREADABLE',
    );
  });

  test('with links in a circle', async () => {
    const directory = await aBuild({ sdkconfig: undefined });
    await symlink('sdkconfig', join(directory, 'sdkconfig'));
    const error = await thrownBy(UsageError, () => findBuildFiles(directory, 'build'));
    expect(error.message).toContain('ELOOP');
  });

  test('with a flasher_args.json of more than a megabyte', async () => {
    const directory = await aBuild({ 'flasher_args.json': `{"x":"${'y'.repeat(1024 * 1024)}"}` });
    const error = await thrownBy(FormatError, () => findBuildFiles(directory, 'build'));
    expect(error.code).toBe('TOO_LARGE');
  });
});

describe('another directory is refused', () => {
  test('with what was expected', async () => {
    const project = await tempProject({ 'CMakeLists.txt': '' });
    const error = await thrownBy(UsageError, () => findBuildFiles(project, 'project'));
    expect([error.code, error.exit]).toEqual(['USAGE', 2]);
    expect(error.message).toContain('a finished ESP-IDF build directory was expected');
    expect(error.hint).toContain('build-BOARD');
  });

  test('with the build directory in it that was meant', async () => {
    const project = await tempProject({ 'CMakeLists.txt': '' });
    await makeBuildDirectory(join(project, 'build-ESP32_GENERIC'), { chip: esp32 });
    const error = await thrownBy(UsageError, () => findBuildFiles(project, 'project'));
    expect(error.hint).toBe(`Did you mean ${join('project', 'build-ESP32_GENERIC')}?`);
  });

  test('when it is a release of ours, which has a flasher_args.json too', async () => {
    const directory = await aBuild({ 'manifest.json': '{}' });
    const error = await thrownBy(UsageError, () => findBuildFiles(directory, 'out/X'));
    expect(error.message).toContain('out/X is a release');
    expect(error.hint).toContain('.app-bin');
  });
});
