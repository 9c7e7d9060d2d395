import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../builder/errors/families.ts';
import { describeWriteFailure } from '../../../builder/files/write-failure.ts';
import { writeFileAtomically } from '../../../builder/files/write-file.ts';
import { tempDirectory, tempProject } from '../../support/temp-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

const BYTES = Buffer.from('new');

describe('writing a file', () => {
  test('makes it, and nothing else', async () => {
    const root = await tempDirectory();
    await writeFileAtomically(join(root, 'a'), BYTES);
    expect(await readdir(root)).toEqual(['a']);
    expect(await readFile(join(root, 'a'), 'utf8')).toBe('new');
  });

  test('replaces the one that is there by another, so that its readers keep what they opened', async () => {
    const root = await tempProject({ a: 'old' });
    const before = await stat(join(root, 'a'));
    await writeFileAtomically(join(root, 'a'), BYTES);
    expect(await readFile(join(root, 'a'), 'utf8')).toBe('new');
    expect((await stat(join(root, 'a'))).ino).not.toBe(before.ino);
    expect(await readdir(root)).toEqual(['a']);
  });

  test('never replaces a private key', async () => {
    const pem = '-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n';
    const root = await tempProject({ a: pem });
    const error = await thrownBy(UsageError, () => writeFileAtomically(join(root, 'a'), BYTES));
    expect(error.code).toBe('OUTPUT_DENIED');
    expect(error.message).toMatch(/holds a private key, and was kept$/);
    expect(await readFile(join(root, 'a'), 'utf8')).toBe(pem);
    expect(await readdir(root)).toEqual(['a']);
  });

  test('gives it the mode that was asked for', async () => {
    const root = await tempDirectory();
    await writeFileAtomically(join(root, 'a'), BYTES, { mode: 0o600 });
    expect((await stat(join(root, 'a'))).mode & 0o777).toBe(0o600);
  });

  test('keeps the one that is there when it is to be a new one', async () => {
    const root = await tempProject({ a: 'old' });
    const error = await thrownBy(UsageError, () =>
      writeFileAtomically(join(root, 'a'), BYTES, { exclusive: true }),
    );
    expect(error.code).toBe('OUTPUT_DENIED');
    expect(await readFile(join(root, 'a'), 'utf8')).toBe('old');
    expect(await readdir(root)).toEqual(['a']);
  });

  test('makes a new one of which only one of many writers is the author', async () => {
    const root = await tempDirectory();
    const writers = ['1', '2', '3', '4'].map((text) =>
      writeFileAtomically(join(root, 'a'), Buffer.from(text), { exclusive: true }),
    );
    const results = await Promise.allSettled(writers);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await readdir(root)).toEqual(['a']);
  });

  test.each([
    ['its directory is missing', 'none/a', 'the directory that it belongs in does not exist'],
    ['a part of its path is a file', 'file/a', 'ENOTDIR'],
    ['a directory is in its place', 'directory', 'EISDIR'],
    ['its name is too long', 'x'.repeat(300), 'ENAMETOOLONG'],
  ])('is refused, and leaves nothing, where %s', async (_, path, words) => {
    const root = await tempProject({ file: '' });
    await mkdir(join(root, 'directory'));
    const error = await thrownBy(UsageError, () => writeFileAtomically(join(root, path), BYTES));
    expect(error.code).toBe('OUTPUT_DENIED');
    expect(error.message).toContain(words);
    expect((await readdir(root)).sort()).toEqual(['directory', 'file']);
  });
});

describe("a file system's refusal to write", () => {
  test.each([
    ['ENOSPC', 'DISK_FULL', 'the disk is full'],
    ['EDQUOT', 'DISK_FULL', 'the disk is full'],
    ['EACCES', 'OUTPUT_DENIED', 'permission denied'],
    ['EPERM', 'OUTPUT_DENIED', 'permission denied'],
    ['EROFS', 'OUTPUT_DENIED', 'permission denied'],
    ['ENOENT', 'OUTPUT_DENIED', 'does not exist'],
    ['ELOOP', 'OUTPUT_DENIED', 'not what it should be'],
  ])('%s becomes a sentence', (code, expected, words) => {
    const cause = Object.assign(new Error(code), { code });
    const error = describeWriteFailure(cause, 'out/x');
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ code: expected, exit: 2, where: { file: 'out/x' }, cause });
    expect((error as UsageError).message).toMatch(
      new RegExp(`^out/x cannot be written: .*${words}`),
    );
  });

  test('stays what it is where it is a bug of ours', () => {
    for (const error of [new TypeError('bug'), Object.assign(new Error(), { code: 'EBADF' })])
      expect(describeWriteFailure(error, 'out/x')).toBe(error);
  });
});
