import { describe, expect, it } from 'vitest';
import { parseOtadata, selectOtadata } from '../../../builder/format/otadata.ts';
import { makeTrialOtadata } from '../../../builder/partition/trial-otadata.ts';

describe('makeTrialOtadata', () => {
  it.each([
    { from: 0, to: 1, slotCount: 2, sequences: [1, 2] },
    { from: 1, to: 0, slotCount: 2, sequences: [2, 3] },
    { from: 2, to: 0, slotCount: 3, sequences: [3, 4] },
    { from: 0, to: 2, slotCount: 3, sequences: [1, 3] },
  ])(
    'tries slot $to of $slotCount and falls back to slot $from',
    ({ from, to, slotCount, sequences }) => {
      const otadata = parseOtadata(makeTrialOtadata({ from, to, slotCount }));
      expect(otadata.sectors.map(({ sequence }) => sequence)).toEqual(sequences);
      expect(otadata.sectors.map(({ state }) => state)).toEqual(['VALID', 'NEW']);
      expect(selectOtadata(otadata, slotCount)).toMatchObject({
        kind: 'active',
        sector: 1,
        slot: to,
      });
      const [running] = otadata.sectors;
      expect((running.sequence - 1) % slotCount).toBe(from);
    },
  );

  it('refuses a slot that does not exist', () => {
    expect(() => makeTrialOtadata({ from: 0, to: 2, slotCount: 2 })).toThrow(/no OTA slot 2/);
  });
});
