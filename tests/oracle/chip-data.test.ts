import { execFileSync } from 'node:child_process';
import { beforeAll, describe, expect, test } from 'vitest';
import { CHIPS, describeChipId } from '../../builder/chip/registry.ts';
import { isMissing, NEEDS_ORACLE, oraclePython } from '../support/oracle.ts';

type EsptoolChip = {
  readonly title: string;
  readonly chipId: number | null;
  readonly bootloaderOffset: number;
  readonly flashFrequencies: Readonly<Record<string, number>>;
  readonly uf2Family: number;
};

const DUMP_CHIPS = `
import json
from esptool.targets import CHIP_DEFS
print(json.dumps({
    name: {
        "title": rom.CHIP_NAME,
        "chipId": getattr(rom, "IMAGE_CHIP_ID", None),
        "bootloaderOffset": rom.BOOTLOADER_FLASH_OFFSET,
        "flashFrequencies": rom.FLASH_FREQUENCY,
        "uf2Family": rom.UF2_FAMILY_ID,
    }
    for name, rom in CHIP_DEFS.items()
}))
`;

const python = oraclePython();

describe.skipIf(isMissing(python))(`chip data against esptool (${NEEDS_ORACLE})`, () => {
  let esptool: ReadonlyMap<string, EsptoolChip>;

  beforeAll(() => {
    const json = execFileSync(python ?? '', ['-c', DUMP_CHIPS], { encoding: 'utf8' });
    esptool = new Map(Object.entries(JSON.parse(json) as Record<string, EsptoolChip>));
  });

  test.each(CHIPS)('agrees on $title', (chip) => {
    const { name, title, chipId, bootloaderOffset, flashFrequencies, uf2Family } = chip;
    expect(esptool.get(name)).toEqual({
      title,
      chipId,
      bootloaderOffset,
      flashFrequencies,
      uf2Family,
    });
  });

  test.for([25, 28, 31, 32])('agrees on the name of unsupported chip id %d', (chipId, { skip }) => {
    const theirs = [...esptool.values()].find((chip) => chip.chipId === chipId);
    if (theirs === undefined) return skip('this esptool is older than the chip');
    expect(describeChipId(chipId)).toBe(`${theirs.title} (chip id ${chipId}, not supported)`);
  });
});
