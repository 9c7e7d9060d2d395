import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OtaBuildError } from '../../builder/errors/ota-build-error.ts';
import type { Chip } from '../../builder/chip/chip.ts';
import { FLASH_SIZES } from '../../builder/chip/flash-settings.ts';
import { CHIPS } from '../../builder/chip/registry.ts';
import { alignUp } from '../../builder/format/byte-reader.ts';
import { encodeElfImage, type ElfImageOptions } from '../../builder/format/elf-image.ts';
import { parseElf } from '../../builder/format/elf.ts';
import { parseEspImage, requireIntact, securePadEspImage } from '../../builder/format/esp-image.ts';
import {
  anElf,
  anElfDescription,
  elfRegionsOf,
  type MadeElf,
  type MadeSection,
} from '../support/elf.ts';
import { sha256, someBytes } from '../support/images.ts';
import { isMissing, NEEDS_ORACLE, oraclePython } from '../support/oracle.ts';

type Case = {
  readonly title: string;
  readonly elf: Buffer;
  readonly options?: ElfImageOptions;
  /** For esptool. */
  readonly args?: readonly string[];
};

/** Runs `esptool elf2image` for every job of jobs.json in one process; prints what went wrong, by job. */
const RUN_JOBS = `
import contextlib, io, json, sys
import esptool

def run(arguments):
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            esptool.main(arguments)
    except (Exception, SystemExit) as error:
        return type(error).__name__ + ": " + str(error)

with open("jobs.json") as jobs:
    results = [run(arguments) for arguments in json.load(jobs)]
json.dump(results, sys.stdout)
`;

const python = oraclePython();

/** Bytes in which a piece that went to the wrong place shows. */
function section(name: string, address: number, length: number): MadeSection {
  return { name, address, data: someBytes(length, address >>> 4) };
}

function description(address: number, mmuPageSizeLog2 = 0): MadeSection {
  return { name: '.flash.appdesc', address, data: anElfDescription(mmuPageSizeLog2) };
}

function elfFor(chip: Chip, made: MadeElf): Buffer {
  return anElf({ machine: chip.machine, ...made });
}

describe.skipIf(isMissing(python))(`ELF files against esptool elf2image (${NEEDS_ORACLE})`, () => {
  let directory: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'ota-build-oracle-'));
  });

  afterAll(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  /** What esptool makes of each case: the image, or the reason that there is none. */
  function esptool(chip: Chip, cases: readonly Case[]): (Buffer | string)[] {
    const jobs = cases.map(({ elf, args = [] }, index) => {
      writeFileSync(join(directory, `${index}.elf`), elf);
      const files = ['--output', `${index}.bin`, `${index}.elf`];
      const sha = elf.includes('.flash.appdesc') ? ['--elf-sha256-offset', '0xb0'] : [];
      return ['--chip', chip.name, 'elf2image', ...sha, ...args, ...files];
    });
    writeFileSync(join(directory, 'jobs.json'), JSON.stringify(jobs));
    const output = execFileSync(python ?? '', ['-c', RUN_JOBS], {
      cwd: directory,
      encoding: 'utf8',
    });
    const problems = JSON.parse(output) as (string | null)[];
    return problems.map(
      (problem, index) => problem ?? readFileSync(join(directory, `${index}.bin`)),
    );
  }

  function ours(chip: Chip, { elf, options }: Case): Buffer | string {
    try {
      return encodeElfImage(parseElf(elf), chip, options);
    } catch (error) {
      if (error instanceof OtaBuildError) return error.message;
      throw error;
    }
  }

  /** An image in a form in which a difference can be read. */
  function readable(image: Buffer | string): unknown {
    if (typeof image === 'string') return image;
    const { segments, length } = parseEspImage(image);
    return {
      header: image.toString('hex', 0, 24),
      segments: segments.map((segment) => {
        const { dataOffset, length: size } = segment;
        const data = image.subarray(dataOffset, dataOffset + size);
        return `${segment.loadAddress.toString(16)} +${size.toString(16)} ${sha256(data).toString('hex', 0, 4)}`;
      }),
      length,
      sha256: sha256(image).toString('hex'),
    };
  }

  function expectSame(chip: Chip, cases: readonly Case[]): void {
    const theirs = esptool(chip, cases);
    expect(theirs.filter((image) => typeof image === 'string')).toEqual([]);
    const titles = cases.map(({ title }) => title);
    expect(
      Object.fromEntries(cases.map((one, index) => [titles[index], readable(ours(chip, one))])),
    ).toEqual(Object.fromEntries(theirs.map((image, index) => [titles[index], readable(image)])));
  }

  test.each(CHIPS)('agrees on a whole program for $title', (chip) => {
    const { drom, irom, iram, dram, rtc } = elfRegionsOf(chip);
    const program = elfFor(chip, {
      entryAddress: iram + 0x404,
      sections: [
        section('.iram0.vectors', iram, 0x403),
        section('.iram0.text', iram + 0x404, 0x2345),
        section('.dram0.data', dram, 0x1236),
        { ...section('.dram0.bss', dram + 0x1238, 0), type: 8, size: 0x2000 },
        description(drom + 0x20),
        section('.flash.rodata', drom + 0x120, 0x4567),
        { ...section('.init_array', drom + 0x4688, 0x10), type: 14 },
        section('.flash.text', irom + 0x20, 0x12345),
        ...(rtc === undefined ? [] : [section('.rtc.text', rtc, 0x33)]),
        { ...section('.debug_info', 0, 0x100), flags: 0 },
        { ...section('.comment', 0, 0x20), flags: 0x30 },
      ],
    });
    expectSame(chip, [
      { title: 'as it is', elf: program },
      {
        title: 'with flash settings and revisions',
        elf: program,
        options: {
          header: {
            spiMode: 2,
            flashSizeCode: 2,
            minChipRevisionFull: 103,
            maxChipRevisionFull: 399,
          },
        },
        args: [
          '--flash-mode',
          'dio',
          '--flash-size',
          '4MB',
          '--min-rev-full',
          '103',
          '--max-rev-full',
          '399',
        ],
      },
      ...Object.entries(chip.flashFrequencies).map(([name, flashFrequencyCode]) => ({
        title: `at ${name}`,
        elf: program,
        options: { header: { flashFrequencyCode } },
        args: ['--flash-freq', name],
      })),
      ...Object.entries(FLASH_SIZES).map(([name, { code }]) => ({
        title: `in ${name}`,
        elf: program,
        options: { header: { flashSizeCode: code } },
        args: ['--flash-size', name],
      })),
    ]);
  });

  test.each(CHIPS)('agrees on how RAM fills the gaps between mapped segments of $title', (chip) => {
    const { drom, irom, iram, dram } = elfRegionsOf(chip);
    const flash = [description(drom + 0x20), section('.flash.text', irom + 0x20, 0x678)];
    // From the end of the description (0x120) to the header in front of the next page's 0x20, without its own header.
    const gap = 0xfef0;
    const differences = [-0x20, -0x14, -0x10, -0xc, -8, -4, 0, 4, 8, 0xc, 0x10];
    expectSame(chip, [
      { title: 'no RAM', elf: elfFor(chip, { sections: flash }) },
      {
        title: 'a piece for each of two gaps',
        elf: elfFor(chip, {
          sections: [
            ...flash,
            section('.flash.rodata', drom + 0x20020, 0x1000),
            section('.iram0.text', iram, 0x1f123),
          ],
        }),
      },
      ...differences.flatMap((difference) => [
        {
          title: `one piece, ${difference} bytes longer than the gap`,
          elf: elfFor(chip, {
            sections: [...flash, section('.iram0.text', iram, gap + difference)],
          }),
        },
        {
          title: `a piece ${difference} bytes longer than the gap, and another`,
          elf: elfFor(chip, {
            sections: [
              section('.iram0.text', iram, gap + difference),
              section('.iram0.data', iram + 0x10000, 0x45),
              section('.dram0.data', dram, 0x1003),
              ...flash,
            ],
          }),
        },
      ]),
    ]);
  });

  test.each(CHIPS)('agrees on mapped segments near the end of a page of $title', (chip) => {
    const { drom, irom, iram } = elfRegionsOf(chip);
    const lengths = [
      0xff80, 0xffcc, 0xffd4, 0xffdc, 0xffde, 0xffe0, 0xffe4, 0x10000, 0x10004, 0x10008,
    ];
    const offsets = [0, 4, 0x18, 0x20, 0x28, 0x30, 0xfffc];
    const of = (length: number, offset: number) => ({
      title: `${length.toString(16)} bytes, then code at ${offset.toString(16)}`,
      elf: elfFor(chip, {
        sections: [
          section('.flash.rodata', drom + 0x20, length),
          section('.flash.text', irom + 0x20000 + offset, 0xffe0 - offset),
          section('.iram0.text', iram, 0x100),
        ],
      }),
    });
    expectSame(
      chip,
      // 0x10 bytes to go is where esptool fails.
      lengths
        .flatMap((length) => offsets.map((offset) => ({ ...of(length, offset), length, offset })))
        .filter(
          ({ length, offset }) => (((length + 3) & ~3) + 0x20 - offset + 0x10) % 0x10000 !== 0,
        ),
    );
  });

  test.each(CHIPS)('puts the app description of $title first wherever it is', (chip) => {
    const { drom, irom, iram } = elfRegionsOf(chip);
    expectSame(chip, [
      {
        title: 'behind the code',
        elf: elfFor(chip, {
          sections: [
            section('.flash.text', irom + 0x20, 0x1234),
            section('.flash.more', irom + 0x20020, 0x33),
            description(irom + 0x10020),
            section('.flash.rodata', irom + 0x10120, 0x777),
            section('.iram0.text', iram, 0x400),
          ],
        }),
      },
      {
        title: 'absent, with RAM in front of what is mapped',
        elf: elfFor(chip, {
          sections: [
            section('.flash.rodata', drom, 0x1234),
            section('.flash.text', irom + 0x10044, 0x33),
            section('.iram0.text', iram, 0x10400),
          ],
        }),
      },
      {
        title: 'absent, without anything mapped',
        elf: elfFor(chip, { sections: [section('.iram0.text', iram, 0x401)] }),
      },
    ]);
  });

  test.each(CHIPS)('agrees on the program headers of $title', (chip) => {
    const { drom, iram, dram } = elfRegionsOf(chip);
    const made: MadeElf = {
      sections: [
        section('.flash.rodata', drom + 0x20, 0x123),
        section('.iram0.text', iram, 0x404),
        section('.dram0.data', dram, 0x22),
        section('.dram0.more', dram + 0x24, 0x10),
        { ...section('.riscv.attributes', 0, 0x30), type: 0x70000003, flags: 0 },
      ],
      segments: [
        { of: '.flash.rodata' },
        { of: '.riscv.attributes', type: 0x70000003, memorySize: 0 },
        { of: '.iram0.text', virtualAddress: dram + 0x1000, physicalAddress: iram },
        { of: '.dram0.data', memorySize: 0x24 },
        { of: '.dram0.more', memorySize: 0x1000 },
        { of: '.dram0.data', type: 4 },
        { of: '.dram0.data', fileSize: 0, memorySize: 0x100, virtualAddress: dram + 0x2000 },
      ],
      entryAddress: iram,
    };
    expectSame(chip, [
      {
        title: 'as segments',
        elf: elfFor(chip, made),
        options: { source: 'program-headers' },
        args: ['--use-segments'],
      },
      { title: 'which the sections overrule', elf: elfFor(chip, made) },
    ]);
  });

  test.each(CHIPS.filter(({ mmuPageSizes }) => mmuPageSizes.length > 1))(
    'agrees on the MMU page size of $title',
    (chip) => {
      const { drom, irom, iram } = elfRegionsOf(chip);
      const program = (log2: number, pageSize: number) =>
        elfFor(chip, {
          sections: [
            description(drom + pageSize + 0x20, log2),
            section('.flash.rodata', drom + pageSize + 0x120, pageSize + 0x123),
            section('.flash.text', irom + 3 * pageSize + 0x44, 0x2345),
            section('.iram0.text', iram, 0x1403),
          ],
        });
      expectSame(
        chip,
        chip.mmuPageSizes.flatMap((size) => [
          { title: `${size}, stated`, elf: program(Math.log2(size), size) },
          { title: `${size}, from the place of the description`, elf: program(0, size) },
        ]),
      );
    },
  );

  test.each(CHIPS)('is padded for Secure Boot V2 as esptool does it for $title', (chip) => {
    const { drom, irom, iram } = elfRegionsOf(chip);
    const pageSizes = chip.mmuPageSizes.length > 1 ? chip.mmuPageSizes : [0x10000];
    for (const pageSize of pageSizes) {
      const cases = [0, 0x3c, 0x100, 0x1008, 0x3e50, 0x3e54, 0x3e58, 0x10000].map((length) => ({
        title: `${length} bytes of RAM`,
        elf: elfFor(chip, {
          entryAddress: drom + 0x20,
          sections: [
            description(drom + 0x20, Math.log2(pageSize)),
            section('.flash.text', irom + 0x20, 0x140),
            section('.iram0.text', iram, length),
          ],
        }),
        args: ['--secure-pad-v2'],
      }));
      for (const [index, padded] of esptool(chip, cases).entries()) {
        const image = ours(chip, cases[index] ?? { title: '', elf: Buffer.alloc(0) });
        if (typeof image === 'string') throw new Error(image);
        expect(readable(securePadEspImage(image, pageSize))).toEqual(readable(padded));
      }
    }
  });

  test.each(CHIPS)('agrees on programs of any shape for $title', (chip) => {
    const { drom, irom, iram, dram } = elfRegionsOf(chip);
    const programs = fc.sample(programShape, { numRuns: 60, seed: chip.chipId });
    const cases = programs.map(({ code, more, ram, rodata }, index) => {
      const end = rodata + 0x120;
      const mapped = [
        section('.flash.rodata', drom + 0x120, rodata),
        section('.flash.text', irom + alignUp(end, 0x10000) + code.offset, code.length),
        ...(more === undefined
          ? []
          : [section('.flash.more', drom + 0x80000 + more.offset, more.length)]),
      ];
      const inRam = stacked('.iram0', iram, ram.code).concat(stacked('.dram0', dram, ram.data));
      return {
        title: `program ${index}`,
        elf: elfFor(chip, { sections: [description(drom + 0x20), ...mapped, ...inRam] }),
      };
    });
    const theirs = esptool(chip, cases);
    let compared = 0;
    for (const [index, expected] of theirs.entries()) {
      const image = ours(chip, cases[index] ?? { title: '', elf: Buffer.alloc(0) });
      if (typeof image === 'string')
        throw new Error(`${image}; esptool: ${String(readable(expected))}`);
      requireIntact(parseEspImage(image), 'our image');
      // Where nothing but two segment headers would fit between two mapped segments, esptool fails.
      if (expected === 'AssertionError: ') continue;
      expect(readable(image)).toEqual(readable(expected));
      compared++;
    }
    expect(compared).toBeGreaterThan(programs.length / 2);
  });

  test.each([
    ['esp32', 0x400a0000, 'where esptool parts the RAM for code'],
    ['esp32', 0x3ffe0000, 'where esptool parts the RAM for data'],
    ['esp32c3', 0x3fc88000, 'where esptool parts the RAM for data'],
    ['esp32c6', 0x4080000e, 'within a word'],
  ])('joins neighbours on %s at %i, %s, and loads the same', (name, border) => {
    const chip = CHIPS.find((one) => one.name === name);
    if (chip === undefined) throw new Error(`no chip ${name}`);
    const one: Case = {
      title: '',
      elf: elfFor(chip, {
        sections: [section('.before', (border - 1) & ~0xf, 14), section('.behind', border, 0x20)],
      }),
    };
    const [theirs] = esptool(chip, [one]);
    const image = ours(chip, one);
    if (!Buffer.isBuffer(theirs) || typeof image === 'string') throw new Error('no image');
    expect(parseEspImage(image).segments).toHaveLength(1);
    // Ours may have zeros behind it, up to a word.
    expect(loaded(image)).toMatchObject(loaded(theirs));
  });
});

const word = (max: number) => fc.nat({ max: max / 4 }).map((words) => words * 4);
const length = fc.oneof(
  fc.integer({ min: 1, max: 0x300 }),
  fc.integer({ min: 0xfe00, max: 0x10100 }),
  fc.integer({ min: 1, max: 0x18000 }),
);
const mapped = fc.record({ offset: fc.oneof(fc.constant(0x20), word(0x40), word(0xfffc)), length });
const inRam = fc.array(
  fc.record({ gap: fc.constantFrom(0, 0, 4, 0x100), length: fc.integer({ min: 1, max: 0x8000 }) }),
  { maxLength: 3 },
);

/** What a made program has in flash and RAM, all of it where every chip has room. */
const programShape = fc.record({
  rodata: length,
  code: mapped,
  more: fc.option(mapped, { nil: undefined }),
  ram: fc.record({ code: inRam, data: inRam }),
});

/** What is in memory when all segments were loaded, one after the other. */
function loaded(image: Buffer): Record<string, number | undefined> {
  const memory: Record<string, number | undefined> = {};
  for (const { loadAddress, dataOffset, length: size } of parseEspImage(image).segments) {
    for (let index = 0; index < size; index++)
      memory[(loadAddress + index).toString(16)] = image[dataOffset + index];
  }
  return memory;
}

/** Sections one behind the other, each `gap` bytes behind the end of the one before, rounded up to a word. */
function stacked(
  prefix: string,
  start: number,
  parts: readonly { readonly gap: number; readonly length: number }[],
): MadeSection[] {
  let address = start;
  return parts.map((part, index) => {
    address += part.gap;
    const made = section(`${prefix}.${index}`, address, part.length);
    address += alignUp(part.length, 4);
    return made;
  });
}
