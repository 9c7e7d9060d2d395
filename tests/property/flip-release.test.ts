import { beforeAll, describe, expect, test } from 'vitest';
import { esp32c6 } from '../../builder/chip/esp32c6.ts';
import { CHECKSUMS, MANIFEST, MANIFEST_SIGNATURE } from '../../builder/manifest/release-files.ts';
import type { Finding } from '../../builder/verify/finding.ts';
import { bitAt } from '../support/flips.ts';
import {
  aRelease,
  edited,
  errorsIn,
  fileOf,
  findingsOf,
  repaired,
  stemOf,
  trusting,
  withSums,
  type Files,
} from '../support/release.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const BOARD = 'ESP32_GENERIC_C6';
const STEM = stemOf(BOARD);
const ZIP = `${STEM}.zip`;
const key = aPrivateKey('rsa3072');

/** Files that are small enough to flip every byte of; of the others a sample. */
const SMALL = [
  CHECKSUMS,
  MANIFEST,
  MANIFEST_SIGNATURE,
  'partitions.csv',
  'flasher_args.json',
  'flash_args',
];
const SAMPLED = [
  `${STEM}.app-bin`,
  `${STEM}.bin`,
  `${STEM}.cdx.json`,
  'bootloader.bin',
  'partition-table.bin',
  'otadata.bin',
];
const SAMPLE = 60;

let whole: Files;
/** Without the zip, which is what takes the time; it has tests of its own. */
let unzipped: Files;

beforeAll(async () => {
  whole = await aRelease({
    chip: esp32c6,
    board: BOARD,
    keys: [key],
    mmuPageSizeLog2: 13,
    appSize: 0x1000,
  });
  unzipped = withSums(new Map([...whole].filter(([name]) => name !== ZIP)));
});

describe('A release directory', () => {
  test('is accepted as it is, with and without trusted keys', async () => {
    expect(await findingsOf(whole)).toEqual([]);
    expect(await findingsOf(whole, trusting(key))).toEqual([]);
    expect([...whole.keys()].sort()).toEqual([...SMALL, ...SAMPLED, ZIP].sort());
  });

  test.each(SMALL)('is refused whichever byte of %s is changed by a bit', async (name) => {
    const unnoticed = [];
    for (const at of fileOf(unzipped, name).keys()) {
      const errors = await errorsIn(flipped(unzipped, name, at));
      if (!errors.some(names(name))) unnoticed.push(at);
    }
    expect(unnoticed).toEqual([]);
  });

  test.each([...SAMPLED, ZIP])('is refused when a byte of %s is changed by a bit', async (name) => {
    const unnoticed = [];
    for (const at of sampleOf(fileOf(whole, name).length)) {
      const errors = await errorsIn(flipped(whole, name, at));
      if (!errors.some(names(name))) unnoticed.push(at);
    }
    expect(unnoticed).toEqual([]);
  });

  test.each([...SMALL, ...SAMPLED].filter((name) => name !== CHECKSUMS))(
    'is refused when a byte of %s is changed and SHA256SUMS and zip agree with that',
    async (name) => {
      const unnoticed = [];
      for (const at of sampleOf(fileOf(whole, name).length)) {
        const forged = withSums(flipped(unzipped, name, at));
        const errors = (await errorsIn(forged, trusting(key))).filter(({ file }) => file !== ZIP);
        if (errors.length === 0) unnoticed.push(at);
      }
      expect(unnoticed).toEqual([]);
      const forged = await repaired(flipped(whole, name, 0));
      expect(await errorsIn(forged, trusting(key))).not.toEqual([]);
    },
  );
});

/** True for an error about the file: of a damaged SHA256SUMS, the files say that it does not fit them. */
function names(name: string) {
  return ({ file, message }: Finding): boolean =>
    file === name || (name === CHECKSUMS && message.includes(CHECKSUMS));
}

function flipped(files: Files, name: string, at: number): Files {
  return edited(files, name, (bytes) => {
    bytes.writeUInt8(bytes.readUInt8(at) ^ bitAt(at), at);
  });
}

/** Offsets all over a file of that length, its first and last byte among them. */
function sampleOf(length: number): number[] {
  const all = Array.from({ length: SAMPLE }, (_, index) =>
    Math.floor((index * (length - 1)) / (SAMPLE - 1)),
  );
  return [...new Set(all)];
}
