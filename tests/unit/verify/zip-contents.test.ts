import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkZip } from '../../../builder/verify/zip-contents.ts';
import { zipOf } from '../../support/release.ts';
import { tempProject } from '../../support/temp-directory.ts';

const CONTENTS = new Map([
  ['a.txt', Buffer.from('first')],
  ['b.bin', Buffer.alloc(5000, 0x5a)],
]);
const file = 'release.zip';

/** What is found in a zip, which is the same in memory and on disk. */
async function check(zip: Buffer) {
  const found = await checkZip(zip, { file, contents: CONTENTS });
  const directory = await tempProject({ [file]: zip });
  expect(await checkZip(join(directory, file), { file, contents: CONTENTS })).toEqual(found);
  return found;
}

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

  test('with a file that only readers of a stream would see is refused', async () => {
    const zip = await zipOf(CONTENTS);
    const hidden = (await zipOf(new Map([['evil.sh', Buffer.from('rm')]]))).subarray(0, 39);
    expect(await check(beforeDirectory(zip, hidden))).toEqual([
      mismatch(/^holds another "evil\.sh" in front of its directory than in it/),
    ]);
  });

  test('with another version of a file that only readers of a stream would see is refused', async () => {
    const zip = await zipOf(CONTENTS);
    const hidden = (await zipOf(new Map([['a.txt', Buffer.from('other')]]))).subarray(0, 40);
    expect(await check(beforeDirectory(zip, hidden))).toEqual([
      mismatch(/^holds another "a\.txt" in front of its directory/),
    ]);
  });

  test('with bytes of no file in front of its directory is refused', async () => {
    const zip = await zipOf(CONTENTS);
    expect(await check(beforeDirectory(zip, Buffer.from('stray')))).toEqual([
      mismatch(/bytes in front of its directory that belong to no file/),
    ]);
  });

  test('whose two names of a file differ is refused', async () => {
    const zip = await zipOf(CONTENTS);
    zip.write('A', 30, 'latin1');
    expect(await check(zip)).toEqual([mismatch(/^holds another "A\.txt"/)]);
  });

  test('that is compressed, or leaves sizes for later, for readers of a stream only is refused', async () => {
    for (const [at, value] of [
      [6, 8],
      [8, 8],
      [18, 1],
    ] as const) {
      const zip = await zipOf(CONTENTS);
      zip.writeUInt16LE(value, at);
      expect(await check(zip)).toEqual([mismatch(/^holds "a\.txt" in another form than stored/)]);
    }
  });
});

/** A zip with bytes between its last file and its directory, which still finds everything. */
function beforeDirectory(zip: Buffer, bytes: Buffer): Buffer {
  const at = zip.readUInt32LE(zip.length - 6);
  const longer = Buffer.concat([zip.subarray(0, at), bytes, zip.subarray(at)]);
  longer.writeUInt32LE(at + bytes.length, longer.length - 6);
  return longer;
}
