import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { isPrintableAscii, readBoundedText } from './bounded-text.ts';
import { ByteReader } from './byte-reader.ts';

// esp_app_desc_t (ESP-IDF components/esp_app_format/include/esp_app_desc.h), at the start of segment 0 of an app:
//   0 u32     magic, 0xABCD5432    80 char*16 time          178 u16    max_efuse_blk_rev_full
//   4 u32     secure_version       96 char*16 date          180 u8     mmu_page_size, log2
//   8 u32*2   reserv1             112 char*32 idf_ver       181 u8*3   reserv3
//  16 char*32 version             144 u8*32   app_elf_sha256  184 u32*18 reserv2
//  48 char*32 project_name        176 u16     min_efuse_blk_rev_full

/** ESP_APP_DESC_MAGIC_WORD */
export const APP_DESC_MAGIC = 0xabcd5432;
/** sizeof(esp_app_desc_t) */
export const APP_DESC_SIZE = 256;
/** Offset of the description in an app image: behind the image header and the header of segment 0. */
/** What the built-in rollback drill has for idf_ver: it is no ESP-IDF app, and must be known wherever it turns up. */
export const DRILL_IDF_VERSION = 'ota-build drill';

export const APP_DESC_OFFSET = 32;

type TextField = { readonly name: string; readonly offset: number; readonly size: number };

const VERSION: TextField = { name: 'version', offset: 16, size: 32 };
const PROJECT_NAME: TextField = { name: 'project_name', offset: 48, size: 32 };
const TIME: TextField = { name: 'time', offset: 80, size: 16 };
const DATE: TextField = { name: 'date', offset: 96, size: 16 };
const IDF_VERSION: TextField = { name: 'idf_ver', offset: 112, size: 32 };
const SECURE_VERSION_OFFSET = 4;

export type AppDescription = {
  /** Anti-rollback counter; 0 where the feature is off. */
  readonly secureVersion: number;
  readonly reserved1: Buffer;
  /** Empty in MicroPython's own releases, like `projectName`. */
  readonly version: string;
  readonly projectName: string;
  /** C `__TIME__`, `06:51:35`; empty in reproducible builds, like `date`. */
  readonly time: string;
  /** C `__DATE__`, `Jun  2 2024`. */
  readonly date: string;
  readonly idfVersion: string;
  /** SHA-256 of the ELF file, 32 bytes. */
  readonly elfSha256: Buffer;
  /** major * 100 + minor; 0 where the builder was older than the field. */
  readonly minEfuseBlockRevisionFull: number;
  /** major * 100 + minor; 0 and 65535 mean "not set". */
  readonly maxEfuseBlockRevisionFull: number;
  /** Power of two of the page size in bytes; 0 where the builder was older than the field. */
  readonly mmuPageSizeLog2: number;
  readonly reserved3: Buffer;
  readonly reserved2: Buffer;
};

/** Fields to rewrite; what is not named stays as it is. Text is printable ASCII. */
export type AppDescriptionChanges = {
  /** 1 to 31 characters. */
  readonly version?: string;
  /** 0 to 31 characters. */
  readonly projectName?: string;
  /** 0 to 15 characters. */
  readonly time?: string;
  /** 0 to 15 characters. */
  readonly date?: string;
  readonly secureVersion?: number;
};

/**
 * Reads esp_app_desc_t from the first 256 of `bytes`; `base` is their offset in the reader's file, for messages.
 * Throws FormatError: TRUNCATED, BAD_MAGIC, and BAD_VALUE for a text without NUL or with anything but printable ASCII.
 */
export function parseAppDescription(bytes: Uint8Array, base = 0): AppDescription {
  const reader = new ByteReader(bytes, 'app description', base);
  reader.slice(0, APP_DESC_SIZE);
  checkMagic(reader);
  const copy = (offset: number, length: number) => Buffer.from(reader.slice(offset, length));
  return {
    secureVersion: reader.u32(SECURE_VERSION_OFFSET),
    reserved1: copy(8, 8),
    version: parseText(reader, VERSION),
    projectName: parseText(reader, PROJECT_NAME),
    time: parseText(reader, TIME),
    date: parseText(reader, DATE),
    idfVersion: parseText(reader, IDF_VERSION),
    elfSha256: copy(144, 32),
    minEfuseBlockRevisionFull: reader.u16(176),
    maxEfuseBlockRevisionFull: reader.u16(178),
    mmuPageSizeLog2: reader.u8(180),
    reserved3: copy(181, 3),
    reserved2: copy(184, 72),
  };
}

/**
 * A copy of the 256 bytes of esp_app_desc_t with only the named fields rewritten, texts filled up with NUL. The image's
 * checksum, SHA-256 and signature are void afterwards. Throws FormatError (BAD_VALUE) for a value that the field cannot
 * hold, BAD_MAGIC or TRUNCATED for bytes that are not a description. Source: ESP-IDF esp_app_desc.h, sizes of the fields.
 */
export function patchAppDescription(bytes: Buffer, changes: AppDescriptionChanges): Buffer {
  const reader = new ByteReader(bytes, 'app description');
  const patched = Buffer.from(reader.slice(0, APP_DESC_SIZE));
  if (reader.length > APP_DESC_SIZE) {
    throw new FormatError(
      'TRAILING_DATA',
      `the app description to patch has ${reader.length} bytes; ${APP_DESC_SIZE} were expected`,
      { where: { offset: APP_DESC_SIZE } },
    );
  }
  checkMagic(reader);
  if (changes.version === '') {
    throw new FormatError(
      'BAD_VALUE',
      'the version of the app description may not be empty; give at least one character',
    );
  }
  const texts: readonly (readonly [TextField, string | undefined])[] = [
    [VERSION, changes.version],
    [PROJECT_NAME, changes.projectName],
    [TIME, changes.time],
    [DATE, changes.date],
  ];
  for (const [field, text] of texts) if (text !== undefined) writeText(patched, field, text);
  if (changes.secureVersion !== undefined) writeSecureVersion(patched, changes.secureVersion);
  return patched;
}

function checkMagic(reader: ByteReader): void {
  const magic = reader.u32(0);
  if (magic === APP_DESC_MAGIC) return;
  throw new FormatError(
    'BAD_MAGIC',
    `no app description at ${hex(reader.base)}: its first word is ${hex(magic, 8)}, ${hex(APP_DESC_MAGIC)} was expected`,
    { where: { offset: reader.base } },
  );
}

function parseText(reader: ByteReader, { name, offset, size }: TextField): string {
  const found = readBoundedText(reader.slice(offset, size));
  if (found.kind === 'text') return found.text;
  const at = reader.base + offset + (found.kind === 'unprintable' ? found.at : 0);
  const problem =
    found.kind === 'unprintable'
      ? `has the byte ${hex(found.byte, 2)}; printable ASCII was expected`
      : `has no NUL within its ${size} bytes`;
  throw new FormatError(
    'BAD_VALUE',
    `the app description's field ${name} at ${hex(at)} ${problem}`,
    { where: { offset: at } },
  );
}

function writeText(bytes: Buffer, { name, offset, size }: TextField, text: string): void {
  if (!isPrintableAscii(text)) {
    throw new FormatError(
      'BAD_VALUE',
      `the ${name} ${JSON.stringify(text)} cannot be written into the app description; printable ASCII was expected`,
    );
  }
  if (text.length >= size) {
    throw new FormatError(
      'BAD_VALUE',
      `the ${name} "${text}" has ${text.length} characters; the app description holds up to ${size - 1}`,
      { hint: `Shorten it to ${size - 1} characters.` },
    );
  }
  bytes.fill(0, offset, offset + size);
  bytes.write(text, offset, 'latin1');
}

function writeSecureVersion(bytes: Buffer, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new FormatError(
      'BAD_VALUE',
      `the secure_version ${value} does not fit the app description; an integer from 0 to 0xffffffff was expected`,
    );
  }
  bytes.writeUInt32LE(value, SECURE_VERSION_OFFSET);
}
