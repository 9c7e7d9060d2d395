import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { alignUp } from './byte-reader.ts';
import type { Elf, ElfSection } from './elf.ts';

/** Where a chip has memory that a loader maps or fills, as plain data. */
export type MemoryMap = readonly {
  /** Half-open, [start, end). */
  readonly range: readonly [start: number, end: number];
  /** Read in place from flash through the MMU. */
  readonly mapped: boolean;
}[];

/** What a loader has to put at one stretch of addresses. */
export type LoadedPiece = {
  /** `section .iram0.text`: for messages. */
  readonly what: string;
  readonly address: number;
  readonly data: Buffer;
  readonly mapped: boolean;
};

/** Which of the two descriptions of its contents that an ELF file has is to be believed. */
export type LoadSource = 'sections' | 'program-headers';

type Placed = LoadedPiece & {
  /** The memory ranges that hold it, by their index. */
  readonly ranges: string;
};

const SHF_ALLOC = 2;
const PT_LOAD = 1;
/** SHT_PROGBITS, SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_PREINIT_ARRAY: what `esptool elf2image` puts into an image. */
const LOADED_TYPES: ReadonlySet<number> = new Set([1, 14, 15, 16]);
const WORD = 4;

/**
 * What an ELF file wants to have in memory, by address: word-aligned, filled up with zeros to whole words, nothing twice.
 * Neighbours in the same memory become one piece when they also follow each other in the file, as `esptool elf2image`
 * does it; a gap too small for a word between them is filled. Takes no more memory than the file has. Throws FormatError
 * for what lies outside `memory`, overlaps, or cannot be loaded by words.
 */
export function loadedPieces(elf: Elf, memory: MemoryMap, source: LoadSource): LoadedPiece[] {
  const stretches = source === 'sections' ? loadedSections(elf) : loadedSegments(elf);
  if (stretches.length === 0) {
    throw new FormatError(
      'WRONG_KIND',
      `the ELF file has nothing to load in its ${source.replace('-', ' ')}`,
      { hint: 'Check the linker script, and that the file was not stripped of its headers.' },
    );
  }
  checkTotal(elf, stretches);
  const pieces = runsOf(stretches.map((stretch) => place(stretch, memory))).map(joined);
  pieces.sort((a, b) => a.address - b.address);
  for (const [index, piece] of pieces.entries()) {
    checkAlignment(piece);
    checkOverlap(piece, pieces[index + 1]);
  }
  return pieces;
}

type Stretch = Pick<LoadedPiece, 'what' | 'address' | 'data'>;

function loadedSections({ sections }: Elf): Stretch[] {
  const filled = sections.filter(({ type, data }) => LOADED_TYPES.has(type) && data.length > 0);
  filled.forEach(checkAllocated);
  return filled
    .filter(({ flags }) => (flags & SHF_ALLOC) !== 0)
    .map(({ index, name, address, data }) => ({
      what: name === '' ? `section ${index}` : `section ${name}`,
      address,
      data,
    }));
}

/** The linker leaves it out of memory, `esptool elf2image` loads it: without it, a program would differ in silence. */
function checkAllocated({ index, name, address, flags }: ElfSection): void {
  if (address === 0 || (flags & SHF_ALLOC) !== 0) return;
  throw new FormatError(
    'BAD_VALUE',
    `section ${name === '' ? index : name} has the address ${hex(address, 8)}, but is not to be loaded (no SHF_ALLOC)`,
    {
      hint: 'Say in the linker script what it is: no (INFO) when the program needs it, else address 0.',
    },
  );
}

function loadedSegments({ programHeaders }: Elf): Stretch[] {
  return programHeaders
    .filter(({ type, data }) => type === PT_LOAD && data.length > 0)
    .map(({ index, physicalAddress, data }) => ({
      what: `program header ${index}`,
      address: physicalAddress,
      data,
    }));
}

/** Many headers that name the same bytes would otherwise make a small file into a huge image. */
function checkTotal({ bytes }: Elf, stretches: readonly Stretch[]): void {
  const total = stretches.reduce((sum, { data }) => sum + data.length, 0);
  if (total <= bytes.length) return;
  throw new FormatError(
    'BAD_VALUE',
    `the ELF file has ${hex(bytes.length)} bytes, but ${hex(total)} to load: its contents overlap in the file`,
  );
}

function place(stretch: Stretch, memory: MemoryMap): Placed {
  const { what, address, data } = stretch;
  const holding = memory
    .map(({ range: [start, end], mapped }, index) => ({ start, end, mapped, index }))
    .filter(({ start, end }) => address >= start && address + data.length <= end);
  if (holding.length === 0) {
    throw new FormatError(
      'BAD_VALUE',
      `${what} (${hex(data.length)} bytes for address ${hex(address, 8)}) lies outside the memory of this chip`,
      { hint: 'Link the program for this chip, or choose the chip that it was linked for.' },
    );
  }
  return {
    ...stretch,
    mapped: holding.some(({ mapped }) => mapped),
    ranges: holding.map(({ index }) => index).join(),
  };
}

/** Groups pieces that continue each other: in the order of the file, in the same memory, less than a word apart. */
function runsOf(pieces: readonly Placed[]): (readonly [Placed, ...Placed[]])[] {
  const runs: [Placed, ...Placed[]][] = [];
  for (const piece of pieces) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run !== undefined && last !== undefined && continues(last, piece)) run.push(piece);
    else runs.push([piece]);
  }
  return runs;
}

function continues(before: Placed, piece: Placed): boolean {
  const end = before.address + before.data.length;
  return (
    before.ranges === piece.ranges && piece.address >= end && piece.address <= alignUp(end, WORD)
  );
}

function joined(run: readonly [Placed, ...Placed[]]): LoadedPiece {
  const [{ what, address, mapped }] = run;
  const last = run.at(-1) ?? run[0];
  const data = Buffer.alloc(alignUp(last.address + last.data.length - address, WORD));
  for (const piece of run) piece.data.copy(data, piece.address - address);
  return { what, address, mapped, data };
}

function checkAlignment({ what, address }: LoadedPiece): void {
  if (address % WORD === 0) return;
  throw new FormatError(
    'BAD_VALUE',
    `${what} starts at address ${hex(address, 8)}; a multiple of 4 was expected`,
    { hint: 'Align it in the linker script: . = ALIGN(4);' },
  );
}

function checkOverlap({ what, address, data }: LoadedPiece, next: LoadedPiece | undefined): void {
  const end = address + data.length;
  if (next === undefined || next.address >= end) return;
  throw new FormatError(
    'BAD_VALUE',
    `${what} (${hex(address, 8)} to ${hex(end, 8)}) overlaps ${next.what}, which starts at ${hex(next.address, 8)}`,
    { hint: 'Correct the linker script.' },
  );
}
