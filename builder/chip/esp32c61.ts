import type { Chip } from './chip.ts';
import { THREE_DIGEST_EFUSES } from './digest-efuses.ts';

/**
 * ESP32-C61: ranges and capabilities from ESP-IDF components/soc/esp32c61, flash words and UF2 family from esptool.
 */
export const esp32c61 = {
  name: 'esp32c61',
  title: 'ESP32-C61',
  machine: 'riscv',
  chipId: 20,
  bootloaderOffset: 0x0,
  flashFrequencies: { '80m': 0xf, '40m': 0x0, '20m': 0x2 },
  mmuPageSizes: [0x10000, 0x8000, 0x4000, 0x2000],
  lastPageMinimum: 0,
  memory: [
    { kind: 'DROM', range: [0x42000000, 0x44000000], mapped: true },
    { kind: 'IROM', range: [0x42000000, 0x44000000], mapped: true },
    { kind: 'DRAM', range: [0x40800000, 0x40850000], mapped: false },
    { kind: 'IRAM', range: [0x40800000, 0x40850000], mapped: false },
  ],
  secureBootV2: { schemes: ['ecdsa256', 'ecdsa192'], keySlots: 3, keyDigestLength: 32 },
  digestEfuses: THREE_DIGEST_EFUSES,
  secureBootV1: false,
  flashEncryption: { scheme: 'xts', keyLengths: [32] },
  secureVersionBits: 16,
  legacyRevision: 'major',
  checksEfuseBlockRevision: true,
  uf2Family: 0x77d850c4,
} as const satisfies Chip;
