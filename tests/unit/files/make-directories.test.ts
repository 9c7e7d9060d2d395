import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeDirectories } from '../../../builder/files/make-directories.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

describe('directories are made', () => {
  test('from the outermost inwards, and each is told of', async () => {
    const root = await tempDirectory();
    await mkdir(join(root, 'a'));
    const told: string[] = [];
    const made = (path: string): Promise<void> => Promise.resolve(void told.push(path));
    const path = join(root, 'a', 'b', 'c');
    expect(await makeDirectories(path, { mode: 0o700, made })).toBe(join(root, 'a', 'b'));
    expect(told).toEqual([join(root, 'a', 'b'), path]);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect(await makeDirectories(path, { made })).toBeUndefined();
    expect(told).toHaveLength(2);
  });

  test('by several at once', async () => {
    const root = await tempDirectory();
    await Promise.all(Array.from({ length: 20 }, () => makeDirectories(join(root, 'a', 'b', 'c'))));
    expect(await readdir(join(root, 'a', 'b'))).toEqual(['c']);
  });

  test('not below a file', async () => {
    const root = await tempDirectory();
    await writeFile(join(root, 'file'), '');
    await expect(makeDirectories(join(root, 'file', 'a'))).rejects.toMatchObject({
      code: 'ENOTDIR',
    });
  });

  test.skipIf(process.platform !== 'linux')(
    'not where none can be made, and that is told instead of tried for ever',
    async () => {
      await expect(makeDirectories('/proc/ota-build/a')).rejects.toMatchObject({ code: 'ENOENT' });
    },
  );
});
