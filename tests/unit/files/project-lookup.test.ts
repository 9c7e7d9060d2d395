import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findInProject, listInProject } from '../../../builder/files/project-lookup.ts';
import { tempProject } from '../../support/temp-directory.ts';

describe('what is looked up', () => {
  test('comes from the project before it comes from the package', async () => {
    const root = await tempProject({ 'profiles/ESP32_GENERIC.yaml': '' });
    expect(await findInProject(root, 'profiles', 'ESP32_GENERIC.yaml')).toEqual({
      path: join(root, 'profiles/ESP32_GENERIC.yaml'),
      from: 'project',
    });
    expect(await findInProject(root, 'profiles', 'ESP32_GENERIC_S3.yaml')).toMatchObject({
      from: 'package',
    });
  });

  test('is not there where neither has it', async () => {
    expect(await findInProject(await tempProject(), 'profiles', 'NONE.yaml')).toBeUndefined();
  });

  test('is a file, not a directory of that name', async () => {
    const root = await tempProject();
    await mkdir(join(root, 'profiles/ESP32_GENERIC.yaml'), { recursive: true });
    expect(await findInProject(root, 'profiles', 'ESP32_GENERIC.yaml')).toMatchObject({
      from: 'package',
    });
  });

  test('is listed once each, sorted, from both', async () => {
    const root = await tempProject({
      'profiles/ESP32_GENERIC.yaml': '',
      'profiles/MINE.yaml': '',
      'profiles/notes.txt': '',
    });
    const names = await listInProject(root, 'profiles', '.yaml');
    expect(names).toContain('MINE');
    expect(names).toContain('ESP32_GENERIC_C3');
    expect(names).not.toContain('notes');
    expect(names).toEqual([...new Set(names)].sort());
  });
});
