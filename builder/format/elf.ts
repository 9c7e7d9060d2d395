import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { ByteReader } from './byte-reader.ts';
import { checkAddresses, fileContents, tableEntries } from './elf-table.ts';

// Elf32_Ehdr (System V ABI, "ELF Header"), little-endian:
//    0 u8*16 e_ident     24 u32 e_entry     40 u16 e_ehsize      48 u16 e_shnum
//   16 u16   e_type      28 u32 e_phoff     42 u16 e_phentsize   50 u16 e_shstrndx
//   18 u16   e_machine   32 u32 e_shoff     44 u16 e_phnum
//   20 u32   e_version   36 u32 e_flags     46 u16 e_shentsize
// Elf32_Phdr, 32 bytes: u32 p_type, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_flags, p_align
// Elf32_Shdr, 40 bytes: u32 sh_name, sh_type, sh_flags, sh_addr, sh_offset, sh_size, sh_link, sh_info, sh_addralign,
// sh_entsize

export type ElfMachine = 'xtensa' | 'riscv';

/** e_machine of the chips that we know (EM_XTENSA, EM_RISCV). */
const MACHINES: ReadonlyMap<number, ElfMachine> = new Map([
  [94, 'xtensa'],
  [243, 'riscv'],
]);

export type ElfSection = {
  readonly index: number;
  /** Printable ASCII, at most 255 characters: for people, since nothing keeps two sections from sharing a name. */
  readonly name: string;
  /** sh_type, for example 1 for SHT_PROGBITS. */
  readonly type: number;
  /** sh_flags, for example 2 for SHF_ALLOC. */
  readonly flags: number;
  readonly address: number;
  /** Bytes in memory. */
  readonly size: number;
  /** A view of its bytes in the file: `size` of them, or none for SHT_NOBITS. */
  readonly data: Buffer;
};

export type ElfProgramHeader = {
  readonly index: number;
  /** p_type, for example 1 for PT_LOAD. */
  readonly type: number;
  readonly flags: number;
  readonly virtualAddress: number;
  /** Where a loader puts it (LMA). */
  readonly physicalAddress: number;
  readonly memorySize: number;
  /** A view of its bytes in the file, p_filesz of them. */
  readonly data: Buffer;
};

export type Elf = {
  readonly machine: ElfMachine;
  readonly entryAddress: number;
  /** Without the empty section 0 and others of type SHT_NULL. */
  readonly sections: readonly ElfSection[];
  /** Without those of type PT_NULL. */
  readonly programHeaders: readonly ElfProgramHeader[];
  /** The whole file. */
  readonly bytes: Buffer;
};

const PROGRAM_HEADERS = { what: 'program header', offsetAt: 28, entrySizeAt: 42, entrySize: 32 };
const SECTIONS = { what: 'section header', offsetAt: 32, entrySizeAt: 46, entrySize: 40 };

const ET_EXEC = 2;
const PT_NULL = 0;
const PT_LOAD = 1;
const SHT_NULL = 0;
const SHT_STRTAB = 3;
const SHT_NOBITS = 8;
const LONGEST_NAME = 255;

/**
 * Reads a linked, 32-bit little-endian ELF executable for Xtensa or RISC-V. All contents are views of `bytes`, so memory
 * grows with the number of headers only. Throws FormatError for any other file, and for sizes and offsets that lead out
 * of the file or out of the address space. Source: System V ABI, chapters "Object Files" and "Program Loading".
 */
export function parseElf(bytes: Uint8Array): Elf {
  const reader = new ByteReader(bytes, 'ELF file');
  return {
    machine: parseIdentity(reader),
    entryAddress: reader.u32(24),
    sections: parseSections(reader),
    programHeaders: parseProgramHeaders(reader),
    bytes: reader.bytes,
  };
}

function parseIdentity(reader: ByteReader): ElfMachine {
  const magic = reader.slice(0, 4).toString('latin1');
  if (magic !== '\x7fELF') {
    throw new FormatError('BAD_MAGIC', 'this is no ELF file: it does not start with 0x7f "ELF"', {
      where: { offset: 0 },
    });
  }
  expectField(reader.u8(4), { name: 'EI_CLASS', offset: 4, expected: '1, a 32-bit file' }, 1);
  expectField(reader.u8(5), { name: 'EI_DATA', offset: 5, expected: '1, little-endian' }, 1);
  expectField(reader.u8(6), { name: 'EI_VERSION', offset: 6, expected: '1' }, 1);
  expectField(
    reader.u16(16),
    { name: 'e_type', offset: 16, expected: '2, a linked executable' },
    ET_EXEC,
  );
  const machine = MACHINES.get(reader.u16(18));
  if (machine === undefined) {
    throw new FormatError(
      'WRONG_KIND',
      `the ELF file is for machine ${reader.u16(18)}; 94 (Xtensa) or 243 (RISC-V) was expected`,
      { where: { offset: 18 }, hint: 'Build it with the compiler of an ESP32 chip.' },
    );
  }
  return machine;
}

type Field = { readonly name: string; readonly offset: number; readonly expected: string };

function expectField(value: number, field: Field, wanted: number): void {
  if (value === wanted) return;
  throw new FormatError(
    'WRONG_KIND',
    `the ELF file's ${field.name} is ${value}; ${field.expected}, was expected`,
    { where: { offset: field.offset } },
  );
}

function parseProgramHeaders(reader: ByteReader): ElfProgramHeader[] {
  const headers: ElfProgramHeader[] = [];
  const count = reader.u16(44);
  if (count === 0) return headers;
  const offsets = tableEntries(reader, PROGRAM_HEADERS, count);
  for (const [index, at] of offsets.entries()) {
    const type = reader.u32(at);
    if (type === PT_NULL) continue;
    const what = `program header ${index}`;
    const [offset, fileSize] = [reader.u32(at + 4), reader.u32(at + 16)];
    const header = {
      index,
      type,
      flags: reader.u32(at + 24),
      virtualAddress: reader.u32(at + 8),
      physicalAddress: reader.u32(at + 12),
      memorySize: reader.u32(at + 20),
      data: fileContents(reader, { what, at: at + 4, offset, size: fileSize }),
    };
    if (type === PT_LOAD) checkLoad(what, header, at);
    headers.push(header);
  }
  return headers;
}

/** Others may have no place in memory: PT_RISCV_ATTRIBUTES, for one, has bytes in the file only. */
function checkLoad(what: string, header: ElfProgramHeader, at: number): void {
  const { memorySize, virtualAddress, physicalAddress, data } = header;
  if (memorySize < data.length) {
    throw new FormatError(
      'BAD_VALUE',
      `${what} has ${hex(data.length)} bytes in the file, but only ${hex(memorySize)} in memory`,
      { where: { offset: at + 20 } },
    );
  }
  checkAddresses(what, virtualAddress, memorySize, at + 8);
  checkAddresses(what, physicalAddress, memorySize, at + 12);
}

function parseSections(reader: ByteReader): ElfSection[] {
  const count = reader.u16(48);
  const tableOffset = reader.u32(SECTIONS.offsetAt);
  if (tableOffset === 0) return [];
  const offsets = tableEntries(reader, SECTIONS, count);
  const names = nameTable(reader, offsets);
  const sections: ElfSection[] = [];
  for (const [index, at] of offsets.entries()) {
    const type = reader.u32(at + 4);
    if (type === SHT_NULL) continue;
    const name = names === undefined ? '' : sectionName(names, reader.u32(at), at);
    const what = name === '' ? `section ${index}` : `section ${name}`;
    const address = reader.u32(at + 12);
    const size = reader.u32(at + 20);
    checkAddresses(what, address, size, at + 12);
    const data =
      type === SHT_NOBITS
        ? Buffer.alloc(0)
        : fileContents(reader, { what, at: at + 16, offset: reader.u32(at + 16), size });
    sections.push({ index, name, type, flags: reader.u32(at + 8), address, size, data });
  }
  return sections;
}

/** The section with the names of the others; undefined when e_shstrndx says that there is none. */
function nameTable(reader: ByteReader, offsets: readonly number[]): Buffer | undefined {
  const index = reader.u16(50);
  if (index === 0) return undefined;
  const at = offsets[index];
  if (at === undefined || reader.u32(at + 4) !== SHT_STRTAB) {
    throw new FormatError(
      'BAD_VALUE',
      `the ELF file has its section names in section ${index}, which is no string table`,
      { where: { offset: 50 } },
    );
  }
  const what = 'the section name table';
  return fileContents(reader, { what, at, offset: reader.u32(at + 16), size: reader.u32(at + 20) });
}

function sectionName(names: Buffer, offset: number, at: number): string {
  const bytes = names.subarray(offset, offset + LONGEST_NAME + 1);
  const end = bytes.indexOf(0);
  if (end < 0 && bytes.length <= LONGEST_NAME) {
    throw new FormatError(
      'BAD_VALUE',
      `a section's name at ${hex(offset)} of the section name table does not end within the table`,
      { where: { offset: at } },
    );
  }
  const text = bytes.subarray(0, end < 0 ? LONGEST_NAME : end).toString('latin1');
  return text.replace(/[^\x20-\x7e]/g, '?');
}
