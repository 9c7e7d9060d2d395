import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, symlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FormatError, UsageError } from '../../../builder/errors/families.ts';
import { hashInput, readInput } from '../../../builder/files/read-input.ts';
import { IS_ROOT, tempDirectory, tempProject } from '../../support/temp-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

const read = (path: string, limit?: number) => readInput(path, 'a profile', limit);

describe('a file that a user named', () => {
  test('is read whole', async () => {
    const root = await tempProject({ a: 'contents', empty: '' });
    expect((await read(join(root, 'a'))).toString()).toBe('contents');
    expect(await read(join(root, 'empty'))).toHaveLength(0);
  });

  test('is hashed as it is read', async () => {
    const bytes = Buffer.alloc(2_500_000, 'firmware');
    const root = await tempProject({ a: bytes });
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(await hashInput(join(root, 'a'), 'an image')).toEqual({ size: bytes.length, sha256 });
  });

  test('may be as large as its limit and no larger', async () => {
    const root = await tempProject({ a: Buffer.alloc(11) });
    expect(await read(join(root, 'a'), 11)).toHaveLength(11);
    const error = await thrownBy(FormatError, () => read(join(root, 'a'), 10));
    expect(error.code).toBe('TOO_LARGE');
    expect(error.message).toBe(`${join(root, 'a')} has 11 bytes; a profile has at most 10`);
  });
});

describe('what cannot be read is said in a sentence:', () => {
  test.each(['none', 'none/deeper', 'file/deeper'])('%s does not exist', async (path) => {
    const root = await tempProject({ file: '' });
    const error = await thrownBy(UsageError, () => read(join(root, path)));
    expect(error.code).toBe('INPUT_MISSING');
    expect(error.message).toBe(`${join(root, path)} does not exist; a profile was expected`);
    expect(error.where).toEqual({ file: join(root, path) });
  });

  test('a directory', async () => {
    const root = await tempDirectory();
    const error = await thrownBy(UsageError, () => read(root));
    expect(error.code).toBe('INPUT_UNREADABLE');
    expect(error.message).toBe(`${root} is a directory; a profile was expected`);
  });

  test('a device', async () => {
    const error = await thrownBy(UsageError, () => read('/dev/zero'));
    expect(error.code).toBe('INPUT_UNREADABLE');
    expect(error.message).toContain('is not a regular file');
  });

  test('a socket', async () => {
    const path = join(await tempDirectory(), 'socket');
    const server = createServer();
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(path, resolve));
    expect((await thrownBy(UsageError, () => read(path))).code).toBe('INPUT_UNREADABLE');
  });

  test('a pipe that nobody writes to', async () => {
    const path = join(await tempDirectory(), 'pipe');
    spawnSync('sh', ['-c', 'mkfifo "$0"', path]);
    const error = await thrownBy(UsageError, () => read(path));
    expect(error.message).toContain('is not a regular file');
  });

  test('a link to itself', async () => {
    const path = join(await tempDirectory(), 'link');
    await symlink(path, path);
    const error = await thrownBy(UsageError, () => read(path));
    expect(error.code).toBe('INPUT_UNREADABLE');
  });

  test('a name that is too long', async () => {
    const error = await thrownBy(UsageError, () => read(`/${'x'.repeat(300)}`));
    expect(error.code).toBe('INPUT_UNREADABLE');
  });

  test.skipIf(IS_ROOT)(
    `a file without permission${IS_ROOT ? ' (skipped: root may read everything)' : ''}`,
    async () => {
      const root = await tempProject({ a: '' });
      await chmod(join(root, 'a'), 0);
      await mkdir(join(root, 'b'));
      const error = await thrownBy(UsageError, () => read(join(root, 'a')));
      expect(error.code).toBe('INPUT_UNREADABLE');
      expect(error.message).toContain('permission denied');
    },
  );
});
