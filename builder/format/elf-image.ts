import { createHash } from 'node:crypto';
import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { APP_DESC_MAGIC, APP_DESC_OFFSET, parseAppDescription } from './app-desc.ts';
import { isFilledWith } from './byte-reader.ts';
import { checkPages, layOutSegments, withLastPage } from './elf-layout.ts';
import { loadedPieces, type LoadedPiece, type LoadSource, type MemoryMap } from './elf-memory.ts';
import type { Elf, ElfMachine } from './elf.ts';
import { MAX_SEGMENTS, type ImageHeader } from './esp-image-header.ts';
import { encodeEspImage } from './esp-image.ts';

/** The chip that an image is for, as plain data. */
export type ElfImageTarget = {
  /** `ESP32-C3`: for messages. */
  readonly title: string;
  readonly chipId: number;
  readonly machine: ElfMachine;
  readonly memory: MemoryMap;
  /** Allowed MMU page sizes in bytes, largest first. One entry: the size is fixed. */
  readonly mmuPageSizes: readonly number[];
  /**
   * Bytes that the last page of a mapped segment must hold at least; zeros are added where it would hold less. 0x24 on
   * the ESP32, whose early bootloaders mapped a page too few otherwise; 0 on every other chip.
   */
  readonly lastPageMinimum: number;
};

export type ElfImageOptions = {
  /** `sections` when left out, like `esptool elf2image` without `--use-segments`. */
  readonly source?: LoadSource;
  /** What the image header should say; what is left out is as `esptool elf2image` without options writes it. */
  readonly header?: Partial<
    Omit<ImageHeader, 'segmentCount' | 'entryAddress' | 'chipId' | 'hashAppended'>
  >;
};

const DEFAULT_HEADER = {
  spiMode: 0,
  flashSizeCode: 0,
  flashFrequencyCode: 0,
  wpPin: 0xee,
  spiPinDrive: Buffer.alloc(3),
  minChipRevision: 0,
  minChipRevisionFull: 0,
  maxChipRevisionFull: 0xffff,
  reserved: Buffer.alloc(4),
};

/** esp_app_desc_t, app_elf_sha256. */
const ELF_SHA256_OFFSET = 144;
const LARGEST_PAGE = 0x10000;

/**
 * Makes an app image, SHA-256 included, of a linked program: what is mapped from flash first, congruent with its address
 * modulo the MMU page, and the app description in front of all; the gaps between are filled with what goes to RAM, as
 * far as that goes. The SHA-256 of the ELF file is put into the description. Throws FormatError for a program that this
 * chip could not run and for one that no image holds.
 * Source: ESP-IDF "App Image Format"; the bytes are those of `esptool elf2image`.
 */
export function encodeElfImage(
  elf: Elf,
  target: ElfImageTarget,
  { source = 'sections', header = {} }: ElfImageOptions = {},
): Buffer {
  checkMachine(elf, target);
  const pieces = loadedPieces(elf, target.memory, source);
  checkCount(pieces);
  checkEntry(elf, pieces);
  const description = pieces.find(startsWithDescription);
  const pageSize = mmuPageSize(target, description);
  const mapped = pieces
    .filter((piece) => piece.mapped)
    .map((piece) => (piece === description ? withElfSha256(piece, elf) : piece))
    .map((piece) => withLastPage(piece, pageSize, target.lastPageMinimum));
  checkPages(mapped, pageSize);
  const ram = pieces.filter((piece) => !piece.mapped);
  return encodeEspImage({
    header: {
      ...DEFAULT_HEADER,
      ...header,
      entryAddress: elf.entryAddress,
      chipId: target.chipId,
      hashAppended: true,
    },
    segments: layOutSegments(descriptionFirst(mapped), ram, pageSize),
  });
}

function checkMachine({ machine }: Elf, target: ElfImageTarget): void {
  if (machine === target.machine) return;
  throw new FormatError(
    'WRONG_KIND',
    `the ELF file is for ${machine}, but the ${target.title} is ${target.machine}`,
    { where: { offset: 18 }, hint: 'Build it for this chip, or choose the chip it was built for.' },
  );
}

function checkCount(pieces: readonly LoadedPiece[]): void {
  if (pieces.length <= MAX_SEGMENTS) return;
  throw new FormatError(
    'TOO_MANY',
    `the program has ${pieces.length} separate pieces to load; an image has up to ${MAX_SEGMENTS} segments`,
    { hint: 'Let sections for the same memory follow each other in the linker script.' },
  );
}

function checkEntry({ entryAddress }: Elf, pieces: readonly LoadedPiece[]): void {
  const isLoaded = pieces.some(
    ({ address, data }) => entryAddress >= address && entryAddress < address + data.length,
  );
  if (isLoaded) return;
  throw new FormatError(
    'BAD_VALUE',
    `the program would start at ${hex(entryAddress, 8)}, where nothing is loaded`,
    { where: { offset: 24 }, hint: 'Name the entry point in the linker script: ENTRY(symbol).' },
  );
}

function startsWithDescription({ mapped, data }: LoadedPiece): boolean {
  return mapped && data.readUInt32LE(0) === APP_DESC_MAGIC;
}

/** The description first, the others by address: segment 0 is where the bootloader looks for it. */
function descriptionFirst(mapped: readonly LoadedPiece[]): LoadedPiece[] {
  const description = mapped.find(startsWithDescription);
  if (description === undefined) return [...mapped];
  return [description, ...mapped.filter((piece) => piece !== description)];
}

/**
 * The page size that the program was linked for: the chip's only one, else what the description says, else the largest
 * with which the description can be the first thing in the image.
 */
function mmuPageSize(target: ElfImageTarget, description: LoadedPiece | undefined): number {
  const { mmuPageSizes, title } = target;
  const [largest = LARGEST_PAGE] = mmuPageSizes;
  if (description === undefined) return largest;
  const { address, data } = description;
  const { mmuPageSizeLog2 } = parseAppDescription(data);
  const stated = 2 ** mmuPageSizeLog2;
  const isStated = mmuPageSizes.length > 1 && mmuPageSizeLog2 !== 0;
  if (isStated && !mmuPageSizes.includes(stated)) {
    const allowed = mmuPageSizes.map((size) => hex(size)).join(', ');
    throw new FormatError(
      'BAD_VALUE',
      `the app description says 2^${mmuPageSizeLog2} bytes to the MMU page; the ${title} has pages of ${allowed}`,
    );
  }
  const candidates = isStated ? [stated] : mmuPageSizes;
  const fitting = candidates.find((size) => (address - APP_DESC_OFFSET) % size === 0);
  if (fitting !== undefined) return fitting;
  throw new FormatError(
    'BAD_VALUE',
    `the app description is at address ${hex(address, 8)} and so cannot be the first thing in the image: ` +
      `${hex(APP_DESC_OFFSET)} behind the start of an MMU page (${hex(isStated ? stated : largest)} bytes) was expected`,
    { hint: 'Put it there in the linker script.' },
  );
}

function withElfSha256(description: LoadedPiece, elf: Elf): LoadedPiece {
  const { address } = description;
  if (!isFilledWith(parseAppDescription(description.data).elfSha256, 0)) {
    throw new FormatError(
      'BAD_VALUE',
      `app_elf_sha256 of the app description at address ${hex(address, 8)} is not empty`,
      { hint: 'Leave it zero in the source: the SHA-256 of the ELF file goes there.' },
    );
  }
  const data = Buffer.from(description.data);
  createHash('sha256').update(elf.bytes).digest().copy(data, ELF_SHA256_OFFSET);
  return { ...description, data };
}
