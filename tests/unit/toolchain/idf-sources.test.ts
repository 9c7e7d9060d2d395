import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { identifySources } from '../../../builder/toolchain/idf-sources.ts';
import { git, makeRepository } from '../../support/git.ts';
import { tempProject } from '../../support/temp-directory.ts';

const IDF = { 'components/heap/heap.c': '1\n', 'tools/idf.py': '1\n', 'docs/index.rst': '1\n' };
const identityOf = async (directory: string) =>
  (await identifySources({ directory, timeoutMs: 60_000 })).identity;

describe("the identity of ESP-IDF's sources", () => {
  test.each([
    ['in git', (root: string) => void makeRepository(root, 'v5.5.1')],
    ['unpacked from an archive', () => undefined],
  ])('%s stays, and changes with a changed file and with a new component', async (_, prepare) => {
    const root = await tempProject(IDF);
    prepare(root);
    const first = await identityOf(root);
    expect(await identityOf(root)).toBe(first);
    await writeFile(join(root, 'components/heap/heap.c'), 'changed\n');
    const second = await identityOf(root);
    await writeFile(join(root, 'components/own.c'), '1\n');
    const third = await identityOf(root);
    expect(new Set([first, second, third]).size).toBe(3);
  });

  test('changes with the commit of a submodule, and is never the same with changes in one', async () => {
    const library = await tempProject({ 'lwip.c': '1\n' });
    makeRepository(library, 'v1');
    const root = await tempProject(IDF);
    makeRepository(root, 'v5.5.1');
    const place = 'components/lwip';
    git(
      root,
      ...['-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add'],
      ...[library, place],
    );
    git(root, 'commit', '--quiet', '-m', 'with a submodule');
    const first = await identityOf(root);
    expect(await identityOf(root)).toBe(first);
    git(join(root, place), 'commit', '--quiet', '--allow-empty', '-m', 'another');
    const second = await identityOf(root);
    expect(second).not.toBe(first);
    expect(await identityOf(root)).toBe(second);
    await writeFile(join(root, place, 'lwip.c'), 'changed\n');
    expect(await identityOf(root)).not.toBe(await identityOf(root));
  });
});
