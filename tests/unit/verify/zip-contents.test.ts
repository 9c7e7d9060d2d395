import { describe, expect, test } from 'vitest';
import { checkZip } from '../../../builder/verify/zip-contents.ts';
import { zipOf } from '../../support/release.ts';

const CONTENTS = new Map([
  ['a.txt', Buffer.from('first')],
  ['b.bin', Buffer.alloc(5000, 0x5a)],
]);
const file = 'release.zip';

const check = (zip: Buffer) => checkZip(zip, { file, contents: CONTENTS });
const mismatch = (message: RegExp) => ({
  severity: 'error',
  code: 'ZIP_MISMATCH',
  message: expect.stringMatching(message) as string,
  file,
});

describe('A zip', () => {
  test('of exactly these files has no findings', async () => {
    expect(await check(await zipOf(CONTENTS))).toEqual([]);
  });

  test('without one of them names it', async () => {
    const zip = await zipOf(new Map([...CONTENTS].slice(0, 1)));
    expect(await check(zip)).toEqual([mismatch(/^does not hold b\.bin$/)]);
  });

  test('with a file more names it', async () => {
    const zip = await zipOf(new Map([...CONTENTS, ['evil.sh', Buffer.from('rm')]]));
    expect(await check(zip)).toEqual([
      mismatch(/^holds "evil\.sh", which is not a file of this release/),
    ]);
  });

  test('with other contents of the same size names the file', async () => {
    const zip = await zipOf(new Map([...CONTENTS, ['b.bin', Buffer.alloc(5000, 0x5b)]]));
    expect(await check(zip)).toEqual([mismatch(/^holds a b\.bin that differs/)]);
  });

  test('with contents of another size says both sizes', async () => {
    const zip = await zipOf(new Map([...CONTENTS, ['b.bin', Buffer.alloc(4999, 0x5a)]]));
    expect(await check(zip)).toEqual([
      mismatch(/^holds b\.bin with 4999 bytes; the file has 5000/),
    ]);
  });

  test('that is none, or is cut off, cannot be read', async () => {
    expect(await check(Buffer.from('no zip at all'))).toContainEqual(
      mismatch(/cannot be read as a zip/),
    );
    const zip = await zipOf(CONTENTS);
    expect(await check(zip.subarray(0, zip.length - 10))).toContainEqual(
      mismatch(/cannot be read as a zip/),
    );
  });
});
