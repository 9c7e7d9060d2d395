import type { Chip } from '../chip/chip.ts';
import { parseKeyReference } from '../keys/key-reference.ts';
import type { Where } from '../errors/ota-build-error.ts';
import { ProfileError, SigningError, UsageError } from '../errors/families.ts';

/** Characters in esp_app_desc_t.version and .project_name, without the terminating NUL. */
const DESCRIPTION_TEXT_LENGTH = 31;

/** A version names files and fills esp_app_desc_t.version. Throws ProfileError where it could not. */
export function checkVersion(version: string, where?: Where): string {
  if (version.length > DESCRIPTION_TEXT_LENGTH) {
    throw new ProfileError(
      'VERSION_INVALID',
      `version '${version}' has ${version.length} characters; the app description holds ${DESCRIPTION_TEXT_LENGTH}`,
      { hint: 'Choose a shorter one with --app-version.', ...placed(where) },
    );
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9._+-]*$/.test(version)) {
    throw new ProfileError(
      'VERSION_INVALID',
      `version '${version}' cannot name files on every system: expected letters, digits and . _ + - (first a letter or digit)`,
      placed(where),
    );
  }
  return version;
}

/** Throws ProfileError when `secureVersion` does not fit the chip's eFuse field. */
export function checkSecureVersion(secureVersion: number, chip: Chip, where?: Where): number {
  const most = chip.secureVersionBits;
  if (!Number.isInteger(secureVersion) || secureVersion < 0 || secureVersion > most) {
    throw new ProfileError(
      'SECURE_VERSION_RANGE',
      `secure_version ${secureVersion} is not possible on ${chip.title}: its eFuse field has ${most} bits, so 0 to ${most}`,
      placed(where),
    );
  }
  return secureVersion;
}

function placed(where: Where | undefined): { readonly where?: Where } {
  return where === undefined ? {} : { where };
}

/** Throws UsageError when a variant could not be part of a file name. */
export function checkVariant(variant: string | undefined): string | undefined {
  if (variant === undefined || /^[A-Za-z0-9_]{1,32}$/.test(variant)) return variant;
  throw new UsageError(
    'USAGE',
    `variant '${variant}' is not a name: expected letters, digits and _`,
  );
}

/**
 * Throws SigningError for a key reference that cannot be one, and for a private key or PIN where its name belongs; those are
 * never quoted: a plan is printed.
 */
export function checkKeyReference(reference: string): string {
  if (!/PRIVATE KEY|[\r\n]/.test(reference)) {
    parseKeyReference(reference);
    return reference;
  }
  throw new SigningError(
    'KEY_REFERENCE',
    'a key itself was given where the name of a key belongs',
    {
      hint: 'Keep it in a file (--key FILE) or an environment variable (--key env:NAME); it may be in logs already.',
    },
  );
}
