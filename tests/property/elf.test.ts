import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isMapped } from '../../builder/chip/memory.ts';
import { CHIPS } from '../../builder/chip/registry.ts';
import { encodeElfImage } from '../../builder/format/elf-image.ts';
import { parseElf } from '../../builder/format/elf.ts';
import { parseEspImage, requireIntact } from '../../builder/format/esp-image.ts';
import { anElf, anElfDescription, elfRegionsOf } from '../support/elf.ts';
import { throwsFormatError } from '../support/format-error.ts';
import { someBytes } from '../support/images.ts';

const u16 = fc.nat({ max: 0xffff });
const u32 = fc.oneof(fc.nat({ max: 0xffffffff }), fc.nat({ max: 0x400 }), fc.constant(0xffffffff));
const chip = fc.constantFrom(...CHIPS);

/** A section or program header name may be anything, and so may its place; most of these lead somewhere bad. */
const anySection = fc.record({
  name: fc.string({ maxLength: 8 }).map((name) => name.replaceAll('\0', '')),
  address: fc.oneof(
    u32,
    fc.constantFrom(0x3f400020, 0x40080000, 0x3c000020, 0x42000020, 0x40800000),
  ),
  data: fc.uint8Array({ maxLength: 64 }),
  type: fc.oneof(fc.constantFrom(1, 8, 14), u32),
  flags: fc.oneof(fc.constantFrom(2, 6), u32),
  size: u32,
});

const anyElf = fc
  .record({
    sections: fc.array(
      fc.oneof(
        anySection,
        anySection.map(({ size: _, ...rest }) => rest),
      ),
      { maxLength: 6 },
    ),
    machine: fc.constantFrom('xtensa' as const, 'riscv' as const),
    entryAddress: u32,
  })
  .map((made) => anElf({ ...made, segments: made.sections.map(({ name }) => ({ of: name })) }));

/** Files that are nearly right: any halfword or word of the headers may be anything. */
const damagedElf = fc
  .tuple(anyElf, fc.array(fc.record({ at: u32, value: fc.oneof(u16, u32) }), { maxLength: 4 }))
  .map(([bytes, changes]) => {
    for (const { at, value } of changes) bytes.writeUInt32LE(value, at % (bytes.length - 3));
    return bytes;
  });

const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc
    .uint8Array({ maxLength: 300 })
    .map((bytes) => Buffer.concat([Buffer.from('\x7fELF\x01\x01\x01'), bytes])),
  anyElf,
  damagedElf,
);

/** A program that suits every chip: what it has in flash and in RAM, each with its length. */
const aProgram = fc.record({
  rodata: fc.integer({ min: 1, max: 0x18000 }),
  text: fc.integer({ min: 1, max: 0x18000 }),
  offset: fc.nat({ max: 0x3fff }).map((words) => words * 4),
  iram: fc.integer({ min: 1, max: 0x18000 }),
  dram: fc.integer({ min: 1, max: 0x18000 }),
});

describe('ELF files', () => {
  test('are a value or a FormatError, whatever the bytes', () => {
    fc.assert(
      fc.property(anyBytes, chip, (bytes, one) => {
        throwsFormatError(() => parseElf(bytes));
        for (const source of ['sections', 'program-headers'] as const)
          throwsFormatError(() => encodeElfImage(parseElf(bytes), one, { source }));
      }),
      { numRuns: 2000 },
    );
  });

  test('are read without a copy, however many headers name the same bytes', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        throwsFormatError(() => {
          const { sections, programHeaders } = parseElf(bytes);
          for (const { data } of [...sections, ...programHeaders])
            expect(data.length === 0 || data.buffer === bytes.buffer).toBe(true);
        });
      }),
      { numRuns: 500 },
    );
  });

  test('become images that load what they have to where it belongs', () => {
    fc.assert(
      fc.property(chip, aProgram, (one, { rodata, text, offset, iram, dram }) => {
        const at = elfRegionsOf(one);
        const parts = [
          { name: '.flash.appdesc', address: at.drom + 0x20, data: anElfDescription() },
          { name: '.flash.rodata', address: at.drom + 0x120, data: someBytes(rodata, 1) },
          { name: '.flash.text', address: at.irom + 0x20000 + offset, data: someBytes(text, 2) },
          { name: '.iram0.text', address: at.iram, data: someBytes(iram, 3) },
          { name: '.dram0.data', address: at.dram, data: someBytes(dram, 4) },
        ];
        const target = one;
        const elf = parseElf(anElf({ machine: target.machine, sections: parts }));
        const image = encodeElfImage(elf, target);
        const parsed = parseEspImage(image);
        requireIntact(parsed, 'the image');
        expect(parsed.segments[0]?.loadAddress).toBe(at.drom + 0x20);
        const segments = parsed.segments.map(({ loadAddress, dataOffset, length }) => ({
          loadAddress,
          dataOffset,
          data: image.subarray(dataOffset, dataOffset + length),
        }));
        for (const { loadAddress, dataOffset } of segments) {
          if (isMapped(one, loadAddress)) expect(dataOffset % 0x10000).toBe(loadAddress % 0x10000);
        }
        for (const { address, data } of parts.slice(1)) {
          const loaded = Buffer.alloc(data.length);
          for (const { loadAddress, data: piece } of segments)
            copyTo(loaded, loadAddress - address, piece);
          expect(loaded.equals(data)).toBe(true);
        }
      }),
      { numRuns: 100 },
    );
  });
});

/** Copies what of `piece` lies within `target` when it starts at `offset`, which may be negative. */
function copyTo(target: Buffer, offset: number, piece: Buffer): void {
  if (offset >= target.length || offset + piece.length <= 0) return;
  if (offset < 0) piece.copy(target, 0, -offset);
  else piece.copy(target, offset);
}
