import { expect, test } from 'vitest';
import { rollbackWarning } from '../../../builder/compile/rollback-warning.ts';

test('a bootloader from v1.21 on rolls back: there is nothing to warn of', () => {
  expect(rollbackWarning('v1.21.0')).toEqual([]);
  expect(rollbackWarning('v1.23.0')).toEqual([]);
});

test('one from before v1.21 does not, and the warning names the release', () => {
  expect(rollbackWarning('v1.20.0')).toEqual([
    {
      code: 'NO_ROLLBACK',
      message: expect.stringMatching(/^MicroPython v1\.20\.0 .* does not roll back/) as string,
    },
  ]);
});

test('one of which no version is known may or may not', () => {
  for (const version of [undefined, 'v1.21.0-preview']) {
    expect(rollbackWarning(version)).toMatchObject([{ code: 'ROLLBACK_UNKNOWN' }]);
  }
});
