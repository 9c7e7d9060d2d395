import type { Chip } from './chip.ts';
import { THREE_DIGEST_EFUSES_SHA384 } from './digest-efuses.ts';

/**
 * ESP32-C5: ranges and capabilities from ESP-IDF components/soc/esp32c5, flash words and UF2 family from esptool.
 * RSA needs chip revision v0.1.
 */
export const esp32c5 = {
  name: 'esp32c5',
  title: 'ESP32-C5',
  machine: 'riscv',
  chipId: 23,
  bootloaderOffset: 0x2000,
  flashFrequencies: { '80m': 0xf, '40m': 0x0, '20m': 0x2 },
  mmuPageSizes: [0x10000],
  lastPageMinimum: 0,
  memory: [
    { kind: 'DROM', range: [0x42000000, 0x44000000], mapped: true },
    { kind: 'IROM', range: [0x42000000, 0x44000000], mapped: true },
    { kind: 'DRAM', range: [0x40800000, 0x40860000], mapped: false },
    { kind: 'IRAM', range: [0x40800000, 0x40860000], mapped: false },
    { kind: 'RTC_FAST', range: [0x50000000, 0x50004000], mapped: false },
  ],
  secureBootV2: {
    schemes: ['rsa3072', 'ecdsa256', 'ecdsa384', 'ecdsa192'],
    keySlots: 3,
    keyDigestLength: 32,
    rsaFromRevision: 1,
  },
  digestEfuses: THREE_DIGEST_EFUSES_SHA384,
  secureBootV1: false,
  flashEncryption: { scheme: 'xts', keyLengths: [32, 64] },
  secureVersionBits: 9,
  legacyRevision: 'major',
  checksEfuseBlockRevision: true,
  uf2Family: 0xf71c0343,
} as const satisfies Chip;
