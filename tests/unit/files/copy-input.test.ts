import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { UsageError } from '../../../builder/errors/families.ts';
import { copyInput } from '../../../builder/files/copy-input.ts';
import { sha256, someBytes } from '../../support/images.ts';
import { tempProject } from '../../support/temp-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

test.each([0, 1, 1024 * 1024, 2_500_001])(
  'copies %d bytes and says what they were',
  async (size) => {
    const bytes = someBytes(size);
    const directory = await tempProject({ from: bytes });
    const copied = await copyInput(join(directory, 'from'), 'a file', join(directory, 'to'));
    expect(copied).toEqual({ size, sha256: sha256(bytes).toString('hex') });
    expect((await readFile(join(directory, 'to'))).equals(bytes)).toBe(true);
  },
);

test('refuses a file that is not there, and never replaces one', async () => {
  const directory = await tempProject({ from: 'x', to: 'kept' });
  const missing = () => copyInput(join(directory, 'none'), 'a file', join(directory, 'new'));
  expect((await thrownBy(UsageError, missing)).code).toBe('INPUT_MISSING');
  await expect(copyInput(join(directory, 'from'), 'x', join(directory, 'to'))).rejects.toThrow(
    'EEXIST',
  );
  expect(await readFile(join(directory, 'to'), 'utf8')).toBe('kept');
});
