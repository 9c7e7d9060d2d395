import type { SignatureScheme } from '../chip/chip.ts';
import type { Sdkconfig } from './sdkconfig.ts';

/** What of a build's configuration decides how its firmware boots and updates. */
export type BuildSettings = {
  /** `esp32c3` */
  readonly target?: string;
  /** Offset of the partition table that app and bootloader look for. */
  readonly partitionTableOffset?: number;
  /** The bootloader takes an app that did not confirm itself back. */
  readonly rollback: boolean;
  /** secure_version that the app was compiled with, and the eFuse bits that its bootloader counts; null: it counts none. */
  readonly antiRollback: { readonly secureVersion: number; readonly bits: number | null } | null;
  /** Signatures that the firmware itself asks of apps. `v1` is the scheme of the first ESP32 chips. */
  readonly signatures: SignatureScheme | 'v1' | null;
  readonly secureBoot: 'v1' | 'v2' | null;
  readonly flashEncryption: boolean;
};

/**
 * Picks the settings that concern a release. Source: ESP-IDF v5.0 to v6.0, components/bootloader/Kconfig.projbuild and
 * Kconfig.app_rollback, components/partition_table/Kconfig.projbuild.
 */
export function readBuildSettings(config: Sdkconfig): BuildSettings {
  const isSet = (name: string): boolean => config.get(name) === true;
  const target = config.get('IDF_TARGET');
  const tableOffset = config.get('PARTITION_TABLE_OFFSET');
  return {
    ...(typeof target === 'string' ? { target } : {}),
    ...(typeof tableOffset === 'number' ? { partitionTableOffset: tableOffset } : {}),
    rollback: isSet('BOOTLOADER_APP_ROLLBACK_ENABLE'),
    antiRollback: isSet('BOOTLOADER_APP_ANTI_ROLLBACK')
      ? {
          secureVersion: numberOf(config, 'BOOTLOADER_APP_SECURE_VERSION') ?? 0,
          bits: numberOf(config, 'BOOTLOADER_APP_SEC_VER_SIZE_EFUSE_FIELD') ?? null,
        }
      : null,
    signatures: signaturesOf(isSet),
    secureBoot: isSet('SECURE_BOOT_V1_ENABLED')
      ? 'v1'
      : isSet('SECURE_BOOT_V2_ENABLED')
        ? 'v2'
        : null,
    flashEncryption: isSet('SECURE_FLASH_ENC_ENABLED'),
  };
}

function signaturesOf(isSet: (name: string) => boolean): BuildSettings['signatures'] {
  if (isSet('SECURE_SIGNED_APPS_ECDSA_SCHEME')) return 'v1';
  if (isSet('SECURE_SIGNED_APPS_RSA_SCHEME')) return 'rsa3072';
  if (!isSet('SECURE_SIGNED_APPS_ECDSA_V2_SCHEME')) return null;
  if (isSet('SECURE_BOOT_ECDSA_KEY_LEN_192_BITS')) return 'ecdsa192';
  return isSet('SECURE_BOOT_ECDSA_KEY_LEN_384_BITS') ? 'ecdsa384' : 'ecdsa256';
}

function numberOf(config: Sdkconfig, name: string): number | undefined {
  const value = config.get(name);
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** The first setting that two configurations of one build do not agree on, for a message; undefined when they agree. */
export function differenceBetween(a: BuildSettings, b: BuildSettings): string | undefined {
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])] as (keyof BuildSettings)[];
  return keys.find((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]));
}
