import { crc32 } from 'node:zlib';
import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { ByteReader, isFilledWith } from './byte-reader.ts';

// Partition data/ota: two flash sectors of 4096 bytes, each with esp_ota_select_entry_t at its start and 0xFF behind
// (ESP-IDF components/bootloader_support/include/esp_flash_partitions.h):
//   0 u32   ota_seq, 0xFFFFFFFF in an empty sector
//   4 u8*20 seq_label, unused, 0xFF
//  24 u32   ota_state
//  28 u32   crc, of ota_seq only

/** Size in bytes of the otadata partition. */
export const OTADATA_SIZE = 0x2000;

const SECTOR_SIZE = 0x1000;
const ENTRY_SIZE = 32;
const NO_SEQUENCE = 0xffffffff;

/** esp_ota_img_states_t */
const OTA_STATES = {
  NEW: 0,
  PENDING_VERIFY: 1,
  VALID: 2,
  INVALID: 3,
  ABORTED: 4,
  UNDEFINED: 0xffffffff,
} as const;

export type OtaState = keyof typeof OTA_STATES;

export type OtadataSector = {
  readonly sequence: number;
  /** `UNKNOWN`: not a state that ESP-IDF defines; the bootloader boots such an entry all the same. */
  readonly state: OtaState | 'UNKNOWN';
  readonly stateCode: number;
  /** The 20 bytes of seq_label. */
  readonly label: Buffer;
  readonly crc: number;
  readonly crcValid: boolean;
  /** The sequence is that of erased flash. */
  readonly empty: boolean;
  /** Everything behind the entry is 0xFF. */
  readonly tailClean: boolean;
};

export type Otadata = { readonly sectors: readonly [OtadataSector, OtadataSector] };

/** What a host may write: the bootloader alone sets PENDING_VERIFY. */
export type OtadataEntry = {
  /** 1 to 0xfffffffe. */
  readonly sequence: number;
  readonly state: Exclude<OtaState, 'PENDING_VERIFY'>;
};

/** Whether the bootloader would take an entry, and if not, the first reason. */
export type SectorVerdict = 'usable' | 'empty' | 'marked-invalid' | 'marked-aborted' | 'bad-crc';

/**
 * What the bootloader makes of otadata. `slot` counts OTA slots from 0; `verdicts` says of each sector what it is worth;
 * `why` is a sentence for people.
 */
export type OtadataSelection =
  | {
      readonly kind: 'active';
      readonly sector: 0 | 1;
      readonly slot: number;
      readonly verdicts: readonly [SectorVerdict, SectorVerdict];
      readonly why: string;
    }
  | {
      readonly kind: 'none';
      readonly slot?: undefined;
      readonly verdicts: readonly [SectorVerdict, SectorVerdict];
      readonly why: string;
    };

const REASONS: Readonly<Record<SectorVerdict, string>> = {
  usable: 'usable',
  empty: 'empty',
  'marked-invalid': 'marked INVALID',
  'marked-aborted': 'marked ABORTED',
  'bad-crc': 'damaged (its CRC does not match)',
};

/**
 * The CRC that an entry stores for its sequence. Throws FormatError (BAD_VALUE) when `sequence` is not a u32.
 * Source: ESP-IDF bootloader_common_loader.c, `bootloader_common_ota_select_crc`.
 */
export function otadataCrc(sequence: number): number {
  return crc32(u32Bytes(sequence, 'the sequence'), 0xffffffff);
}

/**
 * Reads an otadata partition of exactly 8192 bytes; whatever it holds has a reading. Throws FormatError when it is
 * shorter or longer. Source: ESP-IDF esp_flash_partitions.h, `esp_ota_select_entry_t`.
 */
export function parseOtadata(bytes: Uint8Array): Otadata {
  const reader = new ByteReader(bytes, 'otadata');
  reader.slice(0, OTADATA_SIZE);
  if (reader.length > OTADATA_SIZE) {
    throw new FormatError(
      'TRAILING_DATA',
      `otadata has ${hex(reader.length)} bytes; ${hex(OTADATA_SIZE)} were expected`,
      { where: { offset: OTADATA_SIZE } },
    );
  }
  return { sectors: [parseSector(reader, 0), parseSector(reader, SECTOR_SIZE)] };
}

/**
 * The entry, and with it the slot of `slotCount`, that a bootloader without anti-rollback selects from otadata as it
 * stands. Of two usable entries the higher sequence counts, of two equal ones sector 0. A bootloader with rollback
 * first turns PENDING_VERIFY into ABORTED at a reset; that step is not part of this. `none`: the bootloader falls back
 * to factory, or without it to the first slot that boots. Total.
 * Source: ESP-IDF bootloader_common_loader.c, `bootloader_common_get_active_otadata`, and bootloader_utility.c.
 */
export function selectOtadata(otadata: Otadata, slotCount: number): OtadataSelection {
  const [first, second] = otadata.sectors;
  const verdicts = [judgeSector(first), judgeSector(second)] as const;
  if (slotCount < 1) return { kind: 'none', verdicts, why: 'the layout has no OTA slot' };
  const usable = ([0, 1] as const).filter((index) => verdicts[index] === 'usable');
  const [lowest] = usable;
  if (lowest === undefined) {
    const reasons = `sector 0 is ${REASONS[verdicts[0]]}, sector 1 is ${REASONS[verdicts[1]]}`;
    return { kind: 'none', verdicts, why: `neither sector can be used: ${reasons}` };
  }
  const both = usable.length === 2;
  const sector = both && second.sequence > first.sequence ? 1 : lowest;
  const other = sector === 0 ? 1 : 0;
  const why = both
    ? compare(otadata, sector)
    : `sector ${sector} is the only one that can be used: sector ${other} is ${REASONS[verdicts[other]]}`;
  // Unsigned as on the chip: sequence 0 wraps around.
  const slot = ((otadata.sectors[sector].sequence - 1) >>> 0) % slotCount;
  return { kind: 'active', sector, slot, verdicts, why };
}

/**
 * Writes an otadata partition: 8192 bytes, 0xFF where nothing is given. Throws FormatError (BAD_VALUE) for an entry that
 * must not be written, and for two entries with the same sequence, of which the device would ignore the second.
 * Source: ESP-IDF esp_ota_ops.c, `esp_rewrite_ota_data`.
 */
export function encodeOtadata(
  sectors: readonly [OtadataEntry | undefined, OtadataEntry | undefined],
): Buffer {
  const [first, second] = sectors;
  if (first !== undefined && first.sequence === second?.sequence) {
    throw new FormatError(
      'BAD_VALUE',
      `both otadata sectors have sequence ${first.sequence}; different sequences were expected`,
      { hint: 'Give the entry that is to be active the higher sequence.' },
    );
  }
  const bytes = createInitialOtadata();
  if (first !== undefined) encodeOtadataEntry(first).copy(bytes, 0);
  if (second !== undefined) encodeOtadataEntry(second).copy(bytes, SECTOR_SIZE);
  return bytes;
}

/** Erased otadata, with which a device boots factory, or ota_0 without it: 8192 bytes of 0xFF (`ota_data_initial.bin`). */
export function createInitialOtadata(): Buffer {
  return Buffer.alloc(OTADATA_SIZE, 0xff);
}

/**
 * Writes one entry: 32 bytes. Throws FormatError (BAD_VALUE) for sequence 0, which no device writes and which selects a
 * slot by underflow, for the sequence of an empty sector, and for PENDING_VERIFY, which a bootloader with rollback turns
 * into ABORTED at the next boot. Source: ESP-IDF bootloader_utility.c and bootloader_common_loader.c.
 */
export function encodeOtadataEntry({ sequence, state }: OtadataEntry): Buffer {
  if (!Number.isInteger(sequence) || sequence < 1 || sequence >= NO_SEQUENCE) {
    throw new FormatError(
      'BAD_VALUE',
      `otadata sequence ${sequence} must not be written; 1 to 0xfffffffe was expected`,
    );
  }
  // Callers without types exist: a state can come from the command line.
  if ((state as OtaState) === 'PENDING_VERIFY' || !Object.hasOwn(OTA_STATES, state)) {
    throw new FormatError(
      'BAD_VALUE',
      `otadata state ${state} must not be written; NEW, VALID, INVALID, ABORTED or UNDEFINED was expected`,
      { hint: 'For a slot on trial write NEW: the bootloader makes it PENDING_VERIFY itself.' },
    );
  }
  const entry = Buffer.alloc(ENTRY_SIZE, 0xff);
  entry.writeUInt32LE(sequence, 0);
  entry.writeUInt32LE(OTA_STATES[state], 24);
  entry.writeUInt32LE(otadataCrc(sequence), 28);
  return entry;
}

/**
 * The smallest sequence above `current` that selects `slot` of `slotCount`; `current` is 0 where no entry is active.
 * Throws FormatError (BAD_VALUE) for a slot that does not exist, and when sequences are used up.
 * Source: ESP-IDF esp_ota_ops.c, `esp_rewrite_ota_data`.
 */
export function nextSequence(current: number, slot: number, slotCount: number): number {
  if (!Number.isInteger(slot) || slot < 0 || !(slot < slotCount)) {
    throw new FormatError(
      'BAD_VALUE',
      `there is no OTA slot ${slot}; the layout has ${slotCount}, counted from 0`,
    );
  }
  u32Bytes(current, 'the current sequence');
  const step = (slot + 1 - (current % slotCount) + slotCount) % slotCount;
  const next = current + (step === 0 ? slotCount : step);
  if (next < NO_SEQUENCE) return next;
  throw new FormatError(
    'BAD_VALUE',
    `no otadata sequence is left above ${hex(current)} for slot ${slot}; 0xfffffffe is the last`,
    { hint: 'Write initial otadata, and count from there.' },
  );
}

function parseSector(reader: ByteReader, start: number): OtadataSector {
  const sequence = reader.u32(start);
  const stateCode = reader.u32(start + 24);
  const crc = reader.u32(start + 28);
  return {
    sequence,
    state: stateOf(stateCode),
    stateCode,
    label: Buffer.from(reader.slice(start + 4, 20)),
    crc,
    crcValid: crc === otadataCrc(sequence),
    empty: sequence === NO_SEQUENCE,
    tailClean: isFilledWith(reader.slice(start + ENTRY_SIZE, SECTOR_SIZE - ENTRY_SIZE), 0xff),
  };
}

function stateOf(code: number): OtaState | 'UNKNOWN' {
  const names = Object.keys(OTA_STATES) as OtaState[];
  return names.find((name) => OTA_STATES[name] === code) ?? 'UNKNOWN';
}

function judgeSector(sector: OtadataSector): SectorVerdict {
  if (sector.empty) return 'empty';
  if (sector.state === 'INVALID') return 'marked-invalid';
  if (sector.state === 'ABORTED') return 'marked-aborted';
  return sector.crcValid ? 'usable' : 'bad-crc';
}

function compare({ sectors: [first, second] }: Otadata, sector: 0 | 1): string {
  if (first.sequence === second.sequence) {
    return `both sectors have sequence ${first.sequence}, and then sector 0 counts`;
  }
  const [higher, lower] = sector === 0 ? [first, second] : [second, first];
  return `sector ${sector} has the higher sequence, ${higher.sequence} against ${lower.sequence}`;
}

function u32Bytes(value: number, what: string): Buffer {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new FormatError(
      'BAD_VALUE',
      `${what} of otadata is ${value}; an integer from 0 to 0xffffffff was expected`,
    );
  }
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
