import { describe, expect, test } from 'vitest';
import type { Chip, MemoryKind } from '../../../builder/chip/chip.ts';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c2 } from '../../../builder/chip/esp32c2.ts';
import { esp32c3 } from '../../../builder/chip/esp32c3.ts';
import { esp32c5 } from '../../../builder/chip/esp32c5.ts';
import { esp32c6 } from '../../../builder/chip/esp32c6.ts';
import { esp32c61 } from '../../../builder/chip/esp32c61.ts';
import { esp32h2 } from '../../../builder/chip/esp32h2.ts';
import { esp32p4 } from '../../../builder/chip/esp32p4.ts';
import { esp32s2 } from '../../../builder/chip/esp32s2.ts';
import { esp32s3 } from '../../../builder/chip/esp32s3.ts';
import { isMapped, memoryKindsAt } from '../../../builder/chip/memory.ts';
import { CHIPS } from '../../../builder/chip/registry.ts';

const MAPPED: readonly (readonly [chip: Chip, address: number, kinds: readonly MemoryKind[]])[] = [
  [esp32, 0x3f400020, ['DROM']],
  [esp32, 0x400d0020, ['IROM']],
  [esp32s2, 0x3f000020, ['DROM']],
  [esp32s2, 0x3f500000, ['DROM', 'PSRAM']],
  [esp32s2, 0x40080020, ['IROM']],
  [esp32s3, 0x3dffffff, ['DROM']],
  [esp32s3, 0x43ffffff, ['IROM']],
  [esp32c2, 0x3c3fffff, ['DROM']],
  [esp32c3, 0x3c7fffff, ['DROM']],
  [esp32c5, 0x43ffffff, ['DROM', 'IROM']],
  [esp32c6, 0x42ffffff, ['DROM', 'IROM']],
  [esp32c61, 0x43ffffff, ['DROM', 'IROM']],
  [esp32h2, 0x42000020, ['DROM', 'IROM']],
  [esp32p4, 0x40000020, ['DROM', 'IROM']],
  [esp32p4, 0x48000000, ['PSRAM']],
];

const LOADED: typeof MAPPED = [
  [esp32, 0x3fff0000, ['DRAM']],
  [esp32, 0x40078000, ['OTHER_RAM']],
  [esp32, 0x40080400, ['IRAM']],
  [esp32, 0x400a9fff, ['IRAM']],
  [esp32, 0x400aa000, ['OTHER_RAM']],
  [esp32, 0x400c0000, ['RTC_FAST']],
  [esp32, 0x3ff80000, ['RTC_FAST']],
  [esp32, 0x50000000, ['RTC_SLOW']],
  [esp32s2, 0x3ff9e000, ['RTC_FAST']],
  [esp32s3, 0x600fe000, ['RTC_FAST']],
  [esp32s3, 0x50000000, ['RTC_SLOW']],
  [esp32c2, 0x403a0000, ['IRAM']],
  [esp32c3, 0x403ce000, ['IRAM']],
  [esp32c3, 0x50000000, ['RTC_FAST']],
  [esp32c6, 0x4087ffff, ['DRAM', 'IRAM']],
  [esp32h2, 0x50000fff, ['RTC_FAST']],
  [esp32c5, 0x50003fff, ['RTC_FAST']],
  [esp32p4, 0x4ffbffff, ['DRAM', 'IRAM']],
  [esp32p4, 0x30100000, ['SPM']],
];

const REFUSED: readonly (readonly [chip: Chip, address: number])[] = [
  [esp32, 0x3f800000],
  [esp32, 0x40400000],
  [esp32, 0x400cffff],
  [esp32s3, 0x3e000000],
  [esp32c2, 0x50000000],
  [esp32c3, 0x3c800000],
  [esp32c6, 0x43000000],
  [esp32c61, 0x40850000],
  [esp32c61, 0x50000000],
  [esp32h2, 0x40850000],
  [esp32h2, 0x50001000],
  [esp32p4, 0x44000000],
  [esp32p4, 0x4c000000],
];

describe('memoryKindsAt and isMapped', () => {
  test.each(named(MAPPED))('say that $title maps $hex as $kinds', ({ chip, address, kinds }) => {
    expect(memoryKindsAt(chip, address)).toEqual(kinds);
    expect(isMapped(chip, address)).toBe(true);
  });

  test.each(named(LOADED))('say that $title loads $hex as $kinds', ({ chip, address, kinds }) => {
    expect(memoryKindsAt(chip, address)).toEqual(kinds);
    expect(isMapped(chip, address)).toBe(false);
  });

  test.each(named(REFUSED))('know no memory of $title at $hex', ({ chip, address }) => {
    expect(memoryKindsAt(chip, address)).toEqual([]);
    expect(isMapped(chip, address)).toBe(false);
  });

  test.each(CHIPS)('know no memory of $title below 0x10000000, where padding goes', (chip) => {
    for (const address of [0, 4, 0xffff, 0x0fffffff]) {
      expect(memoryKindsAt(chip, address)).toEqual([]);
      expect(isMapped(chip, address)).toBe(false);
    }
  });

  test.each(CHIPS)('take the first byte of each range of $title and not the one after', (chip) => {
    for (const { kind, range } of chip.memory) {
      expect(memoryKindsAt(chip, range[0])).toContain(kind);
      expect(memoryKindsAt(chip, range[1] - 1)).toContain(kind);
      expect(memoryKindsAt(chip, range[1])).not.toContain(kind);
    }
  });

  test('name a kind once where two ranges of it overlap', () => {
    const memory = [...esp32c3.memory, ...esp32c3.memory];
    expect(memoryKindsAt({ ...esp32c3, memory }, 0x42000020)).toEqual(['IROM']);
  });
});

function named(
  rows: readonly (readonly [chip: Chip, address: number, kinds?: readonly MemoryKind[]])[],
) {
  return rows.map(([chip, address, kinds = []]) => {
    return { chip, address, kinds, title: chip.title, hex: `0x${address.toString(16)}` };
  });
}
