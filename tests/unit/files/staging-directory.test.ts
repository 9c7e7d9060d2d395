import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../builder/errors/families.ts';
import { createStagingDirectory, requireFree } from '../../../builder/files/staging-directory.ts';
import { tempDirectory, tempProject } from '../../support/temp-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

const OLD = 'old release';
const HEX = '0123456789ab';
/** The id of a process that ended just now. */
const DEAD = spawnSync(process.execPath, ['--version']).pid;

const fill = (path: string): Promise<void> => writeFile(join(path, 'file'), 'new');
const fileIn = (path: string): Promise<string> => readFile(join(path, 'file'), 'utf8');

describe('a staging directory', () => {
  test('lies beside its target, which is not there until it is published', async () => {
    const root = await tempDirectory();
    const staging = await createStagingDirectory(join(root, 'X-1.2'), false);
    expect(dirname(staging.path)).toBe(root);
    expect(basename(staging.path)).toMatch(/^\.X-1\.2\./);
    await fill(staging.path);
    expect(existsSync(join(root, 'X-1.2'))).toBe(false);
    await staging.publish();
    expect(await readdir(root)).toEqual(['X-1.2']);
    expect(await fileIn(join(root, 'X-1.2'))).toBe('new');
  });

  test('is as readable as any directory that this user makes', async () => {
    const root = await tempDirectory();
    await mkdir(join(root, 'other'));
    const staging = await createStagingDirectory(join(root, 'X'), false);
    await staging.publish();
    expect((await stat(join(root, 'X'))).mode).toBe((await stat(join(root, 'other'))).mode);
  });

  test('leaves nothing when it is discarded, parents that it made included', async () => {
    const root = await tempDirectory();
    const staging = await createStagingDirectory(join(root, 'a/b/X'), false);
    await fill(staging.path);
    await staging.discard();
    expect(await readdir(root)).toEqual([]);
  });

  test('keeps parents that were there or are used by others when it is discarded', async () => {
    const root = await tempProject({ 'a/keep': '' });
    const first = await createStagingDirectory(join(root, 'a/X'), false);
    const second = await createStagingDirectory(join(root, 'new/X'), false);
    await writeFile(join(root, 'new/other'), '');
    await first.discard();
    await second.discard();
    expect((await readdir(root)).sort()).toEqual(['a', 'new']);
    expect(await readdir(join(root, 'a'))).toEqual(['keep']);
    expect(await readdir(join(root, 'new'))).toEqual(['other']);
  });

  test('stays when it is discarded after it was published', async () => {
    const root = await tempDirectory();
    const staging = await createStagingDirectory(join(root, 'X'), false);
    await staging.publish();
    await staging.discard();
    expect(await readdir(root)).toEqual(['X']);
  });
});

describe('a release that is there already', () => {
  test('is kept, without --force', async () => {
    const root = await tempProject({ 'X/file': OLD });
    const staging = await createStagingDirectory(join(root, 'X'), false);
    await fill(staging.path);
    const error = await thrownBy(UsageError, () => staging.publish());
    expect(error.code).toBe('OUTPUT_EXISTS');
    expect(error.message).toBe(`${join(root, 'X')} exists already and was kept`);
    expect(error.hint).toContain('--force');
    await staging.discard();
    expect(await readdir(root)).toEqual(['X']);
    expect(await fileIn(join(root, 'X'))).toBe(OLD);
  });

  test('is replaced whole, with --force', async () => {
    const root = await tempProject({ 'X/file': OLD, 'X/manifest.json': OLD });
    const staging = await createStagingDirectory(join(root, 'X'), true);
    await fill(staging.path);
    expect(await fileIn(join(root, 'X'))).toBe(OLD);
    await staging.publish();
    expect(await readdir(root)).toEqual(['X']);
    expect(await readdir(join(root, 'X'))).toEqual(['file']);
    expect(await fileIn(join(root, 'X'))).toBe('new');
  });

  test('is refused before any work where it may not be replaced', async () => {
    const root = await tempProject({ 'X/file': OLD });
    await thrownBy(UsageError, () => {
      requireFree(join(root, 'X'), false);
    });
    requireFree(join(root, 'Y'), false);
  });

  test('is replaced with --force only where it is a release, or empty', async () => {
    const root = await tempProject({
      'X/manifest.json': OLD,
      'other/precious.txt': OLD,
      file: OLD,
    });
    await mkdir(join(root, 'empty'));
    requireFree(join(root, 'X'), true);
    requireFree(join(root, 'empty'), true);
    for (const name of ['other', 'file']) {
      const error = await thrownBy(UsageError, () => {
        requireFree(join(root, name), true);
      });
      expect(error.message).toMatch(/is not a release, and was kept/);
    }
  });
});

describe('what a killed run left', () => {
  test('is cleared for the same target, if nobody works on it', async () => {
    const dead = `.X-1.2.${DEAD}-${HEX}.partial`;
    const alive = `.X-1.2.${process.pid}-${HEX}.partial`;
    const root = await tempProject({ [`${dead}/file`]: '', [`${alive}/file`]: '' });
    const staging = await createStagingDirectory(join(root, 'X-1.2'), false);
    expect(existsSync(join(root, dead))).toBe(false);
    expect(existsSync(join(root, alive))).toBe(true);
    await staging.publish();
    expect((await readdir(root)).sort()).toEqual([alive, 'X-1.2'].sort());
  });

  test('between its two renames is put back', async () => {
    const root = await tempProject({ [`.X-1.2.${HEX}.old/file`]: OLD });
    const staging = await createStagingDirectory(join(root, 'X-1.2'), true);
    expect(await fileIn(join(root, 'X-1.2'))).toBe(OLD);
    await staging.discard();
    expect(await readdir(root)).toEqual(['X-1.2']);
  });

  test('after its two renames is removed', async () => {
    const root = await tempProject({ [`.X-1.2.${HEX}.old/file`]: OLD, 'X-1.2/file': 'new' });
    const staging = await createStagingDirectory(join(root, 'X-1.2'), true);
    await staging.discard();
    expect(await readdir(root)).toEqual(['X-1.2']);
    expect(await fileIn(join(root, 'X-1.2'))).toBe('new');
  });

  test.each([
    `.X-1.2.3.${HEX}.old`,
    `.X-1.2.3.${DEAD}-${HEX}.partial`,
    `.X-1.2.${DEAD}-4-gabcdef0.${process.pid}-${HEX}.partial`,
    `.X-1.2.notes.old`,
    `.X-1.2.${DEAD}-notes`,
  ])('for another target, or by somebody else, is left alone: %s', async (name) => {
    const root = await tempProject({ [`${name}/file`]: OLD });
    const staging = await createStagingDirectory(join(root, 'X-1.2'), true);
    await fill(staging.path);
    await staging.publish();
    expect((await readdir(root)).sort()).toEqual([name, 'X-1.2'].sort());
    expect(await fileIn(join(root, name))).toBe(OLD);
    expect(await fileIn(join(root, 'X-1.2'))).toBe('new');
  });
});

describe('a staging directory is refused, and leaves nothing,', () => {
  test('where a part of its path is a file', async () => {
    const root = await tempProject({ file: '' });
    const error = await thrownBy(UsageError, () =>
      createStagingDirectory(join(root, 'file/X'), false),
    );
    expect(error.code).toBe('OUTPUT_DENIED');
    expect(await readdir(root)).toEqual(['file']);
  });

  test('where its name is too long', async () => {
    const root = await tempDirectory();
    const error = await thrownBy(UsageError, () =>
      createStagingDirectory(join(root, 'new', 'x'.repeat(300)), false),
    );
    expect(error.code).toBe('OUTPUT_DENIED');
    expect(await readdir(root)).toEqual([]);
  });
});
