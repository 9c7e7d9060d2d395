import type { Chip } from './chip.ts';
import { THREE_DIGEST_EFUSES } from './digest-efuses.ts';

/**
 * ESP32-S3: ranges and capabilities from ESP-IDF components/soc/esp32s3, flash words and UF2 family from esptool.
 */
export const esp32s3 = {
  name: 'esp32s3',
  title: 'ESP32-S3',
  machine: 'xtensa',
  chipId: 9,
  bootloaderOffset: 0x0,
  flashFrequencies: { '80m': 0xf, '40m': 0x0, '26m': 0x1, '20m': 0x2 },
  mmuPageSizes: [0x10000],
  lastPageMinimum: 0,
  memory: [
    { kind: 'DROM', range: [0x3c000000, 0x3e000000], mapped: true },
    { kind: 'IROM', range: [0x42000000, 0x44000000], mapped: true },
    { kind: 'DRAM', range: [0x3fc88000, 0x3fd00000], mapped: false },
    { kind: 'IRAM', range: [0x40370000, 0x403e0000], mapped: false },
    { kind: 'RTC_FAST', range: [0x600fe000, 0x60100000], mapped: false },
    { kind: 'RTC_SLOW', range: [0x50000000, 0x50002000], mapped: false },
  ],
  secureBootV2: { schemes: ['rsa3072'], keySlots: 3, keyDigestLength: 32 },
  digestEfuses: THREE_DIGEST_EFUSES,
  secureBootV1: false,
  flashEncryption: { scheme: 'xts', keyLengths: [32, 64] },
  secureVersionBits: 16,
  legacyRevision: 'major',
  checksEfuseBlockRevision: true,
  uf2Family: 0xc47e5767,
} as const satisfies Chip;
