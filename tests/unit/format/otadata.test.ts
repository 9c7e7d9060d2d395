import { describe, expect, test } from 'vitest';
import {
  createInitialOtadata,
  encodeOtadata,
  encodeOtadataEntry,
  nextSequence,
  OTADATA_SIZE,
  otadataCrc,
  parseOtadata,
  selectOtadata,
  type OtadataEntry,
  type OtaState,
} from '../../../builder/format/otadata.ts';
import { formatErrorOf } from '../../support/format-error.ts';

type RawSector = { sequence: number; state: number; crc?: number } | undefined;

/** An otadata partition with raw words in it, also such as the encoder refuses. */
function rawOtadata(sectors: readonly RawSector[]): Buffer {
  const bytes = Buffer.alloc(0x2000, 0xff);
  for (const [index, sector] of sectors.entries()) {
    if (sector === undefined) continue;
    bytes.writeUInt32LE(sector.sequence, index * 0x1000);
    bytes.writeUInt32LE(sector.state, index * 0x1000 + 24);
    bytes.writeUInt32LE(sector.crc ?? otadataCrc(sector.sequence), index * 0x1000 + 28);
  }
  return bytes;
}

describe('the CRC of a sequence', () => {
  test.each([
    [1, 0x4743989a],
    [2, 0x55f63774],
    [3, 0xed4a5011],
    [4, 0x709d68a8],
  ])('of %d is %d', (sequence, crc) => {
    expect(otadataCrc(sequence)).toBe(crc);
  });

  test.each([-1, 1.5, 2 ** 32, Number.NaN])('does not exist for %d', (sequence) => {
    expect(formatErrorOf(() => otadataCrc(sequence)).code).toBe('BAD_VALUE');
  });
});

describe('an entry', () => {
  test.each<[OtadataEntry, string]>([
    [{ sequence: 1, state: 'UNDEFINED' }, `01000000${'ff'.repeat(20)}ffffffff9a984347`],
    [{ sequence: 1, state: 'VALID' }, `01000000${'ff'.repeat(20)}020000009a984347`],
    [{ sequence: 2, state: 'NEW' }, `02000000${'ff'.repeat(20)}000000007437f655`],
    [{ sequence: 2, state: 'VALID' }, `02000000${'ff'.repeat(20)}020000007437f655`],
    [{ sequence: 3, state: 'NEW' }, `03000000${'ff'.repeat(20)}0000000011504aed`],
    [{ sequence: 3, state: 'INVALID' }, `03000000${'ff'.repeat(20)}0300000011504aed`],
    [{ sequence: 3, state: 'ABORTED' }, `03000000${'ff'.repeat(20)}0400000011504aed`],
  ])('%o has known bytes', (entry, expected) => {
    expect(encodeOtadataEntry(entry).toString('hex')).toBe(expected);
  });

  test.each([0, -1, 1.5, 0xffffffff, 2 ** 32, Number.NaN])(
    'is not written with sequence %d',
    (sequence) => {
      const error = formatErrorOf(() => encodeOtadataEntry({ sequence, state: 'VALID' }));
      expect(error.code).toBe('BAD_VALUE');
      expect(error.message).toContain(`otadata sequence ${sequence} must not be written`);
    },
  );

  test.each(['PENDING_VERIFY', 'UNKNOWN', 'valid', 'toString'])('is not written as %s', (state) => {
    const entry = { sequence: 1, state } as unknown as OtadataEntry;
    const error = formatErrorOf(() => encodeOtadataEntry(entry));
    expect(error.code).toBe('BAD_VALUE');
    expect(error.message).toContain(`otadata state ${state} must not be written`);
  });
});

describe('an otadata partition', () => {
  test('is 8 KiB of 0xFF at first', () => {
    expect(OTADATA_SIZE).toBe(0x2000);
    expect(createInitialOtadata().equals(Buffer.alloc(8192, 0xff))).toBe(true);
    expect(encodeOtadata([undefined, undefined]).equals(Buffer.alloc(8192, 0xff))).toBe(true);
  });

  test('has its entries at the start of two sectors, and 0xFF elsewhere', () => {
    const bytes = encodeOtadata([
      { sequence: 1, state: 'VALID' },
      { sequence: 2, state: 'NEW' },
    ]);
    const expected = rawOtadata([
      { sequence: 1, state: 2, crc: 0x4743989a },
      { sequence: 2, state: 0, crc: 0x55f63774 },
    ]);
    expect(bytes.equals(expected)).toBe(true);
  });

  test('may have an entry in the second sector only', () => {
    const { sectors } = parseOtadata(encodeOtadata([undefined, { sequence: 2, state: 'NEW' }]));
    expect(sectors[0]).toMatchObject({ empty: true, state: 'UNDEFINED', tailClean: true });
    expect(sectors[1]).toEqual({
      sequence: 2,
      state: 'NEW',
      stateCode: 0,
      label: Buffer.alloc(20, 0xff),
      crc: 0x55f63774,
      crcValid: true,
      empty: false,
      tailClean: true,
    });
  });

  test('is not written with the same sequence twice', () => {
    const entry = { sequence: 5, state: 'VALID' } as const;
    const error = formatErrorOf(() => encodeOtadata([entry, entry]));
    expect(error.code).toBe('BAD_VALUE');
    expect(error.message).toContain('both otadata sectors have sequence 5');
  });

  test('is read whatever it holds', () => {
    const bytes = rawOtadata([{ sequence: 7, state: 9, crc: 1 }, undefined]);
    bytes.writeUInt8(0x41, 4);
    bytes.writeUInt8(0, 0x1fff);
    const [first, second] = parseOtadata(bytes).sectors;
    expect(first).toMatchObject({
      sequence: 7,
      state: 'UNKNOWN',
      stateCode: 9,
      crc: 1,
      crcValid: false,
      tailClean: true,
    });
    expect(first.label[0]).toBe(0x41);
    expect(second).toMatchObject({ empty: true, crcValid: false, tailClean: false });
  });

  test.each([0, 1, 2, 3, 4, 0xffffffff])('names state %d', (code) => {
    const names: Readonly<Record<number, OtaState>> = {
      0: 'NEW',
      1: 'PENDING_VERIFY',
      2: 'VALID',
      3: 'INVALID',
      4: 'ABORTED',
      0xffffffff: 'UNDEFINED',
    };
    const { sectors } = parseOtadata(rawOtadata([{ sequence: 1, state: code }]));
    expect(sectors[0].state).toBe(names[code]);
  });

  test.each([
    [0x1fff, 'TRUNCATED'],
    [0, 'TRUNCATED'],
    [0x2001, 'TRAILING_DATA'],
  ])('is not read from %d bytes', (length, code) => {
    expect(formatErrorOf(() => parseOtadata(Buffer.alloc(length, 0xff))).code).toBe(code);
  });
});

describe('the bootloader selects', () => {
  const valid = (sequence: number) => ({ sequence, state: 2 });

  test.for<[string, readonly RawSector[], number, 0 | 1, number, string]>([
    ['the only entry', [valid(1), undefined], 2, 0, 0, 'sector 1 is empty'],
    ['the higher sequence', [valid(1), { sequence: 2, state: 0 }], 2, 1, 1, '2 against 1'],
    ['the higher sequence in sector 0', [valid(3), valid(2)], 2, 0, 0, '3 against 2'],
    ['by unsigned comparison', [valid(1), valid(0xfffffffe)], 2, 1, 1, 'sector 1 has the higher'],
    ['sector 0 of equal ones', [valid(4), valid(4)], 3, 0, 0, 'both sectors have sequence 4'],
    ['past an INVALID one', [valid(1), { sequence: 2, state: 3 }], 2, 0, 0, 'marked INVALID'],
    ['past an ABORTED one', [{ sequence: 9, state: 4 }, valid(2)], 2, 1, 1, 'marked ABORTED'],
    ['past a damaged one', [valid(1), { sequence: 2, state: 2, crc: 0 }], 2, 0, 0, 'CRC does not'],
    ['PENDING_VERIFY as it stands', [valid(1), { sequence: 2, state: 1 }], 2, 1, 1, 'higher'],
    ['an unknown state', [valid(1), { sequence: 2, state: 77 }], 2, 1, 1, 'higher'],
    ['UNDEFINED', [{ sequence: 1, state: 0xffffffff }, undefined], 2, 0, 0, 'only one'],
    ['a slot modulo their number', [valid(8), undefined], 3, 0, 1, 'only one'],
    ['the last slot for sequence 0', [valid(0), undefined], 16, 0, 15, 'only one'],
    ['by 32-bit underflow for sequence 0', [valid(0), undefined], 7, 0, 3, 'only one'],
  ])('%s', ([, sectors, slotCount, sector, slot, words]) => {
    const selection = selectOtadata(parseOtadata(rawOtadata(sectors)), slotCount);
    expect(selection).toMatchObject({ kind: 'active', sector, slot });
    expect(selection.why).toContain(words);
  });

  test.each([
    ['erased otadata', [undefined, undefined], ['empty', 'empty'], 'sector 0 is empty'],
    [
      'two entries that failed',
      [
        { sequence: 1, state: 3 },
        { sequence: 2, state: 4 },
      ],
      ['marked-invalid', 'marked-aborted'],
      'sector 0 is marked INVALID, sector 1 is marked ABORTED',
    ],
    [
      'a damaged entry',
      [{ sequence: 1, state: 2, crc: 5 }, undefined],
      ['bad-crc', 'empty'],
      'damaged',
    ],
  ])('nothing from %s', (_, sectors, verdicts, words) => {
    const selection = selectOtadata(parseOtadata(rawOtadata(sectors)), 2);
    expect(selection.kind).toBe('none');
    expect(selection.slot).toBeUndefined();
    expect(selection.verdicts).toEqual(verdicts);
    expect(selection.why).toContain(words);
  });

  test('nothing where the layout has no OTA slot', () => {
    const selection = selectOtadata(parseOtadata(rawOtadata([valid(1)])), 0);
    expect(selection).toEqual({
      kind: 'none',
      verdicts: ['usable', 'empty'],
      why: 'the layout has no OTA slot',
    });
  });
});

describe('the next sequence', () => {
  test.for<[string, number, number, number, number]>([
    ['with nothing active, slot 0 of 2', 0, 0, 2, 1],
    ['with nothing active, slot 3 of 4', 0, 3, 4, 4],
    ['from slot 0 to slot 1 of 2', 1, 1, 2, 2],
    ['from slot 1 to slot 0 of 2', 2, 0, 2, 3],
    ['to the slot that is active already', 5, 0, 2, 7],
    ['backwards among 4 slots', 7, 0, 4, 9],
    ['with a single slot', 3, 0, 1, 4],
    ['up to the last one there is', 0xfffffffd, 1, 2, 0xfffffffe],
  ])('%s', ([, current, slot, slotCount, expected]) => {
    expect(nextSequence(current, slot, slotCount)).toBe(expected);
  });

  test.for<[string, number, number, number, string]>([
    ['a slot beyond the last', 1, 2, 2, 'there is no OTA slot 2; the layout has 2'],
    ['a negative slot', 1, -1, 2, 'there is no OTA slot -1'],
    ['half a slot', 1, 0.5, 2, 'there is no OTA slot 0.5'],
    ['a layout without slots', 1, 0, 0, 'there is no OTA slot 0'],
    ['no number of slots', 1, 0, Number.NaN, 'there is no OTA slot 0'],
    ['a current sequence that is none', -1, 0, 2, 'the current sequence of otadata is -1'],
    ['the end of all sequences', 0xfffffffe, 0, 2, 'no otadata sequence is left'],
  ])('does not exist for %s', ([, current, slot, slotCount, words]) => {
    const error = formatErrorOf(() => nextSequence(current, slot, slotCount));
    expect(error.code).toBe('BAD_VALUE');
    expect(error.message).toContain(words);
  });
});
