/**
 * The eFuses of Secure Boot V2 in the words of espefuse. Sources: ESP-IDF security-features-enablement-workflows
 * ("Enable Secure Boot V2 Externally") and the field tables of esptool (espefuse/efuse_defs).
 */
export type DigestEfuses = {
  /** Key blocks that can hold a digest, the first to be used first. */
  readonly blocks: readonly [string, ...string[]];
  /** Purpose of each digest's block; none where the block itself says it. */
  readonly purposes: readonly string[];
  /** Bit that revokes each digest; none where a digest cannot be revoked. */
  readonly revokeBits: readonly string[];
  readonly enableBit: string;
  /** Bit that a chip needs on top to verify SHA-384 signatures (ecdsa384). */
  readonly sha384Bit?: string;
  /** The block holds the flash encryption key as well, and can be burnt only once. */
  readonly sharesBlock?: boolean;
};

export const ESP32_DIGEST_EFUSES: DigestEfuses = {
  blocks: ['secure_boot_v2'],
  purposes: [],
  revokeBits: [],
  enableBit: 'ABS_DONE_1',
};

export const ESP32C2_DIGEST_EFUSES: DigestEfuses = {
  blocks: ['BLOCK_KEY0'],
  purposes: ['SECURE_BOOT_DIGEST'],
  revokeBits: [],
  enableBit: 'SECURE_BOOT_EN',
  sharesBlock: true,
};

export const THREE_DIGEST_EFUSES: DigestEfuses = {
  blocks: ['BLOCK_KEY0', 'BLOCK_KEY1', 'BLOCK_KEY2', 'BLOCK_KEY3', 'BLOCK_KEY4', 'BLOCK_KEY5'],
  purposes: ['SECURE_BOOT_DIGEST0', 'SECURE_BOOT_DIGEST1', 'SECURE_BOOT_DIGEST2'],
  revokeBits: ['SECURE_BOOT_KEY_REVOKE0', 'SECURE_BOOT_KEY_REVOKE1', 'SECURE_BOOT_KEY_REVOKE2'],
  enableBit: 'SECURE_BOOT_EN',
};

export const THREE_DIGEST_EFUSES_SHA384: DigestEfuses = {
  ...THREE_DIGEST_EFUSES,
  sha384Bit: 'SECURE_BOOT_SHA384_EN',
};
