import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c3 } from '../../../builder/chip/esp32c3.ts';
import { esp32c6 } from '../../../builder/chip/esp32c6.ts';
import { encodeElfImage, type ElfImageOptions } from '../../../builder/format/elf-image.ts';
import { parseElf } from '../../../builder/format/elf.ts';
import { parseEspImage, requireIntact } from '../../../builder/format/esp-image.ts';
import { anElf, anElfDescription, type MadeElf, type MadeSection } from '../../support/elf.ts';
import { formatErrorOf } from '../../support/format-error.ts';
import { sha256, someBytes } from '../../support/images.ts';

const TEXT = section('.iram0.text', 0x40380000, 0x100);
const DESCRIPTION = description(0x3c000020);

function section(name: string, address: number, length: number): MadeSection {
  return { name, address, data: someBytes(length, length) };
}

function description(address: number, data = anElfDescription()): MadeSection {
  return { name: '.flash.appdesc', address, data };
}

/** An image for the ESP32-C3. */
function imageOf(sections: readonly MadeSection[], options?: ElfImageOptions): Buffer {
  const elf = anElf({ machine: 'riscv', sections, entryAddress: sections[0]?.address ?? 0 });
  return encodeElfImage(parseElf(elf), esp32c3, options);
}

function segmentsOf(image: Buffer): (readonly [address: number, length: number])[] {
  return parseEspImage(image).segments.map(({ loadAddress, length }) => [loadAddress, length]);
}

/** The message and code with which the ESP32-C3 refuses these sections. */
function refusalOf(sections: readonly MadeSection[], made: Partial<MadeElf> = {}): string {
  const entryAddress = sections[0]?.address ?? 0;
  const elf = parseElf(anElf({ machine: 'riscv', sections, entryAddress, ...made }));
  const error = formatErrorOf(() => encodeElfImage(elf, esp32c3));
  return `${error.code}: ${error.message}`;
}

describe('the image of an ELF file', () => {
  test('is whole, says its chip, and starts where the program starts', () => {
    const image = imageOf([TEXT]);
    const parsed = parseEspImage(image);
    requireIntact(parsed, 'the image');
    expect(parsed.length).toBe(image.length);
    expect(parsed.header).toEqual({
      segmentCount: 1,
      spiMode: 0,
      flashSizeCode: 0,
      flashFrequencyCode: 0,
      entryAddress: 0x40380000,
      wpPin: 0xee,
      spiPinDrive: Buffer.alloc(3),
      chipId: 5,
      minChipRevision: 0,
      minChipRevisionFull: 0,
      maxChipRevisionFull: 0xffff,
      reserved: Buffer.alloc(4),
      hashAppended: true,
    });
  });

  test('has the header that it is told to have', () => {
    const header = {
      spiMode: 2,
      flashSizeCode: 4,
      flashFrequencyCode: 0xf,
      minChipRevisionFull: 3,
    };
    expect(parseEspImage(imageOf([TEXT], { header })).header).toMatchObject(header);
  });

  test('has the SHA-256 of the ELF file in its app description, in front of all', () => {
    const elf = anElf({ machine: 'riscv', sections: [TEXT, DESCRIPTION] });
    const before = Buffer.from(elf);
    const image = encodeElfImage(parseElf(elf), esp32c3);
    expect(segmentsOf(image)).toEqual([
      [0x3c000020, 0x100],
      [0x40380000, 0x100],
    ]);
    const expected = anElfDescription();
    sha256(elf).copy(expected, 144);
    expect(image.subarray(0x20, 0x120).equals(expected)).toBe(true);
    expect(elf.equals(before)).toBe(true);
  });

  test('has no more than what a loader has to bring into memory', () => {
    const image = imageOf([
      TEXT,
      { ...section('.bss', 0x3fc80000, 0), type: 8, size: 0x100 },
      { ...section('.note', 0x3fc81000, 0x10), type: 7 },
      { ...section('.debug_info', 0, 0x40), flags: 0 },
      { ...section('.rtc.force_slow', 0x50000000, 0), flags: 1 },
      section('.empty', 0, 0),
      { ...section('.init_array', 0x3fc83000, 8), type: 14 },
    ]);
    expect(segmentsOf(image)).toEqual([
      [0x3fc83000, 8],
      [0x40380000, 0x100],
    ]);
  });

  test.each([
    ['at once', 8, 0, 1],
    ['where the next word starts', 5, 3, 1],
    ['within a word', 5, 0, 1],
    ['one word later', 8, 4, 2],
  ])('has neighbours in one segment: those that follow %s', (_, length, gap, count) => {
    const [first, second] = [section('.a', 0x3fc80000, length), someBytes(12, 9)];
    const image = imageOf([
      first,
      { name: '.b', address: first.address + length + gap, data: second },
    ]);
    const { segments } = parseEspImage(image);
    expect(segments).toHaveLength(count);
    if (count > 1) return;
    const expected = Buffer.concat([first.data, Buffer.alloc(gap), second, Buffer.alloc(3)]);
    const [{ dataOffset, length: size } = { dataOffset: 0, length: 0 }] = segments;
    expect(size).toBe(Math.ceil((length + gap + 12) / 4) * 4);
    expect(image.subarray(dataOffset, dataOffset + size).equals(expected.subarray(0, size))).toBe(
      true,
    );
  });

  test('leaves neighbours in different memory apart', () => {
    const elf = anElf({ sections: [section('.a', 0x4007fff0, 16), section('.b', 0x40080000, 16)] });
    expect(segmentsOf(encodeElfImage(parseElf(elf), esp32))).toEqual([
      [0x4007fff0, 16],
      [0x40080000, 16],
    ]);
  });

  test('fills the gap in front of a mapped segment with RAM, then with zeros', () => {
    const image = imageOf([TEXT, DESCRIPTION, section('.flash.text', 0x42000020, 0x10)]);
    expect(segmentsOf(image)).toEqual([
      [0x3c000020, 0x100],
      [0x40380000, 0x100],
      [0, 0x10020 - 0x230 - 8],
      [0x42000020, 0x10],
    ]);
  });

  test('cuts RAM that is larger than the gap', () => {
    const text = section('.iram0.text', 0x40380000, 0x10004);
    const image = imageOf([text, DESCRIPTION, section('.flash.text', 0x42000020, 0x10)]);
    expect(segmentsOf(image)).toEqual([
      [0x3c000020, 0x100],
      [0x40380000, 0xfef0],
      [0x42000020, 0x10],
      [0x4038fef0, 0x114],
    ]);
    const pieces = parseEspImage(image).segments.filter(
      ({ loadAddress }) => loadAddress >= 0x40380000 && loadAddress < 0x42000000,
    );
    const data = pieces.map(({ dataOffset, length }) =>
      image.subarray(dataOffset, dataOffset + length),
    );
    expect(Buffer.concat(data).equals(text.data as Buffer)).toBe(true);
  });

  test.each([0xffc0, 0xffcc, 0xffd0, 0xffd4, 0xffd8, 0xffdc, 0xffe0, 0x10000])(
    'brings code to its place in a page behind %i bytes, however little room is left',
    (length) => {
      const image = imageOf([
        TEXT,
        section('.flash.rodata', 0x3c000020, length),
        section('.flash.text', 0x42020000, 0x10),
      ]);
      const { segments } = parseEspImage(image);
      expect(segments.find(({ loadAddress }) => loadAddress === 0x42020000)?.dataOffset).toSatisfy(
        (offset: number) => offset % 0x10000 === 0,
      );
      expect(segments.every(({ length: size }) => size > 0)).toBe(true);
    },
  );

  test('leaves a gap of two words to zeros', () => {
    const rodata = section('.flash.rodata', 0x3c000020, 0xffc8);
    const image = imageOf([TEXT, rodata, section('.flash.text', 0x42010000, 0x10)]);
    expect(segmentsOf(image)).toEqual([
      [0x3c000020, 0xffc8],
      [0, 8],
      [0x42010000, 0x10],
      [0x40380000, 0x100],
    ]);
  });

  test('has two mapped segments in pages that follow each other', () => {
    const rodata = section('.flash.rodata', 0x3c000020, 0xffe0);
    const image = imageOf([rodata, section('.flash.more', 0x3c010020, 0x10)]);
    expect(segmentsOf(image).at(-1)).toEqual([0x3c010020, 0x10]);
  });

  test.each([
    [0xffdf, 0xffe0 + 0x24],
    [0xffdc, 0xffdc],
    [0x10000, 0x10004],
    [0x10004, 0x10004],
  ])('has 0x24 bytes in the last page on the ESP32: %i become %i', (length, expected) => {
    const elf = anElf({ sections: [section('.flash.rodata', 0x3f400020, length)] });
    expect(segmentsOf(encodeElfImage(parseElf(elf), esp32))).toEqual([[0x3f400020, expected]]);
  });

  test.each([
    ['as the description says', 14, 0x42004020, 0x4000],
    ['as the place of the description allows', 0, 0x42002020, 0x2000],
    ['as large as there is', 0, 0x42010020, 0x10000],
  ])('has MMU pages %s', (_, log2, address, pageSize) => {
    const elf = anElf({
      machine: 'riscv',
      sections: [
        description(address, anElfDescription(log2)),
        section('.flash.text', address + pageSize, 0x10),
      ],
    });
    const { segments } = parseEspImage(encodeElfImage(parseElf(elf), esp32c6));
    expect(segments.at(-1)).toMatchObject({ dataOffset: pageSize + 0x20 });
  });

  test('has the only MMU pages of the chip, whatever the description says', () => {
    const sections = [description(0x3c000020, anElfDescription(14)), section('.t', 0x42000020, 4)];
    expect(parseEspImage(imageOf(sections)).segments.at(-1)?.dataOffset).toBe(0x10020);
  });

  test('is made of program headers when told so, at their load addresses', () => {
    const made: MadeElf = {
      machine: 'riscv',
      sections: [TEXT, section('.dram0.data', 0x3fc80000, 0x10)],
      segments: [{ of: '.iram0.text', physicalAddress: 0x40390000, memorySize: 0x1000 }],
      entryAddress: 0x40390000,
    };
    const elf = parseElf(anElf(made));
    const image = encodeElfImage(elf, esp32c3, { source: 'program-headers' });
    expect(segmentsOf(image)).toEqual([[0x40390000, 0x100]]);
  });
});

describe('there is no image of an ELF file', () => {
  test.each([
    [
      'for another machine',
      { machine: 'xtensa' },
      /^WRONG_KIND: .* xtensa, but the ESP32-C3 is riscv/,
    ],
    [
      'that starts nowhere',
      { entryAddress: 0x40380100 },
      /^BAD_VALUE: .* start at 0x40380100, where nothing is loaded/,
    ],
    ['without contents', { sections: [] }, /^WRONG_KIND: .* nothing to load in its sections/],
  ] as const)('%s', (_, made, says) => {
    expect(refusalOf([TEXT], made)).toMatch(says);
  });

  test.each([
    [
      'outside memory',
      [TEXT, section('.x', 0x20000000, 4)],
      /^BAD_VALUE: section \.x .* 0x20000000\) lies outside/,
    ],
    [
      'at address 0',
      [TEXT, section('.x', 0, 4)],
      /^BAD_VALUE: section \.x .* 0x00000000\) lies outside/,
    ],
    [
      'that have an address in memory, but are not to be loaded',
      [TEXT, { ...section('.metadata', 0x3fc82000, 0x40), flags: 0 }],
      /^BAD_VALUE: section \.metadata has the address 0x3fc82000, but is not to be loaded/,
    ],
    [
      'across the end of memory',
      [section('.x', 0x403dfff0, 0x14)],
      /^BAD_VALUE: section \.x .* lies outside/,
    ],
    [
      'that overlap',
      [TEXT, section('.x', 0x403800fc, 4)],
      /^BAD_VALUE: section \.iram0\.text .* overlaps section \.x/,
    ],
    [
      'between words',
      [TEXT, section('.x', 0x3fc80002, 4)],
      /^BAD_VALUE: section \.x starts at address 0x3fc80002/,
    ],
    [
      'that share a page but not a segment',
      [section('.a', 0x3c000020, 0x100), section('.b', 0x3c000130, 0x100)],
      /^BAD_VALUE: section \.a ends at 0x3c000120, in the MMU page \(0x10000 bytes\) of section \.b/,
    ],
    [
      'of which one reaches into the page of the next',
      [section('.a', 0x3c000020, 0xfff0), section('.b', 0x3c010100, 0x100)],
      /^BAD_VALUE: section \.a ends at 0x3c010010, in the MMU page/,
    ],
  ])('with sections %s', (_, sections, says) => {
    expect(refusalOf(sections)).toMatch(says);
  });

  test('with more pieces than an image has segments', () => {
    const pieces = Array.from({ length: 17 }, (_, index) =>
      section(`.s${index}`, 0x40380000 + index * 16, 4),
    );
    expect(segmentsOf(imageOf(pieces.slice(0, 16)))).toHaveLength(16);
    expect(refusalOf(pieces)).toMatch(/^TOO_MANY: the program has 17 separate pieces/);
  });

  test('with more segments than pieces, where gaps cut them up', () => {
    const pieces = Array.from({ length: 15 }, (_, index) =>
      section(`.s${index}`, 0x40380000 + index * 16, 4),
    );
    const flash = [section('.flash.text', 0x42000040, 4)];
    expect(refusalOf([...pieces, ...flash])).toMatch(/^TOO_MANY: an image has 1 to 16 segments/);
  });

  test('with an app description that cannot be first', () => {
    expect(refusalOf([TEXT, description(0x3c004020)])).toMatch(
      /cannot be the first thing in the image: 0x20 behind/,
    );
  });

  test('with an app description that is cut off', () => {
    const cut = description(0x3c000020, anElfDescription().subarray(0, 128));
    expect(refusalOf([TEXT, cut])).toMatch(/^TRUNCATED: app description/);
  });

  test('with a hash in its app description', () => {
    const data = anElfDescription();
    data.writeUInt8(1, 175);
    expect(refusalOf([TEXT, description(0x3c000020, data)])).toMatch(
      /app_elf_sha256 .* is not empty/,
    );
  });

  test('with MMU pages that the chip does not have', () => {
    const elf = anElf({
      machine: 'riscv',
      sections: [description(0x42000020, anElfDescription(12))],
    });
    const error = formatErrorOf(() => encodeElfImage(parseElf(elf), esp32c6));
    expect(error.message).toMatch(
      /2\^12 bytes .* ESP32-C6 has pages of 0x10000, 0x8000, 0x4000, 0x2000/,
    );
  });

  test('whose sections all name the same bytes', () => {
    const elf = anElf({
      machine: 'riscv',
      sections: [section('.a', 0x40380000, 0x4000), section('.b', 0x40390000, 0x4000)],
    });
    const headers = elf.readUInt32LE(32);
    elf.writeUInt32LE(elf.readUInt32LE(headers + 40 + 16), headers + 80 + 16);
    // Both at the same place is no harm: together they are no larger than the file.
    expect(segmentsOf(encodeElfImage(parseElf(elf), esp32c3))).toHaveLength(2);
    const shorter = Buffer.concat([elf.subarray(0, 0x4034), elf.subarray(headers - 0x20)]);
    const table = shorter.length - 4 * 40;
    shorter.writeUInt32LE(table, 32);
    shorter.writeUInt16LE(0, 50);
    shorter.writeUInt32LE(0, table + 3 * 40 + 4);
    const error = formatErrorOf(() => encodeElfImage(parseElf(shorter), esp32c3));
    expect(error.message).toMatch(/its contents overlap in the file/);
  });
});
