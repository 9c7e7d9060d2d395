import type { Chip } from './chip.ts';
import { ESP32_DIGEST_EFUSES } from './digest-efuses.ts';

/**
 * ESP32: ranges and capabilities from ESP-IDF components/soc/esp32, flash words and UF2 family from esptool.
 * RSA needs chip revision v3.0.
 */
export const esp32 = {
  name: 'esp32',
  title: 'ESP32',
  machine: 'xtensa',
  chipId: 0,
  bootloaderOffset: 0x1000,
  flashFrequencies: { '80m': 0xf, '40m': 0x0, '26m': 0x1, '20m': 0x2 },
  mmuPageSizes: [0x10000],
  lastPageMinimum: 0x24,
  memory: [
    { kind: 'DROM', range: [0x3f400000, 0x3f800000], mapped: true },
    { kind: 'IROM', range: [0x400d0000, 0x40400000], mapped: true },
    { kind: 'DRAM', range: [0x3ffae000, 0x40000000], mapped: false },
    { kind: 'IRAM', range: [0x40080000, 0x400aa000], mapped: false },
    { kind: 'RTC_FAST', range: [0x400c0000, 0x400c2000], mapped: false },
    { kind: 'RTC_FAST', range: [0x3ff80000, 0x3ff82000], mapped: false },
    { kind: 'RTC_SLOW', range: [0x50000000, 0x50002000], mapped: false },
    // Cache memory of both cores (SOC_CACHE_PRO, SOC_CACHE_APP): the bootloader itself loads here.
    { kind: 'OTHER_RAM', range: [0x40070000, 0x40080000], mapped: false },
    // The part of SOC_DIRAM_IRAM that SOC_IRAM leaves out.
    { kind: 'OTHER_RAM', range: [0x400aa000, 0x400c0000], mapped: false },
  ],
  secureBootV2: { schemes: ['rsa3072'], keySlots: 1, keyDigestLength: 32, rsaFromRevision: 300 },
  digestEfuses: ESP32_DIGEST_EFUSES,
  secureBootV1: true,
  flashEncryption: { scheme: 'esp32', keyLengths: [32, 24] },
  secureVersionBits: 32,
  legacyRevision: 'major',
  checksEfuseBlockRevision: false,
  uf2Family: 0x1c5f21b0,
} as const satisfies Chip;
