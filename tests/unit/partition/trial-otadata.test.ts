import { describe, expect, test } from 'vitest';
import { parseOtadata, selectOtadata } from '../../../builder/format/otadata.ts';
import { makeTrialOtadata } from '../../../builder/partition/trial-otadata.ts';
import { formatErrorOf } from '../../support/format-error.ts';

describe('OTA data that starts a trial', () => {
  test.each([
    [0, 1, 2],
    [1, 0, 2],
    [0, 0, 2],
    [3, 1, 4],
    [0, 15, 16],
  ])('boots slot %d as good and then slot %d, of %d, on trial', (from, to, slotCount) => {
    const otadata = parseOtadata(makeTrialOtadata({ from, to, slotCount }));
    const [running, trial] = otadata.sectors;
    expect([running.state, trial.state]).toEqual(['VALID', 'NEW']);
    expect(trial.sequence).toBeGreaterThan(running.sequence);
    expect(selectOtadata(otadata, slotCount)).toMatchObject({
      kind: 'active',
      sector: 1,
      slot: to,
    });
    const failed = { sectors: [running, { ...trial, state: 'ABORTED' as const }] as const };
    expect(selectOtadata(failed, slotCount)).toMatchObject({ sector: 0, slot: from });
  });

  test.each([
    [0, 2],
    [1, 3],
  ])(
    'from factory leaves no other entry: slot %d of %d, and then factory again',
    (to, slotCount) => {
      const otadata = parseOtadata(makeTrialOtadata({ from: 'factory', to, slotCount }));
      const [trial, other] = otadata.sectors;
      expect([trial.state, other.empty]).toEqual(['NEW', true]);
      expect(selectOtadata(otadata, slotCount)).toMatchObject({
        kind: 'active',
        sector: 0,
        slot: to,
      });
      const failed = { sectors: [{ ...trial, state: 'ABORTED' as const }, other] as const };
      expect(selectOtadata(failed, slotCount)).toMatchObject({ kind: 'none' });
    },
  );

  test.each([
    [2, 0],
    [0, 2],
    [-1, 0],
    [0, 0.5],
  ])('is refused for slots that are not there: from %d to %d of 2', (from, to) => {
    formatErrorOf(() => makeTrialOtadata({ from, to, slotCount: 2 }));
  });
});
