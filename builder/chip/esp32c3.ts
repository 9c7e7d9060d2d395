import type { Chip } from './chip.ts';
import { THREE_DIGEST_EFUSES } from './digest-efuses.ts';

/**
 * ESP32-C3: ranges and capabilities from ESP-IDF components/soc/esp32c3, flash words and UF2 family from esptool.
 * Secure Boot V2 needs chip revision v0.3.
 */
export const esp32c3 = {
  name: 'esp32c3',
  title: 'ESP32-C3',
  machine: 'riscv',
  chipId: 5,
  bootloaderOffset: 0x0,
  flashFrequencies: { '80m': 0xf, '40m': 0x0, '26m': 0x1, '20m': 0x2 },
  mmuPageSizes: [0x10000],
  lastPageMinimum: 0,
  memory: [
    { kind: 'DROM', range: [0x3c000000, 0x3c800000], mapped: true },
    { kind: 'IROM', range: [0x42000000, 0x42800000], mapped: true },
    { kind: 'DRAM', range: [0x3fc80000, 0x3fce0000], mapped: false },
    { kind: 'IRAM', range: [0x4037c000, 0x403e0000], mapped: false },
    { kind: 'RTC_FAST', range: [0x50000000, 0x50002000], mapped: false },
  ],
  secureBootV2: { schemes: ['rsa3072'], keySlots: 3, keyDigestLength: 32 },
  digestEfuses: THREE_DIGEST_EFUSES,
  secureBootV1: false,
  flashEncryption: { scheme: 'xts', keyLengths: [32] },
  secureVersionBits: 16,
  legacyRevision: 'minor',
  checksEfuseBlockRevision: true,
  uf2Family: 0xd42ba06c,
} as const satisfies Chip;
