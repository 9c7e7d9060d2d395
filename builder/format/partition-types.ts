import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import type { Partition } from './partition-row.ts';

/** Partition types that ESP-IDF names (esp_partition.h, esp_partition_type_t); 0x40 to 0xFE are the application's. */
export const APP_TYPE = 0x00;
export const DATA_TYPE = 0x01;
export const BOOTLOADER_TYPE = 0x02;
export const PARTITION_TABLE_TYPE = 0x03;

/** The bootloader or table that the ROM starts from, of BOOTLOADER_TYPE and PARTITION_TABLE_TYPE alike. */
export const PRIMARY_SUBTYPE = 0x00;
/** Of BOOTLOADER_TYPE: what chips with a recovery bootloader fall back to. */
export const RECOVERY_SUBTYPE = 0x02;
/** What an empty subtype column means for every type but app (gen_esp32part.py). */
export const UNDEFINED_SUBTYPE = 0x06;

const OTADATA_SUBTYPE = 0x00;
const FIRST_OTA_SUBTYPE = 0x10;
const OTA_SLOTS = 16;
const FIRST_TEE_SUBTYPE = 0x30;
const TEE_SLOTS = 2;

/** A subtype that a project names itself (gen_esp32part.py `--extra-partition-subtypes`). */
export type ExtraSubtype = {
  readonly type: number;
  /** Lower case, as keywords are compared. */
  readonly name: string;
  readonly value: number;
};

const TYPES: ReadonlyMap<string, number> = new Map([
  ['app', APP_TYPE],
  ['data', DATA_TYPE],
  ['bootloader', BOOTLOADER_TYPE],
  ['partition_table', PARTITION_TABLE_TYPE],
]);

// esp_partition.h, esp_partition_subtype_t.
const SUBTYPES: ReadonlyMap<number, ReadonlyMap<string, number>> = new Map([
  [
    APP_TYPE,
    new Map([
      ['factory', 0x00],
      ...numbered('ota', FIRST_OTA_SUBTYPE, OTA_SLOTS),
      ['test', 0x20],
      ...numbered('tee', FIRST_TEE_SUBTYPE, TEE_SLOTS),
    ]),
  ],
  [
    DATA_TYPE,
    new Map([
      ['ota', OTADATA_SUBTYPE],
      ['phy', 0x01],
      ['nvs', 0x02],
      ['coredump', 0x03],
      ['nvs_keys', 0x04],
      ['efuse', 0x05],
      ['undefined', UNDEFINED_SUBTYPE],
      ['esphttpd', 0x80],
      ['fat', 0x81],
      ['spiffs', 0x82],
      ['littlefs', 0x83],
      ['tee_ota', 0x90],
    ]),
  ],
  [
    BOOTLOADER_TYPE,
    new Map([
      ['primary', PRIMARY_SUBTYPE],
      ['ota', 0x01],
      ['recovery', RECOVERY_SUBTYPE],
    ]),
  ],
  [
    PARTITION_TABLE_TYPE,
    new Map([
      ['primary', PRIMARY_SUBTYPE],
      ['ota', 0x01],
    ]),
  ],
]);

/** How a number without a keyword is written: hex for people, decimal as gen_esp32part.py puts it in CSV. */
type NumberStyle = 'hex' | 'decimal';

/** The keyword of a partition type, `data`; a number without one in `style`. */
export function typeName(type: number, style: NumberStyle = 'hex'): string {
  return keywordOf(TYPES, type) ?? inStyle(type, style);
}

/** The keyword of a subtype of `type`, `ota_0`; a number without one in `style`. */
export function subtypeName(type: number, subtype: number, style: NumberStyle = 'hex'): string {
  return keywordOf(SUBTYPES.get(type), subtype) ?? inStyle(subtype, style);
}

/** Every keyword of the type column with its value. */
export function typeKeywords(): ReadonlyMap<string, number> {
  return TYPES;
}

/** Every keyword that the subtype column can hold for `type`, with its value: ESP-IDF's and those of `extra`. */
export function subtypeKeywords(
  type: number,
  extra: readonly ExtraSubtype[] = [],
): ReadonlyMap<string, number> {
  const own = extra.filter((subtype) => subtype.type === type);
  return new Map([
    ...own.map(({ name, value }): [string, number] => [name, value]),
    ...(SUBTYPES.get(type) ?? []),
  ]);
}

/** What offsets of this type are multiples of, in bytes (gen_esp32part.py): 0x10000 for an app, else 0x1000. */
export function offsetAlignment(type: number): number {
  return type === APP_TYPE ? 0x10000 : 0x1000;
}

/**
 * Reads a subtype as `--extra-partition-subtypes` of gen_esp32part.py takes it: `data, foo, 0x8f`, the value always
 * hexadecimal. `known` are those read before.
 * @throws FormatError BAD_VALUE when it is not of that form, or its value or name is taken for this type.
 */
export function parseExtraSubtype(text: string, known: readonly ExtraSubtype[] = []): ExtraSubtype {
  const fields = text.split(',').map((field) => field.trim().toLowerCase());
  const [typeText = '', name = '', valueText = ''] = fields;
  const type = TYPES.get(typeText);
  const value = /^(?:0x)?[0-9a-f]+$/.test(valueText) ? parseInt(valueText, 16) : NaN;
  const wellFormed = fields.length === 3 && /^[a-z_][a-z0-9_]*$/.test(name) && value <= 0xff;
  if (type === undefined || !wellFormed) {
    throw new FormatError(
      'BAD_VALUE',
      `extra subtype ${JSON.stringify(text)} is not of the form 'type, name, value': expected one of ` +
        `${[...TYPES.keys()].join(', ')}; a name of letters, digits and '_'; a hexadecimal value up to 0xff`,
    );
  }
  for (const [taken, takenValue] of subtypeKeywords(type, known)) {
    if (taken === name || takenValue === value) {
      throw new FormatError(
        'BAD_VALUE',
        `extra subtype ${JSON.stringify(text)} clashes with ${typeName(type)} subtype '${taken}' ` +
          `(${hex(takenValue, 2)}); choose another ${taken === name ? 'name' : 'value'}`,
      );
    }
  }
  return { type, name, value };
}

/** True for an app partition that over-the-air updates are written to, `ota_0` to `ota_15` (esp_ota_ops.c). */
export function isOtaSlot(partition: Pick<Partition, 'type' | 'subtype'>): boolean {
  return otaSlotIndex(partition) !== undefined;
}

/** 0 to 15 for `ota_0` to `ota_15`, undefined for every other partition. */
export function otaSlotIndex(partition: Pick<Partition, 'type' | 'subtype'>): number | undefined {
  const index = partition.subtype - FIRST_OTA_SUBTYPE;
  return partition.type === APP_TYPE && index >= 0 && index < OTA_SLOTS ? index : undefined;
}

/** True for the data partition that says which slot boots (esp_ota_ops.c), `data, ota` in CSV. */
export function isOtadata(partition: Pick<Partition, 'type' | 'subtype'>): boolean {
  return partition.type === DATA_TYPE && partition.subtype === OTADATA_SUBTYPE;
}

function numbered(prefix: string, first: number, count: number): [string, number][] {
  return Array.from({ length: count }, (_, index) => [`${prefix}_${index}`, first + index]);
}

function keywordOf(
  keywords: ReadonlyMap<string, number> | undefined,
  value: number,
): string | undefined {
  for (const [keyword, known] of keywords ?? []) if (known === value) return keyword;
  return undefined;
}

function inStyle(value: number, style: NumberStyle): string {
  return style === 'hex' ? hex(value, 2) : String(value);
}
