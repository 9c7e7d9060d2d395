import { encodeOtadata, nextSequence } from '../format/otadata.ts';

export type Trial = {
  /** The slot that runs now, and runs again when the trial fails. */
  readonly from: number;
  /** The slot that boots on trial. */
  readonly to: number;
  readonly slotCount: number;
};

/**
 * OTA data (8192 bytes) that starts a trial: `from` is VALID, `to` is NEW and comes first. A bootloader with rollback
 * boots `to` once and, unless that app confirms itself, goes back to `from`. Throws FormatError for slots that do not
 * exist. Source: ESP-IDF, "Over The Air Updates", App Rollback; esp_ota_ops.c for the sequences.
 */
export function makeTrialOtadata({ from, to, slotCount }: Trial): Buffer {
  const running = nextSequence(0, from, slotCount);
  const trial = nextSequence(running, to, slotCount);
  return encodeOtadata([
    { sequence: running, state: 'VALID' },
    { sequence: trial, state: 'NEW' },
  ]);
}
