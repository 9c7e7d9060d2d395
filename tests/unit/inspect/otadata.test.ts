import { describe, expect, test } from 'vitest';
import { createInitialOtadata, encodeOtadata } from '../../../builder/format/otadata.ts';
import { describeOtadata } from '../../../builder/inspect/otadata.ts';
import { formatErrorOf } from '../../support/format-error.ts';

const SECTOR = 0x1000;

describe('describeOtadata', () => {
  test('says of a new device that nothing is selected', () => {
    const report = describeOtadata(createInitialOtadata(), 2);
    expect(report.sectors).toMatchObject([
      { index: 0, sequence: null, slot: null, verdict: 'empty', tailErased: true },
      { index: 1, sequence: null, slot: null, verdict: 'empty', tailErased: true },
    ]);
    expect(report.withRollback).toEqual(report.withoutRollback);
    expect(report.withRollback).toMatchObject({ slot: null, sector: null });
    expect(report.withRollback.why).toMatch(/neither sector can be used/);
  });

  test('tells sequence, state, CRC and slot of each sector', () => {
    const bytes = encodeOtadata([
      { sequence: 1, state: 'VALID' },
      { sequence: 2, state: 'UNDEFINED' },
    ]);
    expect(describeOtadata(bytes, 2).sectors).toEqual([
      {
        index: 0,
        sequence: 1,
        state: 'VALID',
        stateCode: 2,
        crc: { stored: 0x4743989a, computed: 0x4743989a, valid: true },
        slot: 0,
        verdict: 'usable',
        label: 'ff'.repeat(20),
        tailErased: true,
      },
      {
        index: 1,
        sequence: 2,
        state: 'UNDEFINED',
        stateCode: 0xffffffff,
        crc: { stored: 0x55f63774, computed: 0x55f63774, valid: true },
        slot: 1,
        verdict: 'usable',
        label: 'ff'.repeat(20),
        tailErased: true,
      },
    ]);
  });

  test('selects the higher sequence, whatever bootloader there is', () => {
    const bytes = encodeOtadata([
      { sequence: 5, state: 'VALID' },
      { sequence: 4, state: 'VALID' },
    ]);
    const { withRollback, withoutRollback } = describeOtadata(bytes, 3);
    expect(withRollback).toMatchObject({ slot: 1, sector: 0 });
    expect(withRollback).toEqual(withoutRollback);
    expect(withRollback.why).toMatch(/higher sequence, 5 against 4/);
  });

  test('says that a new entry boots on trial where there is rollback', () => {
    const bytes = encodeOtadata([
      { sequence: 1, state: 'VALID' },
      { sequence: 2, state: 'NEW' },
    ]);
    const { withRollback, withoutRollback } = describeOtadata(bytes, 2);
    expect([withRollback.slot, withoutRollback.slot]).toEqual([1, 1]);
    expect(withRollback.why).toMatch(/boots on trial/);
    expect(withoutRollback.why).not.toMatch(/trial/);
  });

  test('gives an entry up that was on trial, where there is rollback', () => {
    const bytes = encodeOtadata([
      { sequence: 1, state: 'VALID' },
      { sequence: 2, state: 'NEW' },
    ]);
    bytes.writeUInt32LE(1, SECTOR + 24);
    const { sectors, withRollback, withoutRollback } = describeOtadata(bytes, 2);
    expect(sectors[1]).toMatchObject({ state: 'PENDING_VERIFY', verdict: 'usable' });
    expect(withRollback).toMatchObject({ slot: 0, sector: 0 });
    expect(withRollback.why).toMatch(/sector 1 was on trial and never confirmed.*ABORTED/);
    expect(withoutRollback).toMatchObject({ slot: 1, sector: 1 });
  });

  test('says what a damaged sector should have', () => {
    const bytes = encodeOtadata([{ sequence: 1, state: 'VALID' }, undefined]);
    bytes.writeUInt32LE(7, 28);
    bytes.writeUInt8(0, 100);
    expect(describeOtadata(bytes, 2).sectors[0]).toMatchObject({
      crc: { stored: 7, computed: 0x4743989a, valid: false },
      verdict: 'bad-crc',
      tailErased: false,
    });
  });

  test('wraps sequence 0 around as the chip does, and knows no slot of none', () => {
    const bytes = createInitialOtadata();
    bytes.writeUInt32LE(0, 0);
    expect(describeOtadata(bytes, 16).sectors[0]?.slot).toBe(15);
    expect(describeOtadata(bytes, 0).sectors[0]?.slot).toBeNull();
  });

  test('takes 8192 bytes only', () => {
    expect(formatErrorOf(() => describeOtadata(Buffer.alloc(100), 2)).code).toBe('TRUNCATED');
    expect(formatErrorOf(() => describeOtadata(Buffer.alloc(8193), 2)).code).toBe('TRAILING_DATA');
  });
});
