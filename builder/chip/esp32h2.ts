import type { Chip } from './chip.ts';
import { THREE_DIGEST_EFUSES } from './digest-efuses.ts';

/**
 * ESP32-H2: ranges and capabilities from ESP-IDF components/soc/esp32h2, flash words and UF2 family from esptool.
 * The mapped range is 256 pages long.
 */
export const esp32h2 = {
  name: 'esp32h2',
  title: 'ESP32-H2',
  machine: 'riscv',
  chipId: 16,
  bootloaderOffset: 0x0,
  flashFrequencies: { '48m': 0xf, '24m': 0x0, '16m': 0x1, '12m': 0x2 },
  mmuPageSizes: [0x10000, 0x8000, 0x4000, 0x2000],
  lastPageMinimum: 0,
  memory: [
    { kind: 'DROM', range: [0x42000000, 0x43000000], mapped: true },
    { kind: 'IROM', range: [0x42000000, 0x43000000], mapped: true },
    { kind: 'DRAM', range: [0x40800000, 0x40850000], mapped: false },
    { kind: 'IRAM', range: [0x40800000, 0x40850000], mapped: false },
    { kind: 'RTC_FAST', range: [0x50000000, 0x50001000], mapped: false },
  ],
  secureBootV2: { schemes: ['rsa3072', 'ecdsa256', 'ecdsa192'], keySlots: 3, keyDigestLength: 32 },
  digestEfuses: THREE_DIGEST_EFUSES,
  secureBootV1: false,
  flashEncryption: { scheme: 'xts', keyLengths: [32] },
  secureVersionBits: 16,
  legacyRevision: 'major',
  checksEfuseBlockRevision: true,
  uf2Family: 0x332726f6,
} as const satisfies Chip;
