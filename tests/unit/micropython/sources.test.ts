import { writeFileSync } from 'node:fs';
import { chmod, lstat, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openCheckout } from '../../../builder/micropython/checkout.ts';
import { fingerprintOf } from '../../../builder/micropython/fingerprint.ts';
import { openSourceTree } from '../../../builder/micropython/source-tree.ts';
import { isSource, listSources } from '../../../builder/micropython/sources.ts';
import { readSubmodules } from '../../../builder/micropython/submodules.ts';
import { copyWorkTree } from '../../../builder/micropython/work-tree.ts';
import { git, makeRepository } from '../../support/git.ts';
import { tempProject } from '../../support/temp-directory.ts';

const HEADER = ['MAJOR 1', 'MINOR 28', 'MICRO 0', 'PRERELEASE 0']
  .map((line) => `#define MICROPY_VERSION_${line}\n`)
  .join('');

const TREE = {
  'py/mpconfig.h': HEADER,
  'py/gc.c': 'code',
  'ports/esp32/CMakeLists.txt': '',
  'ports/esp32/build-X/big.o': '',
  'ports/unix/main.c': '',
  'docs/index.rst': '',
  'out/release.bin': '',
  'mpy-cross/build/mpy-cross': 'tool',
  'tools/__pycache__/x.pyc': '',
} as const;

const checkout = (root: string) => openCheckout(root, '/nowhere');

const readsElsewhere = async (root: string) =>
  (await fingerprintOf(await openSourceTree(root, '/nowhere'))).readsElsewhere;

describe('what a build is made from', () => {
  test('is the port, without other ports, documents and what was built before', async () => {
    const root = await tempProject(TREE);
    const listed = await listSources(root, await readSubmodules(root), []);
    expect(listed.filter(({ kind }) => kind === 'file').map(({ path }) => path)).toEqual([
      ...['mpy-cross/build/mpy-cross', 'ports/esp32/CMakeLists.txt', 'py/gc.c', 'py/mpconfig.h'],
    ]);
    expect(isSource('mpy-cross/build/mpy-cross', [])).toBe(false);
    expect(isSource('cache/x', ['cache'])).toBe(false);
    expect(isSource('cached/x', ['cache'])).toBe(true);
  });

  test('is copied so that it can be written, and links lead where they led', async () => {
    const root = await tempProject({ ...TREE, 'ports/esp32/lock': '' });
    const outside = await tempProject({ 'lib.py': 'x' });
    await chmod(join(root, 'ports/esp32/lock'), 0o444);
    await symlink('gc.c', join(root, 'py/inside.c'));
    await symlink(
      join('..', '..', outside.split('/').at(-1) ?? '', 'lib.py'),
      join(root, 'py/outside.py'),
    );
    const target = join(await tempProject(), 'copy');
    await copyWorkTree(await checkout(root), target, {
      withHostTools: false,
      throwIfInterrupted: () => undefined,
    });
    expect((await stat(join(target, 'ports/esp32/lock'))).mode & 0o200).toBe(0o200);
    expect(await readlink(join(target, 'py/inside.c'))).toBe('gc.c');
    expect(await readFile(join(target, 'py/outside.py'), 'utf8')).toBe('x');
    const [copied, original] = await Promise.all(
      [target, root].map((top) => stat(join(top, 'py/gc.c'))),
    );
    expect(copied?.mtimeMs).toBeCloseTo(original?.mtimeMs ?? 0, 1);
    await expect(lstat(join(target, 'mpy-cross/build/mpy-cross'))).rejects.toThrow('ENOENT');
  });

  test.each([true, false])(
    'is copied with the fingerprint that it had, the host tool taken along: %s',
    async (withHostTools) => {
      const outside = await tempProject({ 'folder/x.py': '1', 'file.py': '1' });
      const root = await tempProject(TREE);
      await symlink('gc.c', join(root, 'py/inside.c'));
      await symlink(join(outside, 'file.py'), join(root, 'py/file.py'));
      await symlink(join(outside, 'folder'), join(root, 'py/folder'));
      const copied = await copyWorkTree(await checkout(root), join(await tempProject(), 'copy'), {
        withHostTools,
        throwIfInterrupted: () => undefined,
      });
      const { fingerprint } = await checkout(root);
      expect(copied).toEqual({ fingerprint, readsElsewhere: true });
    },
  );

  test('is copied with the fingerprint of the copy, when the original changes meanwhile', async () => {
    const root = await tempProject(TREE);
    const { fingerprint } = await checkout(root);
    let seen = 0;
    const copied = await copyWorkTree(await checkout(root), join(await tempProject(), 'copy'), {
      withHostTools: false,
      throwIfInterrupted: () => {
        if (seen++ === 0) writeFileSync(join(root, 'py/gc.c'), 'changed');
      },
    });
    expect(copied.fingerprint).not.toBe(fingerprint);
    expect(copied.fingerprint).toBe((await checkout(root)).fingerprint);
  });
});

describe('the fingerprint of sources', () => {
  test('tells changed sources from equal ones, with git and without', async () => {
    for (const prepare of [
      () => undefined,
      (root: string) => void makeRepository(root, 'v1.28.0'),
    ]) {
      const root = await tempProject(TREE);
      prepare(root);
      const first = await checkout(root);
      expect((await checkout(root)).fingerprint).toBe(first.fingerprint);
      // Bytes that are no UTF-8: read as text, the two would be the same.
      await writeFile(join(root, 'py/gc.c'), Buffer.from([0xe9, 0x0a]));
      const second = await checkout(root);
      await writeFile(join(root, 'py/gc.c'), Buffer.from([0xe8, 0x0a]));
      const third = await checkout(root);
      expect(new Set([first, second, third].map(({ fingerprint }) => fingerprint)).size).toBe(3);
    }
  });

  test('comes with what git says of the commit', async () => {
    const root = await tempProject({ ...TREE, '.gitignore': 'build*\nout\n__pycache__\n' });
    const commit = makeRepository(root, 'v1.28.0');
    expect(await checkout(root)).toMatchObject({ commit, described: 'v1.28.0', dirty: false });
    git(root, 'commit', '--quiet', '--allow-empty', '-m', 'more');
    expect((await checkout(root)).described).toMatch(/^v1\.28\.0-1-g[0-9a-f]+$/);
    await writeFile(join(root, 'py/new.c'), '');
    expect(await checkout(root)).toMatchObject({ dirty: true });
    expect((await checkout(root)).described).toMatch(/-dirty$/);
  });
});

describe('what git does not show', () => {
  const CHANGED = 'another text\n';

  test('is a change of the sources all the same: a repository within the tree', async () => {
    const root = await tempProject({ ...TREE, 'lib/own/x.c': '1\n' });
    makeRepository(join(root, 'lib/own'), 'v1');
    makeRepository(root, 'v1.28.0');
    const first = await checkout(root);
    await writeFile(join(root, 'lib/own/x.c'), CHANGED);
    expect((await checkout(root)).fingerprint).not.toBe(first.fingerprint);
  });

  test.each(['--assume-unchanged', '--skip-worktree'])(
    'is a change of the sources all the same: %s',
    async (flag) => {
      const root = await tempProject(TREE);
      makeRepository(root, 'v1.28.0');
      git(root, 'update-index', flag, 'py/gc.c');
      const first = await checkout(root);
      expect(first.dirty).toBe(false);
      await writeFile(join(root, 'py/gc.c'), CHANGED);
      const second = await checkout(root);
      expect(second.dirty).toBe(true);
      expect(second.fingerprint).not.toBe(first.fingerprint);
    },
  );

  test('is a change of the sources all the same: a submodule that settings hide', async () => {
    const library = await tempProject({ 'README.md': '1\n' });
    makeRepository(library, 'v1');
    const root = await tempProject(TREE);
    makeRepository(root, 'v1.28.0');
    git(
      root,
      ...['-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add'],
      ...[library, 'lib/micropython-lib'],
    );
    git(root, 'commit', '--quiet', '-m', 'with a submodule');
    git(root, 'config', 'diff.ignoreSubmodules', 'all');
    expect((await checkout(root)).dirty).toBe(false);
    await writeFile(join(root, 'lib/micropython-lib/README.md'), CHANGED);
    expect((await checkout(root)).dirty).toBe(true);
  });

  test('is what a link leads to: files count, and directories are said to be elsewhere', async () => {
    for (const prepare of [() => undefined, (root: string) => makeRepository(root, 'v1.28.0')]) {
      const outside = await tempProject({ 'folder/x.py': '1', 'file.py': '1' });
      const root = await tempProject(TREE);
      await symlink(join(outside, 'file.py'), join(root, 'py/file.py'));
      await symlink('gc.c', join(root, 'py/inside.c'));
      prepare(root);
      const first = await checkout(root);
      expect(await readsElsewhere(root)).toBe(false);
      await writeFile(join(outside, 'file.py'), CHANGED);
      expect((await checkout(root)).fingerprint).not.toBe(first.fingerprint);
      await symlink(join(outside, 'folder'), join(root, 'py/folder'));
      expect(await readsElsewhere(root)).toBe(true);
    }
  });
});

test('submodules are those that the port needs, and others', async () => {
  const modules = (...paths: string[]) =>
    paths.map((path) => `[submodule "x"]\n\tpath = ${path}\n\turl = y\n`).join('');
  const paths = ['lib/berkeley-db-1.xx', 'lib/tinyusb', 'lib/stm32lib'];
  const root = await tempProject({ '.gitmodules': modules(...paths) });
  expect(await readSubmodules(root)).toMatchObject({
    needed: [{ path: 'lib/berkeley-db-1.xx' }],
    others: ['lib/tinyusb', 'lib/stm32lib'],
  });
  const old = await tempProject({
    '.gitmodules': modules(...paths),
    'ports/esp32/esp32_common.cmake': 'set(X ${MICROPY_DIR}/lib/tinyusb)',
  });
  expect((await readSubmodules(old)).others).toEqual(['lib/stm32lib']);
});
