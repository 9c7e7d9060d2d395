import { encodeOtadata, nextSequence } from '../format/otadata.ts';

export type Trial = {
  /** The slot that runs now, and runs again when the trial fails; `factory` where no OTA slot has run yet. */
  readonly from: number | 'factory';
  /** The slot that boots on trial. */
  readonly to: number;
  readonly slotCount: number;
};

/**
 * The least common multiple of 1 to 16: a sequence that is larger by it means the same slot whatever the number of slots, so
 * that a trial of a lower slot is right for a table with more of them than was said.
 */
const EVERY_COUNT = 720_720;

/**
 * OTA data (8192 bytes) that starts a trial: `from` is VALID, `to` is NEW and comes first. A bootloader with rollback
 * boots `to` once and, unless that app confirms itself, goes back to `from`: to factory when no other entry is left, which
 * is why that one has none. Throws FormatError for slots that do not exist. Source: ESP-IDF, "Over The Air Updates", App Rollback; esp_ota_ops.c for the sequences.
 */
export function makeTrialOtadata({ from, to, slotCount }: Trial): Buffer {
  if (from === 'factory')
    return encodeOtadata([{ sequence: nextSequence(0, to, slotCount), state: 'NEW' }, undefined]);
  const running = nextSequence(0, from, slotCount);
  const trial = to > from ? nextSequence(running, to, slotCount) : to + 1 + EVERY_COUNT;
  return encodeOtadata([
    { sequence: running, state: 'VALID' },
    { sequence: trial, state: 'NEW' },
  ]);
}
