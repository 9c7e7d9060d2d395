import type { Chip } from '../../builder/chip/chip.ts';
import type { ElfMachine } from '../../builder/format/elf.ts';

/** A section of a made ELF file; what is left out makes it SHT_PROGBITS with SHF_ALLOC. */
export type MadeSection = {
  readonly name: string;
  readonly address: number;
  readonly data: Uint8Array;
  readonly type?: number;
  readonly flags?: number;
  /** sh_size where it is not the length of `data`. */
  readonly size?: number;
};

/** A program header of a made ELF file; what is left out makes it a PT_LOAD of the whole section. */
export type MadeSegment = {
  /** Name of the section whose bytes it has. */
  readonly of: string;
  readonly type?: number;
  readonly virtualAddress?: number;
  readonly physicalAddress?: number;
  readonly fileSize?: number;
  readonly memorySize?: number;
};

export type MadeElf = {
  readonly sections: readonly MadeSection[];
  readonly segments?: readonly MadeSegment[];
  readonly machine?: ElfMachine;
  readonly entryAddress?: number;
};

const HEADER_SIZE = 52;
const PROGRAM_HEADER_SIZE = 32;
const SECTION_HEADER_SIZE = 40;
const PROGBITS = 1;
const STRTAB = 3;
const NOBITS = 8;
const ALLOC = 2;

/**
 * An ELF executable as a linker would write it: headers, contents, names, section headers. Starts at its first section's
 * address unless told otherwise.
 */
export function anElf(made: MadeElf): Buffer {
  const { segments = [], machine = 'xtensa' } = made;
  const names = { name: '.shstrtab', address: 0, data: nameTable(made), type: STRTAB, flags: 0 };
  const sections = [...made.sections, names];
  const [first] = made.sections;
  const { offsets, end } = placed(sections, HEADER_SIZE + segments.length * PROGRAM_HEADER_SIZE);
  const bytes = Buffer.alloc(end + (sections.length + 1) * SECTION_HEADER_SIZE);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  writeHalves(bytes, 16, [2, machine === 'xtensa' ? 94 : 243]);
  const programHeaders = segments.length === 0 ? 0 : HEADER_SIZE;
  writeWords(bytes, 20, [1, made.entryAddress ?? first?.address ?? 0, programHeaders, end, 0]);
  const counts = [segments.length, SECTION_HEADER_SIZE, sections.length + 1, sections.length];
  writeHalves(bytes, 40, [HEADER_SIZE, PROGRAM_HEADER_SIZE, ...counts]);

  for (const [index, segment] of segments.entries()) {
    const at = made.sections.findIndex(({ name }) => name === segment.of);
    const header = programHeader(segment, made.sections[at], offsets[at]);
    writeWords(bytes, HEADER_SIZE + index * PROGRAM_HEADER_SIZE, header);
  }
  let nameOffset = 1;
  for (const [index, section] of sections.entries()) {
    const offset = offsets[index] ?? 0;
    if (section.type !== NOBITS) bytes.set(section.data, offset);
    const header = sectionHeader(section, nameOffset, offset);
    writeWords(bytes, end + (index + 1) * SECTION_HEADER_SIZE, header);
    nameOffset += section.name.length + 1;
  }
  return bytes;
}

function programHeader(
  segment: MadeSegment,
  section: MadeSection | undefined,
  offset: number | undefined,
): number[] {
  if (section === undefined || offset === undefined) throw new Error(`no section ${segment.of}`);
  const { virtualAddress = section.address, fileSize = section.data.length, type = 1 } = segment;
  const { physicalAddress = virtualAddress, memorySize = fileSize } = segment;
  return [type, offset, virtualAddress, physicalAddress, fileSize, memorySize, 5, 4];
}

function sectionHeader(section: MadeSection, nameOffset: number, offset: number): number[] {
  const { type = PROGBITS, flags = ALLOC, address, data, size = data.length } = section;
  return [nameOffset, type, flags, address, offset, size, 0, 0, 4, 0];
}

function nameTable({ sections }: MadeElf): Buffer {
  return Buffer.from(`\0${[...sections.map(({ name }) => name), '.shstrtab'].join('\0')}\0`);
}

function placed(
  sections: readonly MadeSection[],
  start: number,
): { offsets: number[]; end: number } {
  let end = start;
  const offsets = sections.map(({ data, type }) => {
    const offset = end;
    end += type === NOBITS ? 0 : Math.ceil(data.length / 4) * 4;
    return offset;
  });
  return { offsets, end };
}

function writeWords(bytes: Buffer, offset: number, values: readonly number[]): void {
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, offset + index * 4);
}

function writeHalves(bytes: Buffer, offset: number, values: readonly number[]): void {
  for (const [index, value] of values.entries()) bytes.writeUInt16LE(value, offset + index * 2);
}

/** The 256 bytes of an app description with an empty app_elf_sha256. */
export function anElfDescription(mmuPageSizeLog2 = 0): Buffer {
  const bytes = Buffer.alloc(256);
  bytes.writeUInt32LE(0xabcd5432, 0);
  bytes.write('v1.2.3', 16);
  bytes.write('drill', 48);
  bytes.writeUInt8(mmuPageSizeLog2, 180);
  return bytes;
}

/** Addresses at which `chip` has flash for data and code, and RAM for code and data. */
export function elfRegionsOf(chip: Chip): {
  readonly drom: number;
  readonly irom: number;
  readonly iram: number;
  readonly dram: number;
  readonly rtc: number | undefined;
} {
  const start = (wanted: string) => chip.memory.find(({ kind }) => kind === wanted)?.range[0];
  const [drom = 0, irom = 0, iram = 0, dram = 0] = ['DROM', 'IROM', 'IRAM', 'DRAM'].map(start);
  const isUnified = drom === irom;
  return {
    drom,
    irom: isUnified ? irom + 0x100000 : irom,
    iram,
    // Where code and data share RAM, data goes behind the code. 0x8000: esptool parts the ESP32-C3's RAM there.
    dram: dram === iram ? dram + 0x20000 : dram + 0x8000,
    rtc: start('RTC_FAST'),
  };
}
