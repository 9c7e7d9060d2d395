import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { FormatError } from '../../../builder/errors/families.ts';
import { parseProjectDescription } from '../../../builder/esp-idf/project-description.ts';
import { makeBuildTree } from '../../support/build-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

const NAME = 'build/project_description.json';
const FILE = 'project_description.json';
const read = (value: unknown) => parseProjectDescription(Buffer.from(JSON.stringify(value)), NAME);

describe('project_description.json', () => {
  test('gives what a release can use, and nothing of the machine that built', () => {
    const bytes = makeBuildTree({ chip: esp32 }).get(FILE) ?? Buffer.alloc(0);
    expect(parseProjectDescription(bytes, NAME)).toEqual({
      projectName: 'micropython',
      projectVersion: '1.28.0',
      components: ['main', ''],
      target: 'esp32',
      elf: 'micropython.elf',
      idfVersion: 'v5.5.1',
    });
  });

  test('of ESP-IDF v5.0 has no version of the project', () => {
    const bytes = makeBuildTree({ chip: esp32, idf: 'v5.0' }).get(FILE) ?? Buffer.alloc(0);
    expect(parseProjectDescription(bytes, NAME)).not.toHaveProperty('projectVersion');
  });

  test.each([
    ['without a target', { project_name: 'x', app_elf: 'x.elf' }, 'target: missing'],
    ['with a number for a name', { project_name: 1, target: 'x', app_elf: 'x' }, 'project_name'],
    ['that is null', null, 'expected object'],
  ])('%s is refused', async (_, value, words) => {
    const error = await thrownBy(FormatError, () => read(value));
    expect(error.message).toContain(words);
    expect(error.where?.file).toBe(NAME);
  });
});
