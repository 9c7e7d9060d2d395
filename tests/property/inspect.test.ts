import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { esp32 } from '../../builder/chip/esp32.ts';
import { CHIPS } from '../../builder/chip/registry.ts';
import { renderInspection } from '../../builder/cli/render/inspect.ts';
import { OtaBuildError } from '../../builder/errors/ota-build-error.ts';
import { encodeOtadata } from '../../builder/format/otadata.ts';
import { encodePartitionTable } from '../../builder/format/partition-table.ts';
import { encodeSignatureSector } from '../../builder/format/signature-sector.ts';
import { inspectBytes } from '../../builder/inspect/inspect-path.ts';
import { flashMap } from '../../builder/partition/flash-map.ts';
import { makeApp, makeBootloader, makeMerged, makeRelease } from '../support/firmware.ts';
import { anOutput } from '../support/output.ts';
import { aPartition, OTA_TABLE } from '../support/plans.ts';
import { aSignedBlock } from '../support/signature-blocks.ts';

const WIDTH = 80;
const output = anOutput({ width: WIDTH });

/** The report about any bytes, or undefined when they are refused as they should be. */
function reportOf(bytes: Buffer): string | undefined {
  try {
    const inspection = inspectBytes(bytes, 'a.bin');
    expect(JSON.parse(JSON.stringify(inspection))).toEqual(inspection);
    return renderInspection(inspection, output);
  } catch (error) {
    if (error instanceof OtaBuildError) return undefined;
    throw error;
  }
}

function expectReadable(report: string | undefined): void {
  // eslint-disable-next-line no-control-regex
  expect(report ?? '').not.toMatch(/undefined|\[object|NaN|[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
}

const small = { chip: esp32, appSize: 0x800 };
const KINDS = [
  makeApp(small),
  makeBootloader(small, 0x200),
  makeRelease(small),
  makeMerged(small),
  encodePartitionTable(OTA_TABLE),
  encodeOtadata([
    { sequence: 1, state: 'VALID' },
    { sequence: 2, state: 'NEW' },
  ]),
  encodeSignatureSector([aSignedBlock('ecdsa256')]),
];

/** Where the structures of those kinds lie, so that changes hit them. */
const TELLING = [0, 0x20, 0x1000, 0x1020, 0x7000, 0x8000, 0xd000, 0xf000, 0xf020, 0x10000, 0x10020];

const edit = fc.record({
  at: fc.tuple(fc.constantFrom(...TELLING), fc.nat({ max: 0x130 })).map(([base, by]) => base + by),
  value: fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 1, 0x80, 0xff)),
});

describe('Inspecting', () => {
  test('any bytes gives a report or a refusal', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 600 }),
        fc.constantFrom('', 'e9', 'aa50', 'e702'),
        (rest, start) => {
          expectReadable(reportOf(Buffer.concat([Buffer.from(start, 'hex'), rest])));
        },
      ),
    );
  });

  test('bytes of the sizes that tell a kind gives a report or a refusal', () => {
    const sized = fc.constantFrom(4096, 8192).chain((length) =>
      fc
        .tuple(fc.uint8Array({ maxLength: 64 }), fc.nat({ max: length - 64 }))
        .map(([bytes, at]) => {
          const whole = Buffer.alloc(length, 0xff);
          whole.set(bytes, at);
          return whole;
        }),
    );
    fc.assert(
      fc.property(sized, fc.boolean(), (bytes, isBlock) => {
        if (isBlock) Buffer.from('e702', 'hex').copy(bytes);
        expectReadable(reportOf(bytes));
      }),
    );
  });

  test('damaged files of every kind gives a report or a refusal', () => {
    const damaged = fc.tuple(fc.constantFrom(...KINDS), fc.array(edit, { maxLength: 6 }));
    fc.assert(
      fc.property(damaged, ([original, edits]) => {
        const bytes = Buffer.from(original);
        for (const { at, value } of edits) if (at < bytes.length) bytes.writeUInt8(value, at);
        expectReadable(reportOf(bytes));
      }),
      { numRuns: 300 },
    );
  });

  test('files of every kind that are cut off gives a report or a refusal', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...KINDS),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (bytes, part) => {
          expectReadable(reportOf(bytes.subarray(0, Math.floor(bytes.length * part))));
        },
      ),
    );
  });

  test.each(CHIPS)('firmware of $title keeps to the width of the terminal', (chip) => {
    for (const bytes of [makeRelease({ chip, version: 'v1.20.0' }), makeApp({ chip })]) {
      const lines = (reportOf(bytes) ?? '').split('\n');
      expect(lines.length).toBeGreaterThan(20);
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(WIDTH);
    }
  });
});

describe('A flash map', () => {
  const u32 = fc.nat({ max: 0xffffffff });
  const partitions = fc.array(fc.record({ offset: u32, size: u32 }), { maxLength: 12 });

  test('is in order and without gaps, whatever a table holds', () => {
    fc.assert(
      fc.property(partitions, u32, u32, (places, tableOffset, flashSize) => {
        const rows = places.map((place, index) => aPartition({ ...place, name: `p${index}` }));
        const map = flashMap({ chip: esp32, tableOffset, partitions: rows, flashSize });
        let end = 0;
        let previous = 0;
        for (const { offset, size } of map) {
          expect(offset).toBeGreaterThanOrEqual(previous);
          expect(offset).toBeLessThanOrEqual(end);
          previous = offset;
          end = Math.max(end, offset + size);
        }
        expect(end).toBeGreaterThanOrEqual(flashSize);
        for (const { name } of rows) expect(map.map((region) => region.name)).toContain(name);
      }),
    );
  });
});
