import type { Chip } from './chip.ts';
import { THREE_DIGEST_EFUSES } from './digest-efuses.ts';

/**
 * ESP32-S2: ranges and capabilities from ESP-IDF components/soc/esp32s2, flash words and UF2 family from esptool.
 */
export const esp32s2 = {
  name: 'esp32s2',
  title: 'ESP32-S2',
  machine: 'xtensa',
  chipId: 2,
  bootloaderOffset: 0x1000,
  flashFrequencies: { '80m': 0xf, '40m': 0x0, '26m': 0x1, '20m': 0x2 },
  mmuPageSizes: [0x10000],
  lastPageMinimum: 0,
  memory: [
    { kind: 'DROM', range: [0x3f000000, 0x3ff80000], mapped: true },
    { kind: 'IROM', range: [0x40080000, 0x40800000], mapped: true },
    // Inside DROM, and so mapped: the bootloader looks at DROM only.
    { kind: 'PSRAM', range: [0x3f500000, 0x3ff80000], mapped: true },
    { kind: 'DRAM', range: [0x3ffb0000, 0x40000000], mapped: false },
    { kind: 'IRAM', range: [0x40020000, 0x40070000], mapped: false },
    { kind: 'RTC_FAST', range: [0x40070000, 0x40072000], mapped: false },
    { kind: 'RTC_FAST', range: [0x3ff9e000, 0x3ffa0000], mapped: false },
    { kind: 'RTC_SLOW', range: [0x50000000, 0x50002000], mapped: false },
  ],
  secureBootV2: { schemes: ['rsa3072'], keySlots: 3, keyDigestLength: 32 },
  digestEfuses: THREE_DIGEST_EFUSES,
  secureBootV1: false,
  flashEncryption: { scheme: 'xts', keyLengths: [32, 64] },
  secureVersionBits: 16,
  legacyRevision: 'major',
  checksEfuseBlockRevision: true,
  uf2Family: 0xbfdd4eee,
} as const satisfies Chip;
