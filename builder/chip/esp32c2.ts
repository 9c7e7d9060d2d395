import type { Chip } from './chip.ts';
import { ESP32C2_DIGEST_EFUSES } from './digest-efuses.ts';

/**
 * ESP32-C2: ranges and capabilities from ESP-IDF components/soc/esp32c2, flash words and UF2 family from esptool.
 */
export const esp32c2 = {
  name: 'esp32c2',
  title: 'ESP32-C2',
  machine: 'riscv',
  chipId: 12,
  bootloaderOffset: 0x0,
  flashFrequencies: { '60m': 0xf, '30m': 0x0, '20m': 0x1, '15m': 0x2 },
  mmuPageSizes: [0x10000, 0x8000, 0x4000],
  lastPageMinimum: 0,
  memory: [
    { kind: 'DROM', range: [0x3c000000, 0x3c400000], mapped: true },
    { kind: 'IROM', range: [0x42000000, 0x42400000], mapped: true },
    { kind: 'DRAM', range: [0x3fca0000, 0x3fce0000], mapped: false },
    { kind: 'IRAM', range: [0x4037c000, 0x403c0000], mapped: false },
  ],
  secureBootV2: { schemes: ['ecdsa256', 'ecdsa192'], keySlots: 1, keyDigestLength: 16 },
  digestEfuses: ESP32C2_DIGEST_EFUSES,
  secureBootV1: false,
  flashEncryption: { scheme: 'xts', keyLengths: [32, 16] },
  secureVersionBits: 4,
  legacyRevision: 'major',
  checksEfuseBlockRevision: true,
  uf2Family: 0x2b88d29c,
} as const satisfies Chip;
