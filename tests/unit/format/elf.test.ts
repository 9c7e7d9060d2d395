import { describe, expect, test } from 'vitest';
import { parseElf } from '../../../builder/format/elf.ts';
import { anElf, type MadeElf } from '../../support/elf.ts';
import { formatErrorOf } from '../../support/format-error.ts';
import { someBytes } from '../../support/images.ts';

const MADE: MadeElf = {
  machine: 'riscv',
  entryAddress: 0x40380004,
  sections: [
    { name: '.text', address: 0x40380000, data: someBytes(0x21, 1), flags: 6 },
    { name: '.bss', address: 0x3fc80000, data: Buffer.alloc(0), type: 8, flags: 3, size: 0x4000 },
    { name: '.riscv.attributes', address: 0, data: someBytes(5, 2), type: 0x70000003, flags: 0 },
  ],
  segments: [
    { of: '.text', physicalAddress: 0x40390000, memorySize: 0x30 },
    { of: '.riscv.attributes', type: 0x70000003, memorySize: 0 },
  ],
};
const ELF = anElf(MADE);

/** Offsets in ELF: 52 bytes of header, two program headers, 0x24 and 8 bytes of contents, 40 bytes of names. */
const PROGRAM_HEADER = 52;
const TEXT = 52 + 2 * 32;
const SECTIONS = ELF.readUInt32LE(32);
const sectionHeader = (index: number) => SECTIONS + index * 40;

/** The file with one field written anew. */
function changed([offset, value, width = 4]: readonly number[]): Buffer {
  const bytes = Buffer.from(ELF);
  bytes.writeUIntLE(value ?? 0, offset ?? 0, width);
  return bytes;
}

describe('an ELF file', () => {
  test('has its machine, entry point, sections and program headers', () => {
    const { machine, entryAddress, sections, programHeaders, bytes } = parseElf(ELF);
    expect(machine).toBe('riscv');
    expect(entryAddress).toBe(0x40380004);
    expect(bytes.equals(ELF)).toBe(true);
    expect(sections.map(({ data: _, ...section }) => section)).toEqual([
      { index: 1, name: '.text', type: 1, flags: 6, address: 0x40380000, size: 0x21 },
      { index: 2, name: '.bss', type: 8, flags: 3, address: 0x3fc80000, size: 0x4000 },
      { index: 3, name: '.riscv.attributes', type: 0x70000003, flags: 0, address: 0, size: 5 },
      { index: 4, name: '.shstrtab', type: 3, flags: 0, address: 0, size: 40 },
    ]);
    expect(sections.map(({ data }) => data.length)).toEqual([0x21, 0, 5, 40]);
    expect(sections[0]?.data.equals(someBytes(0x21, 1))).toBe(true);
    expect(programHeaders.map(({ data: _, ...header }) => header)).toEqual([
      {
        index: 0,
        type: 1,
        flags: 5,
        virtualAddress: 0x40380000,
        physicalAddress: 0x40390000,
        memorySize: 0x30,
      },
      {
        index: 1,
        type: 0x70000003,
        flags: 5,
        virtualAddress: 0,
        physicalAddress: 0,
        memorySize: 0,
      },
    ]);
    expect(programHeaders[0]?.data.equals(someBytes(0x21, 1))).toBe(true);
  });

  test('is read from bytes that lie anywhere in their buffer', () => {
    const shifted = Buffer.concat([Buffer.alloc(3), ELF]).subarray(3);
    expect(parseElf(shifted).sections).toEqual(parseElf(ELF).sections);
  });

  test('is not copied', () => {
    const [text] = parseElf(ELF).sections;
    expect(text?.data.buffer).toBe(ELF.buffer);
  });

  test('may have no section headers and no program headers', () => {
    const bare = changed([32, 0]);
    expect(parseElf(bare).sections).toEqual([]);
    bare.writeUInt16LE(0, 44);
    expect(parseElf(bare).programHeaders).toEqual([]);
  });

  test('may have no section names', () => {
    expect(parseElf(changed([50, 0, 2])).sections.map(({ name }) => name)).toEqual([
      '',
      '',
      '',
      '',
    ]);
  });

  test('has names of printable characters, cut after 255', () => {
    const long = 'x'.repeat(300);
    const names = parseElf(
      anElf({
        sections: [
          { name: long, address: 4, data: someBytes(4) },
          { name: '\x1b[31m', address: 4, data: someBytes(4) },
        ],
      }),
    ).sections.map(({ name }) => name);
    expect(names).toEqual(['x'.repeat(255), '?[31m', '.shstrtab']);
  });

  test('may have anything in a header that is not in use', () => {
    const bytes = changed([sectionHeader(3) + 4, 0]);
    bytes.fill(0xff, sectionHeader(3) + 8, sectionHeader(4));
    expect(parseElf(bytes).sections.map(({ index }) => index)).toEqual([1, 2, 4]);
    const headers = changed([PROGRAM_HEADER, 0]);
    headers.fill(0xff, PROGRAM_HEADER + 4, PROGRAM_HEADER + 32);
    expect(parseElf(headers).programHeaders.map(({ index }) => index)).toEqual([1]);
  });

  test('is not this', () => {
    const error = formatErrorOf(() => parseElf(Buffer.from('\x7fELG and more')));
    expect(error).toMatchObject({ code: 'BAD_MAGIC', where: { offset: 0 } });
  });

  test.each([
    ['a 64-bit file', [4, 2, 1], /EI_CLASS is 2; 1, a 32-bit file, was expected/],
    ['a big-endian file', [5, 2, 1], /EI_DATA is 2; 1, little-endian/],
    ['another version', [6, 0, 1], /EI_VERSION is 0/],
    ['an object file', [16, 1, 2], /e_type is 1; 2, a linked executable/],
    ['another machine', [18, 62, 2], /machine 62; 94 \(Xtensa\) or 243 \(RISC-V\)/],
  ] as const)('is refused as %s', (_, change, says) => {
    const error = formatErrorOf(() => parseElf(changed(change)));
    expect(error).toMatchObject({ code: 'WRONG_KIND', where: { offset: change[0] } });
    expect(error.message).toMatch(says);
  });

  test.each([
    ['section headers of another size', [46, 64, 2], 'BAD_VALUE', 46],
    ['program headers of another size', [42, 56, 2], 'BAD_VALUE', 42],
    ['no section headers where it has a table of them', [48, 0, 2], 'TOO_MANY', 32],
    ['more section headers than 16 bits number', [48, 0xff00, 2], 'TOO_MANY', 32],
    ['more program headers than 16 bits number', [44, 0xffff, 2], 'TOO_MANY', 28],
    ['section headers behind its end', [32, 0xfffffff0, 4], 'TRUNCATED', ELF.length],
    ['program headers behind its end', [28, ELF.length, 4], 'TRUNCATED', ELF.length],
    ['one section header too many', [48, 6, 2], 'TRUNCATED', SECTIONS],
    ['names in a section that it does not have', [50, 9, 2], 'BAD_VALUE', 50],
    ['names in a section that has code', [50, 1, 2], 'BAD_VALUE', 50],
    ['names behind its end', [sectionHeader(4) + 20, 0x10000, 4], 'TRUNCATED', sectionHeader(4)],
    ['a name behind all names', [sectionHeader(1), 40, 4], 'BAD_VALUE', sectionHeader(1)],
    ['a name far behind', [sectionHeader(1), 0xffffffff, 4], 'BAD_VALUE', sectionHeader(1)],
    ['a name without an end', [TEXT + 0x24 + 8 + 39, 0x41, 1], 'BAD_VALUE', sectionHeader(4)],
    [
      'contents behind its end',
      [sectionHeader(1) + 16, ELF.length, 4],
      'TRUNCATED',
      sectionHeader(1) + 16,
    ],
    [
      'contents of 4 GiB',
      [sectionHeader(1) + 20, 0xffffffff, 4],
      'BAD_VALUE',
      sectionHeader(1) + 12,
    ],
    [
      'addresses behind the last',
      [sectionHeader(2) + 12, 0xffffd000, 4],
      'BAD_VALUE',
      sectionHeader(2) + 12,
    ],
    [
      'a segment behind its end',
      [PROGRAM_HEADER + 4, 0xffffffff, 4],
      'TRUNCATED',
      PROGRAM_HEADER + 4,
    ],
    [
      'a segment larger than in memory',
      [PROGRAM_HEADER + 20, 0x20, 4],
      'BAD_VALUE',
      PROGRAM_HEADER + 20,
    ],
    [
      'a segment behind the last address',
      [PROGRAM_HEADER + 20, 0xc0000000, 4],
      'BAD_VALUE',
      PROGRAM_HEADER + 8,
    ],
    [
      'a load address behind the last',
      [PROGRAM_HEADER + 12, 0xffffffe0, 4],
      'BAD_VALUE',
      PROGRAM_HEADER + 12,
    ],
  ] as const)('is refused with %s', (_, change, code, at) => {
    const error = formatErrorOf(() => parseElf(changed(change)));
    expect(error).toMatchObject({ code, where: { offset: at } });
  });

  test('is truncated at every length below its own', () => {
    for (let length = 0; length < ELF.length; length++)
      expect(formatErrorOf(() => parseElf(ELF.subarray(0, length))).code).toBe('TRUNCATED');
  });
});
