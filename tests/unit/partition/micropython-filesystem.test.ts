import { describe, expect, test } from 'vitest';
import { filesystemWarning } from '../../../builder/partition/micropython-filesystem.ts';
import { OTA_TABLE } from '../../support/plans.ts';

const WITHOUT = OTA_TABLE.slice(0, -1);
const FLASH = 0x400000;
const END = 0x390000;

describe('MicroPython has a file system', () => {
  test.each(['vfs', 'ffat'])('where there is a partition %s, in any version', (name) => {
    const partitions = OTA_TABLE.map((row) => (row.name === 'vfs' ? { ...row, name } : row));
    for (const version of [undefined, 'v1.20.0', 'v1.26.0'])
      expect(filesystemWarning(partitions, version, FLASH)).toEqual([]);
  });

  test.each(['v1.26.0', 'v1.26.0-preview.3.gabc', 'v1.28.0', 'v2.0.0'])(
    'in %s without one, where flash is free behind the last partition',
    (version) => {
      expect(filesystemWarning(WITHOUT, version, FLASH)).toEqual([]);
    },
  );

  test('perhaps, where nobody knows the version and flash is free', () => {
    expect(filesystemWarning(WITHOUT, undefined, FLASH)).toEqual([]);
  });
});

describe('MicroPython has no file system, and that is warned of,', () => {
  test.each(['v1.9.4', 'v1.23.0', 'v1.25.0'])('in %s without a partition', (version) => {
    const [warning] = filesystemWarning(WITHOUT, version, FLASH);
    expect(warning?.code).toBe('NO_FILESYSTEM');
    expect(warning?.message).toContain(`MicroPython ${version} makes none by itself`);
  });

  test.each(['v1.26.0', undefined])('in %s where nothing of flash is free', (version) => {
    const [warning] = filesystemWarning(WITHOUT, version, END);
    expect(warning?.code).toBe('NO_FILESYSTEM');
    expect(warning?.message).toContain('nothing is free behind 0x390000');
  });
});
