import type { DigestEfuses } from './digest-efuses.ts';

/** Signature schemes of Secure Boot V2, in espsecure's words (`generate-signing-key --scheme`). */
export type SignatureScheme = 'rsa3072' | 'ecdsa192' | 'ecdsa256' | 'ecdsa384';

/** Half-open range of addresses, [start, end). */
export type AddressRange = readonly [start: number, end: number];

/**
 * Kinds of memory that a segment can load to; several can hold for one address on unified-bus chips. SPM is the
 * ESP32-P4's scratchpad. OTHER_RAM is RAM that the boot ROM fills, and so fine for a bootloader's segment, but that
 * the second-stage bootloader refuses for an app unless it was built for a single core (`verify_load_addresses`).
 */
export type MemoryKind =
  'DROM' | 'IROM' | 'DRAM' | 'IRAM' | 'RTC_FAST' | 'RTC_SLOW' | 'PSRAM' | 'SPM' | 'OTHER_RAM';

export type MemoryRange = {
  readonly kind: MemoryKind;
  readonly range: AddressRange;
  /** Executed or read in place from flash through the MMU: its alignment rule applies (`should_map`). */
  readonly mapped: boolean;
};

/** Everything that we know of a chip: data only, no behaviour, no per-chip branch anywhere else. */
export type Chip = {
  /** Espressif's target name, `esp32c3`. */
  readonly name: string;
  /** As people write it, `ESP32-C3`. */
  readonly title: string;
  /** Instruction set: what ELF files for it say. */
  readonly machine: 'xtensa' | 'riscv';
  /** `esp_chip_id_t` in the image header. */
  readonly chipId: number;
  /** Flash offset of the second-stage bootloader (CONFIG_BOOTLOADER_OFFSET_IN_FLASH). */
  readonly bootloaderOffset: number;
  /** Low nibble of header byte 3 for each name that esptool has; two names may share a code. */
  readonly flashFrequencies: Readonly<Record<string, number>>;
  /** Allowed MMU page sizes in bytes, largest first. One entry: the size is fixed. */
  readonly mmuPageSizes: readonly number[];
  /** All that a loader maps or fills; an address outside is refused. Mapped ranges are those of 64 KiB pages. */
  /** Bytes that the last page of a mapped segment must hold at least: early ESP32 bootloaders mapped a page too few. */
  readonly lastPageMinimum: number;
  readonly memory: readonly MemoryRange[];
  readonly secureBootV2: {
    /**
     * Schemes that this chip's ROM or a bootloader of any ESP-IDF release can verify; the first is the default.
     * Some need a chip revision on top of that. ecdsa192 is verified by ESP-IDF up to v6.0.1 only.
     */
    readonly schemes: readonly [SignatureScheme, ...SignatureScheme[]];
    /** Key digests that eFuse holds, which is also how many signature blocks are looked at. */
    readonly keySlots: number;
    /** Bytes of the key digest that eFuse stores (ESP_SECURE_BOOT_KEY_DIGEST_LEN). */
    readonly keyDigestLength: number;
    /** Revision (major * 100 + minor) from which on the chip verifies RSA; unsaid, every one does that can at all. */
    readonly rsaFromRevision?: number;
  };
  /** Where the digests of Secure Boot V2 are burnt, and what enables it. */
  readonly digestEfuses: DigestEfuses;
  /** Secure Boot V1 (SOC_SECURE_BOOT_V1): ECDSA on P-256, the key in the bootloader. */
  readonly secureBootV1: boolean;
  /**
   * How flash is encrypted, and what a key file may be long in bytes: `esp32` is the ESP32's own scheme, `xts` is
   * XTS-AES-128 (32) or XTS-AES-256 (64); a shorter key is stretched (SOC_FLASH_ENCRYPTION_XTS_AES_*).
   */
  readonly flashEncryption: {
    readonly scheme: 'esp32' | 'xts';
    readonly keyLengths: readonly [number, ...number[]];
  };
  /** Width in bits of the eFuse SECURE_VERSION field: the largest secure_version. */
  readonly secureVersionBits: number;
  /** Which byte of the legacy `min_chip_rev` field carries: the major or (ESP32-C3) the minor revision. */
  readonly legacyRevision: 'major' | 'minor';
  /** The bootloader reads eFuse block revisions out of segment 0 of every app (`process_segment_data`). */
  readonly checksEfuseBlockRevision: boolean;
  /** Family id in UF2 blocks (uf2families.json of microsoft/uf2). */
  readonly uf2Family: number;
};
