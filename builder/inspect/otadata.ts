import {
  otadataCrc,
  parseOtadata,
  selectOtadata,
  type Otadata,
  type OtadataSector,
  type SectorVerdict,
} from '../format/otadata.ts';

/** One of the two sectors of OTA data. */
export type OtadataSectorReport = {
  readonly index: number;
  /** null: erased. */
  readonly sequence: number | null;
  /** `NEW`, `VALID` … or `UNKNOWN`, whose number `stateCode` is. */
  readonly state: OtadataSector['state'];
  readonly stateCode: number;
  readonly crc: { readonly stored: number; readonly computed: number; readonly valid: boolean };
  /** The slot that the sequence selects; null where there is no sequence, or no slot. */
  readonly slot: number | null;
  readonly verdict: SectorVerdict;
  /** seq_label, which nothing reads, in hex. */
  readonly label: string;
  /** Everything behind the entry is 0xFF. */
  readonly tailErased: boolean;
};

/** What a bootloader does at the next reset; `slot` null: OTA data selects none. `why` is part of a sentence. */
export type OtadataChoice = {
  readonly slot: number | null;
  readonly sector: number | null;
  readonly why: string;
};

export type OtadataReport = {
  /** OTA slots that the layout has, or is assumed to have. */
  readonly slotCount: number;
  readonly sectors: readonly OtadataSectorReport[];
  /** With CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE, as MicroPython's bootloaders have it from v1.21 on. */
  readonly withRollback: OtadataChoice;
  readonly withoutRollback: OtadataChoice;
};

/**
 * Explains the 8192 bytes of OTA data. Throws FormatError for another size only.
 * Source: ESP-IDF bootloader_utility.c, `bootloader_utility_get_selected_boot_partition`.
 */
export function describeOtadata(bytes: Buffer, slotCount: number): OtadataReport {
  const otadata = parseOtadata(bytes);
  const { verdicts } = selectOtadata(otadata, slotCount);
  const describeAt = (index: 0 | 1): OtadataSectorReport =>
    describeSector(otadata.sectors[index], { index, slotCount, verdict: verdicts[index] });
  return {
    slotCount,
    sectors: [describeAt(0), describeAt(1)],
    withRollback: chooseWithRollback(otadata, slotCount),
    withoutRollback: choose(otadata, slotCount),
  };
}

function describeSector(
  { sequence, empty, state, stateCode, crc, crcValid, label, tailClean }: OtadataSector,
  place: { readonly index: number; readonly slotCount: number; readonly verdict: SectorVerdict },
): OtadataSectorReport {
  const { index, slotCount, verdict } = place;
  return {
    index,
    sequence: empty ? null : sequence,
    state,
    stateCode,
    crc: { stored: crc, computed: otadataCrc(sequence), valid: crcValid },
    // Unsigned as on the chip: sequence 0 wraps around.
    slot: empty || slotCount < 1 ? null : ((sequence - 1) >>> 0) % slotCount,
    verdict,
    label: label.toString('hex'),
    tailErased: tailClean,
  };
}

function choose(otadata: Otadata, slotCount: number): OtadataChoice {
  const selection = selectOtadata(otadata, slotCount);
  if (selection.kind === 'none') return { slot: null, sector: null, why: selection.why };
  return { slot: selection.slot, sector: selection.sector, why: selection.why };
}

/** An entry that was on trial and did not confirm itself is given up before anything is chosen. */
function chooseWithRollback({ sectors }: Otadata, slotCount: number): OtadataChoice {
  const givenUp = sectors.flatMap(({ state }, index) =>
    state === 'PENDING_VERIFY' ? [index] : [],
  );
  const [first, second] = sectors;
  const after: Otadata = { sectors: [giveUp(first), giveUp(second)] };
  const choice = choose(after, slotCount);
  const active = choice.sector === null ? undefined : sectors[choice.sector];
  const before = givenUp.map(
    (index) => `sector ${index} was on trial and never confirmed: it is marked ABORTED; then `,
  );
  const trial =
    active?.state === 'NEW'
      ? '; it is NEW and boots on trial: unless it confirms itself, the next reset goes back'
      : '';
  return { ...choice, why: `${before.join('')}${choice.why}${trial}` };
}

function giveUp(sector: OtadataSector): OtadataSector {
  return sector.state === 'PENDING_VERIFY' ? { ...sector, state: 'ABORTED' } : sector;
}
