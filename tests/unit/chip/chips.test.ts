import { describe, expect, test } from 'vitest';
import type { Chip, SignatureScheme } from '../../../builder/chip/chip.ts';
import { CHIPS, findChipByName } from '../../../builder/chip/registry.ts';

type Facts = {
  readonly name: string;
  readonly chipId: number;
  readonly bootloaderOffset: number;
  readonly smallestPage: number;
  readonly secureVersionBits: number;
  readonly schemes: readonly SignatureScheme[];
};

const RSA = ['rsa3072'] as const;
const P256_P192 = ['ecdsa256', 'ecdsa192'] as const;
const RSA_P256_P192 = ['rsa3072', 'ecdsa256', 'ecdsa192'] as const;
const ALL_SCHEMES = ['rsa3072', 'ecdsa256', 'ecdsa384', 'ecdsa192'] as const;

const FACTS: readonly Facts[] = [
  {
    name: 'esp32',
    chipId: 0,
    bootloaderOffset: 0x1000,
    smallestPage: 0x10000,
    secureVersionBits: 32,
    schemes: RSA,
  },
  {
    name: 'esp32s2',
    chipId: 2,
    bootloaderOffset: 0x1000,
    smallestPage: 0x10000,
    secureVersionBits: 16,
    schemes: RSA,
  },
  {
    name: 'esp32c3',
    chipId: 5,
    bootloaderOffset: 0x0,
    smallestPage: 0x10000,
    secureVersionBits: 16,
    schemes: RSA,
  },
  {
    name: 'esp32s3',
    chipId: 9,
    bootloaderOffset: 0x0,
    smallestPage: 0x10000,
    secureVersionBits: 16,
    schemes: RSA,
  },
  {
    name: 'esp32c2',
    chipId: 12,
    bootloaderOffset: 0x0,
    smallestPage: 0x4000,
    secureVersionBits: 4,
    schemes: P256_P192,
  },
  {
    name: 'esp32c6',
    chipId: 13,
    bootloaderOffset: 0x0,
    smallestPage: 0x2000,
    secureVersionBits: 16,
    schemes: RSA_P256_P192,
  },
  {
    name: 'esp32h2',
    chipId: 16,
    bootloaderOffset: 0x0,
    smallestPage: 0x2000,
    secureVersionBits: 16,
    schemes: RSA_P256_P192,
  },
  {
    name: 'esp32p4',
    chipId: 18,
    bootloaderOffset: 0x2000,
    smallestPage: 0x10000,
    secureVersionBits: 16,
    schemes: ALL_SCHEMES,
  },
  {
    name: 'esp32c61',
    chipId: 20,
    bootloaderOffset: 0x0,
    smallestPage: 0x2000,
    secureVersionBits: 16,
    schemes: P256_P192,
  },
  {
    name: 'esp32c5',
    chipId: 23,
    bootloaderOffset: 0x2000,
    smallestPage: 0x10000,
    secureVersionBits: 9,
    schemes: ALL_SCHEMES,
  },
];

describe('chip data', () => {
  test('covers exactly the chips of this table', () => {
    expect(CHIPS.map(({ name }) => name)).toEqual(FACTS.map(({ name }) => name));
  });

  test.each(FACTS)('of $name states what Espressif documents', (facts) => {
    const chip = findChipByName(facts.name);
    expect(chip).toMatchObject({
      chipId: facts.chipId,
      bootloaderOffset: facts.bootloaderOffset,
      secureVersionBits: facts.secureVersionBits,
    });
    expect(chip?.mmuPageSizes.at(-1)).toBe(facts.smallestPage);
    expect(chip?.secureBootV2.schemes).toEqual(facts.schemes);
  });

  test('gives the ESP32 and the ESP32-C2 one key slot, every other chip three', () => {
    expect(namesWhere((chip) => chip.secureBootV2.keySlots === 1)).toEqual(['esp32', 'esp32c2']);
    expect(namesWhere((chip) => chip.secureBootV2.keySlots === 3)).toHaveLength(CHIPS.length - 2);
  });

  test('cuts the key digest in half on the ESP32-C2 only', () => {
    expect(namesWhere((chip) => chip.secureBootV2.keyDigestLength === 16)).toEqual(['esp32c2']);
    expect(namesWhere((chip) => chip.secureBootV2.keyDigestLength === 32)).toHaveLength(9);
  });

  test('reads the legacy revision as minor on the ESP32-C3 only', () => {
    expect(namesWhere((chip) => chip.legacyRevision === 'minor')).toEqual(['esp32c3']);
  });

  test('checks eFuse block revisions everywhere but on the ESP32', () => {
    expect(namesWhere((chip) => !chip.checksEfuseBlockRevision)).toEqual(['esp32']);
  });
});

describe.each(CHIPS)('$title', (chip) => {
  test('has the title that its name spells without dash', () => {
    expect(chip.title.toLowerCase().replace('-', '')).toBe(chip.name);
  });

  test('has non-empty word-aligned u32 memory ranges, none listed twice', () => {
    for (const { range } of chip.memory) {
      const [start, end] = range;
      expect(start % 4).toBe(0);
      expect(end % 4).toBe(0);
      expect(start).toBeGreaterThanOrEqual(0x10000000);
      expect(end).toBeGreaterThan(start);
      expect(end).toBeLessThanOrEqual(0xffffffff);
    }
    const keys = chip.memory.map(({ kind, range }) => `${kind} ${range.join('-')}`);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('maps DROM, IROM and PSRAM, and loads everything else', () => {
    for (const { kind, mapped } of chip.memory) {
      expect(mapped, kind).toBe(['DROM', 'IROM', 'PSRAM'].includes(kind));
    }
    const kinds = chip.memory.map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['DROM', 'IROM', 'DRAM', 'IRAM']));
  });

  test('never maps an address that it also loads', () => {
    const mapped = chip.memory.filter((memory) => memory.mapped);
    const loaded = chip.memory.filter((memory) => !memory.mapped);
    for (const { range: a } of mapped) {
      for (const { range: b } of loaded) expect(a[0] >= b[1] || b[0] >= a[1]).toBe(true);
    }
  });

  test('lists its MMU page sizes as powers of two from 64 KiB downwards', () => {
    expect(chip.mmuPageSizes).toEqual(chip.mmuPageSizes.map((_, step) => 0x10000 >> step));
  });

  test('encodes flash frequencies in a nibble and has one for code 0', () => {
    const codes = Object.values(chip.flashFrequencies);
    expect(codes).toContain(0);
    for (const code of codes) expect([0, 1, 2, 15]).toContain(code);
  });
});

function namesWhere(holds: (chip: Chip) => boolean): readonly string[] {
  return CHIPS.filter(holds).map(({ name }) => name);
}
