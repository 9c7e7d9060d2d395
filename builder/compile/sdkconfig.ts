import type { SignatureScheme } from '../chip/chip.ts';
import { findChipByName } from '../chip/registry.ts';
import { CompileError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import type { MicroPythonSource, Plan } from '../plan/plan.ts';

/** Options of Kconfig that a plan needs, `CONFIG_` left out: what the lines say, and what has to come out. */
export type SdkconfigOptions = Readonly<Record<string, string | number | boolean>>;

/** A plan whose firmware is compiled. */
export type MicroPythonPlan = Omit<Plan, 'source'> & { readonly source: MicroPythonSource };

/** Fragments of firmware/sdkconfig/ that a plan is built with, in order, without their extension. */
export function fragmentsFor({
  source,
  signing,
  secureVersion,
}: MicroPythonPlan): readonly string[] {
  return [
    'app-description',
    'rollback',
    'reproducible',
    ...(source.optimization === 'size' ? ['size'] : []),
    ...(secureVersion > 0 ? ['anti-rollback'] : []),
    ...(signing === null ? [] : signingFragments(source.verification, signing.scheme)),
  ];
}

function signingFragments(
  verification: MicroPythonSource['verification'],
  scheme: SignatureScheme,
): string[] {
  const kind = scheme === 'rsa3072' ? 'rsa' : 'ecdsa';
  if (verification === 'secure-boot') return [`secure-boot-v2-${kind}`];
  return verification === 'on-update' ? [`signed-apps-${kind}`] : [];
}

/** What of the sdkconfig depends on the plan. `partitionCsv`: path of the table's CSV file. */
export function optionsOf(plan: MicroPythonPlan, partitionCsv: string): SdkconfigOptions {
  const { signing, source, secureVersion, flash, chip } = plan;
  return {
    APP_PROJECT_VER_FROM_CONFIG: true,
    APP_PROJECT_VER: plan.version,
    PARTITION_TABLE_CUSTOM: true,
    PARTITION_TABLE_CUSTOM_FILENAME: partitionCsv,
    PARTITION_TABLE_OFFSET: plan.partitionTableOffset,
    ...(flash.size === 'keep' ? {} : { [`ESPTOOLPY_FLASHSIZE_${flash.size}`]: true }),
    ...(secureVersion === 0
      ? {}
      : {
          BOOTLOADER_APP_ANTI_ROLLBACK: true,
          BOOTLOADER_APP_SECURE_VERSION: secureVersion,
          // Some releases of ESP-IDF offer more bits than the chip has.
          BOOTLOADER_APP_SEC_VER_SIZE_EFUSE_FIELD: findChipByName(chip)?.secureVersionBits ?? 0,
        }),
    ...(signing === null || source.verification === 'none'
      ? {}
      : signatureOptions(chip, signing.scheme)),
  };
}

const KEY_LENGTHS: Readonly<Partial<Record<SignatureScheme, number>>> = {
  ecdsa192: 192,
  ecdsa256: 256,
  ecdsa384: 384,
};

function signatureOptions(chip: string, scheme: SignatureScheme): SdkconfigOptions {
  const length = KEY_LENGTHS[scheme];
  return {
    // Signing is our own step, with a key that the compiler never sees.
    SECURE_BOOT_BUILD_SIGNED_BINARIES: false,
    // The first ESP32 that can verify an RSA signature (Kconfig, SECURE_BOOT_V2_RSA_SUPPORTED).
    ...(chip === 'esp32' ? { ESP32_REV_MIN_3: true } : {}),
    ...(length === undefined ? {} : { [`SECURE_BOOT_ECDSA_KEY_LEN_${length}_BITS`]: true }),
  };
}

/** The options as lines of an sdkconfig file. */
export function sdkconfigLines(options: SdkconfigOptions): string {
  const lines = Object.entries(options).map(
    ([name, value]) => `CONFIG_${name}=${format(name, value)}`,
  );
  return `# Written by ota-build from the plan of this release.\n${lines.join('\n')}\n`;
}

function format(name: string, value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'y' : 'n';
  if (typeof value === 'number') return name.endsWith('_OFFSET') ? hex(value) : String(value);
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}

/**
 * Kconfig silently drops options whose conditions do not hold. Throws CompileError when the sdkconfig that a build ended
 * up with lacks something that the plan or one of its fragments asked for. `asked` are the lines of those files.
 */
export function requireOptions(sdkconfig: string, asked: readonly string[], chip: string): void {
  const found = readOptions(sdkconfig);
  const wanted = new Map<string, string>();
  for (const text of asked) {
    for (const [name, value] of readOptions(withoutOtherChips(text, chip))) wanted.set(name, value);
  }
  for (const [name, value] of wanted) {
    const actual = found.get(name) ?? 'n';
    if (same(actual, value)) continue;
    throw new CompileError(
      'CONFIGURATION_LOST',
      `the build's sdkconfig has ${name}=${actual}, but the release needs ${value}: ` +
        'the board, the chip or this ESP-IDF does not allow it',
      {
        hint: `Look at what ${name} depends on (idf.py menuconfig shows it), and at the project's own sdkconfig files.`,
      },
    );
  }
}

/** A paragraph of a fragment that begins with `# Only on: CHIP, CHIP` is for those chips. */
function withoutOtherChips(text: string, chip: string): string {
  const paragraphs = text.split(/\n\s*\n/);
  const isForUs = (paragraph: string): boolean => {
    const only = /^# Only on: (.+)$/m.exec(paragraph)?.[1];
    return only === undefined || only.split(/,\s*/).includes(chip);
  };
  return paragraphs.filter(isForUs).join('\n\n');
}

function readOptions(text: string): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (const [, unset, name = '', value = ''] of text.matchAll(
    /^(?:# (CONFIG_\w+) is not set|(CONFIG_\w+)=(.*?))\s*$/gm,
  )) {
    if (unset === undefined) options.set(name, value);
    else options.set(unset, 'n');
  }
  return options;
}

/** Kconfig writes hex numbers in its own way, and nothing at all for options that are not visible. */
function same(a: string, b: string): boolean {
  if (a === b) return true;
  const isOff = (value: string): boolean => value === 'n' || value === '';
  if (isOff(a) && isOff(b)) return true;
  const isNumber = /^(0x[0-9a-f]+|\d+)$/i;
  return isNumber.test(a) && isNumber.test(b) && Number(a) === Number(b);
}
