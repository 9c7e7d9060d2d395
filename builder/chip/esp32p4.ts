import type { Chip } from './chip.ts';
import { THREE_DIGEST_EFUSES_SHA384 } from './digest-efuses.ts';

/**
 * ESP32-P4: ranges and capabilities from ESP-IDF components/soc/esp32p4, flash words and UF2 family from esptool.
 * ecdsa384 needs chip revision v3.0.
 */
export const esp32p4 = {
  name: 'esp32p4',
  title: 'ESP32-P4',
  machine: 'riscv',
  chipId: 18,
  bootloaderOffset: 0x2000,
  flashFrequencies: { '80m': 0xf, '40m': 0x0, '26m': 0x1, '20m': 0x2 },
  mmuPageSizes: [0x10000],
  lastPageMinimum: 0,
  memory: [
    { kind: 'DROM', range: [0x40000000, 0x44000000], mapped: true },
    { kind: 'IROM', range: [0x40000000, 0x44000000], mapped: true },
    // PSRAM has an MMU of its own (SOC_MMU_PER_EXT_MEM_TARGET), under the same alignment rule.
    { kind: 'PSRAM', range: [0x48000000, 0x4c000000], mapped: true },
    { kind: 'DRAM', range: [0x4ff00000, 0x4ffc0000], mapped: false },
    { kind: 'IRAM', range: [0x4ff00000, 0x4ffc0000], mapped: false },
    { kind: 'RTC_FAST', range: [0x50108000, 0x50110000], mapped: false },
    { kind: 'SPM', range: [0x30100000, 0x30102000], mapped: false },
  ],
  secureBootV2: {
    schemes: ['rsa3072', 'ecdsa256', 'ecdsa384', 'ecdsa192'],
    keySlots: 3,
    keyDigestLength: 32,
  },
  digestEfuses: THREE_DIGEST_EFUSES_SHA384,
  secureBootV1: false,
  flashEncryption: { scheme: 'xts', keyLengths: [32, 64] },
  secureVersionBits: 16,
  legacyRevision: 'major',
  checksEfuseBlockRevision: true,
  uf2Family: 0x3d308e94,
} as const satisfies Chip;
