import { ProfileError, SigningError } from '../errors/families.ts';
import type { BuildSettings } from '../esp-idf/build-settings.ts';
import type { Plan } from '../plan/plan.ts';
import type { Warning } from '../pipeline/context.ts';
import type { BuildDirectory } from './build-directory.ts';
import type { Bootloader } from './compiled.ts';

/**
 * Holds what a build asks of its updates against what a plan makes: a release that every device would refuse is refused
 * here. Throws SigningError where signatures are missing or of another scheme, ProfileError for a secure_version that the
 * bootloader could not count to.
 */
export function checkBuildSecurity(
  { settings, bootloader, name }: BuildDirectory,
  plan: Plan,
): void {
  if (settings === undefined) return;
  requireScheme(settings, plan, name);
  requireSignedBootloader(settings, plan, { name, bootloader });
  const bits = settings.antiRollback?.bits ?? null;
  if (bits !== null && plan.secureVersion > bits) {
    throw new ProfileError(
      'SECURE_VERSION_RANGE',
      `secure_version ${plan.secureVersion} is more than the bootloader of ${name} counts: it was built for ${bits} eFuse bits ` +
        '(CONFIG_BOOTLOADER_APP_SEC_VER_SIZE_EFUSE_FIELD)',
    );
  }
}

function requireScheme({ signatures }: BuildSettings, { signing }: Plan, name: string): void {
  if (signatures === null) return;
  if (signatures === 'v1') {
    throw new SigningError(
      'SCHEME_MISMATCH',
      `${name} was built to check signatures of Secure Boot V1 (CONFIG_SECURE_SIGNED_APPS_ECDSA_SCHEME), which ota-build does not make`,
      {
        hint: 'Build it for Secure Boot V2: CONFIG_SECURE_SIGNED_APPS_RSA_SCHEME or CONFIG_SECURE_SIGNED_APPS_ECDSA_V2_SCHEME.',
      },
    );
  }
  if (signing === null) {
    throw new SigningError(
      'SIGNING_REQUIRED',
      `${name} was built to take signed apps only (${signatures}): devices would refuse an unsigned release`,
      { hint: 'Sign it: --sign, or --key FILE.' },
    );
  }
  if (signing.scheme === signatures) return;
  throw new SigningError(
    'SCHEME_MISMATCH',
    `${name} was built to check signatures of ${signatures}, but the plan signs with ${signing.scheme}`,
    { hint: `Use --scheme ${signatures} and a key of that kind.` },
  );
}

function requireSignedBootloader(
  { secureBoot }: BuildSettings,
  { signing }: Plan,
  { name, bootloader }: { readonly name: string; readonly bootloader: Bootloader | undefined },
): void {
  if (secureBoot === null || bootloader === undefined) return;
  if (bootloader.signed || signing?.bootloader === true) return;
  throw new SigningError(
    'SIGNING_REQUIRED',
    `${name} was built for hardware Secure Boot, and its bootloader is not signed: no device with Secure Boot on would start it`,
    { hint: 'Set signing.bootloader to true in the profile.' },
  );
}

/** What of a build's configuration the users of a release have to know. `name` is the directory, for messages. */
export function buildWarnings(
  { settings, secrets, bootloader, args }: BuildDirectory,
  plan: Plan,
  name: string,
): readonly Warning[] {
  const warnings: Warning[] = [];
  if (bootloader === undefined) {
    const message = `${name} has no bootloader: the release has no full-flash image and cannot set up an empty device`;
    warnings.push({ code: 'NO_BOOTLOADER', message });
  }
  if (settings === undefined) {
    const message = `whether the bootloader of ${name} rolls back cannot be told: there is no sdkconfig in the build directory`;
    warnings.push({ code: 'ROLLBACK_UNKNOWN', message });
  } else if (!settings.rollback) {
    const message =
      `${name} was built without CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE: its bootloader does not roll back, ` +
      'so an update that fails to start stays, and the device with it';
    warnings.push({ code: 'NO_ROLLBACK', message });
  }
  if (settings?.antiRollback === null && plan.secureVersion > 0) {
    const message =
      `secure_version ${plan.secureVersion} keeps no older app from starting: ${name} was built without ` +
      'CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK';
    warnings.push({ code: 'ANTI_ROLLBACK_OFF', message });
  }
  if (settings?.flashEncryption === true || args.encrypted) {
    const message =
      `${name} was built for flash encryption: what flash_args writes is plain, and a device that encrypts already ` +
      'does not start from it';
    warnings.push({ code: 'FLASH_ENCRYPTION', message });
  }
  for (const file of args.otherFiles) {
    const message = `${file} of ${name}, which the build writes to flash too, is not carried over`;
    warnings.push({ code: 'DATA_LEFT_OUT', message });
  }
  if (secrets.length > 0) {
    const message = `the sdkconfig of ${name} may hold secrets, which app and release then carry: ${secrets.join(', ')}`;
    warnings.push({ code: 'SDKCONFIG_SECRET', message });
  }
  return warnings;
}
