import { describe, expect, test } from 'vitest';
import { createInitialOtadata, encodeOtadata } from '../../../builder/format/otadata.ts';
import { makeTrialOtadata } from '../../../builder/partition/trial-otadata.ts';
import { checkOtadata, checkReleaseOtadata } from '../../../builder/verify/otadata.ts';

const file = 'otadata.bin';
const SECTOR = 0x1000;

const initial = (bytes: Buffer) =>
  checkReleaseOtadata(bytes, { file, isDrill: false, slotCount: 2 });
const trial = (bytes: Buffer) => checkReleaseOtadata(bytes, { file, isDrill: true, slotCount: 2 });

const check = (bytes: Buffer, slotCount = 2) => checkOtadata(bytes, { file, slotCount });

/** Entries in both sectors, with an edit. */
function changed(edit: (bytes: Buffer) => void): Buffer {
  const bytes = encodeOtadata([
    { sequence: 1, state: 'VALID' },
    { sequence: 2, state: 'NEW' },
  ]);
  edit(bytes);
  return bytes;
}

describe('OTA data', () => {
  test('that is erased, or has entries as a device writes them, has no findings', () => {
    expect(check(createInitialOtadata())).toEqual([]);
    expect(check(changed(() => undefined))).toEqual([]);
  });

  test.each([
    { what: 'a CRC that does not match', at: 28, value: 0x12345678, message: /CRC does not match/ },
    {
      what: 'the state PENDING_VERIFY',
      at: 24,
      value: 1,
      message: /PENDING_VERIFY would be aborted/,
    },
    { what: 'a state that does not exist', at: 24, value: 77, message: /state 77 does not exist/ },
    { what: 'data behind the entry', at: 100, value: 0, message: /data behind the entry/ },
  ])('with $what in the second sector is refused there', ({ at, value, message }) => {
    const bytes = changed((data) => data.writeUInt32LE(value, SECTOR + at));
    expect(check(bytes)).toEqual([
      {
        severity: 'error',
        code: 'OTADATA_INVALID',
        message: expect.stringMatching(message) as string,
        file,
        offset: SECTOR,
      },
    ]);
  });

  test('with sequence 0 selects a slot by accident', () => {
    const bytes = changed((data) => data.writeUInt32LE(0, 0));
    expect(check(bytes)).toContainEqual(
      expect.objectContaining({
        code: 'OTADATA_INVALID',
        message: expect.stringMatching(/sector 0: sequence 0/) as string,
        offset: 0,
      }),
    );
  });

  test('of another size is refused', () => {
    expect(check(Buffer.alloc(SECTOR, 0xff))).toMatchObject([
      { severity: 'error', code: 'OTADATA_INVALID', file },
    ]);
  });

  test('that selects a slot of a table without slots is worth a look', () => {
    expect(
      check(
        changed(() => undefined),
        0,
      ),
    ).toMatchObject([
      { severity: 'warning', code: 'OTADATA_INVALID', offset: 0 },
      { severity: 'warning', code: 'OTADATA_INVALID', offset: SECTOR },
    ]);
  });
});

describe('OTA data of a new device', () => {
  test('is erased', () => {
    expect(initial(createInitialOtadata())).toEqual([]);
  });

  test('with an entry is refused at its first byte, and so is another size', () => {
    expect(initial(encodeOtadata([undefined, { sequence: 2, state: 'NEW' }]))).toMatchObject([
      {
        severity: 'error',
        code: 'OTADATA_INVALID',
        message: expect.stringMatching(/not the OTA data of a new device: 8192 bytes/) as string,
        file,
        offset: SECTOR,
      },
    ]);
    expect(initial(Buffer.alloc(100, 0xff))).toMatchObject([{ code: 'OTADATA_INVALID', file }]);
  });
});

describe('the OTA data of a drill', () => {
  test('starts a trial of the second slot', () => {
    expect(trial(makeTrialOtadata({ from: 0, to: 1, slotCount: 2 }))).toEqual([]);
  });

  test.each([
    ['erased', createInitialOtadata()],
    ['a trial of the first slot', makeTrialOtadata({ from: 1, to: 0, slotCount: 2 })],
    [
      'no trial',
      encodeOtadata([
        { sequence: 1, state: 'VALID' },
        { sequence: 2, state: 'VALID' },
      ]),
    ],
    ['nothing to come back to', encodeOtadata([undefined, { sequence: 2, state: 'NEW' }])],
  ])('is refused when it is %s', (_, bytes) => {
    expect(trial(bytes)).toMatchObject([{ severity: 'error', code: 'OTADATA_INVALID', file }]);
  });
});
