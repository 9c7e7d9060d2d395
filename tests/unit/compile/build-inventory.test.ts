import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  INVENTORY,
  readInventory,
  writeInventory,
} from '../../../builder/compile/build-inventory.ts';
import { FormatError } from '../../../builder/errors/families.ts';
import { git, makeRepository } from '../../support/git.ts';
import { sha256 } from '../../support/images.ts';
import { tempProject } from '../../support/temp-directory.ts';

const COMMIT = 'cd'.repeat(20);
const LOCK = 'micropython/ports/esp32/lockfiles/dependencies.lock.esp32';

const lockFor = (target: string, version: string): string =>
  `dependencies:\n  espressif/mdns:\n    source: {type: service}\n    version: ${version}\ntarget: ${target}\n`;

const project = JSON.stringify({
  project_name: 'micropython',
  target: 'esp32',
  app_elf: 'micropython.elf',
  build_components: ['main', 'espressif__mdns'],
});

const BUILT = {
  'build/project_description.json': project,
  'build/frozen_mpy/b.mpy': 'b',
  'build/frozen_mpy/a/c.mpy': 'c',
  'build/frozen_mpy/a/c.py': 'not frozen',
};

async function inventoryOf(files: Readonly<Record<string, string>>) {
  const root = await tempProject(files);
  const directory = join(root, 'micropython');
  const build = join(root, 'build');
  const request = {
    build,
    tree: directory,
    original: { directory, submodules: { needed: [], others: [] } },
    idf: { commit: COMMIT, dirty: true },
    chip: 'esp32',
  };
  await writeInventory(request);
  return readInventory(build);
}

describe('what went into a build', () => {
  test('is ESP-IDF, the managed components that were built, and the frozen files', async () => {
    expect(await inventoryOf({ ...BUILT, [LOCK]: lockFor('esp32', '1.1.0') })).toEqual({
      schema: 1,
      idf: { commit: COMMIT, dirty: true },
      submodules: [],
      components: [{ name: 'espressif/mdns', version: '1.1.0' }],
      frozen: [
        { file: 'a/c.mpy', sha256: sha256(Buffer.from('c')).toString('hex') },
        { file: 'b.mpy', sha256: sha256(Buffer.from('b')).toString('hex') },
      ],
    });
  });

  test('has no components that were resolved but not built', async () => {
    const without = project.replace(',"espressif__mdns"', '');
    const files = { ...BUILT, [LOCK]: lockFor('esp32', '1.1.0') };
    const found = await inventoryOf({ ...files, 'build/project_description.json': without });
    expect(found.components).toEqual([]);
  });

  test('goes by the lock file of the chip', async () => {
    const port = 'micropython/ports/esp32/dependencies.lock';
    const found = await inventoryOf({
      ...BUILT,
      [LOCK]: lockFor('esp32s3', '1.0.0'),
      [port]: lockFor('esp32', '1.2.0'),
    });
    expect(found.components).toEqual([{ name: 'espressif/mdns', version: '1.2.0' }]);
    expect((await inventoryOf(BUILT)).components).toEqual([]);
  });

  test('names the submodules by what git and .gitmodules say, without passwords', async () => {
    const root = await tempProject({
      ...BUILT,
      'micropython/.gitmodules':
        '[submodule "x"]\n\tpath = lib/x\n\turl = https://github.com/a/x\n' +
        '[submodule "y"]\n\tpath = lib/y\n\turl = https://me:secret@example.com/y\n',
    });
    const directory = join(root, 'micropython');
    makeRepository(directory, 'v1.28.0');
    for (const name of ['x', 'y'])
      git(directory, 'update-index', '--add', '--cacheinfo', `160000,${COMMIT},lib/${name}`);
    git(directory, 'commit', '-qm', 'submodules');
    const needed = ['lib/y', 'lib/x'].map((path) => ({ path, proof: 'README' }));
    const build = join(root, 'build');
    await writeInventory({
      build,
      tree: directory,
      original: { directory, submodules: { needed, others: [] } },
      idf: undefined,
      chip: 'esp32',
    });
    expect((await readInventory(build)).submodules).toEqual([
      { path: 'lib/x', url: 'https://github.com/a/x', commit: COMMIT },
      { path: 'lib/y', commit: COMMIT },
    ]);
  });

  test.each(['', '{', '{"schema": 2}'])('is refused when it is damaged: %j', async (text) => {
    const directory = await tempProject({ [INVENTORY]: text });
    await expect(readInventory(directory)).rejects.toThrow(FormatError);
  });
});
