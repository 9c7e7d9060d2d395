import type { Chip, SignatureScheme } from '../chip/chip.ts';
import { unsupportedByRelease } from '../chip/scheme-support.ts';
import { FormatError, SigningError } from '../errors/families.ts';
import {
  APP_DESC_MAGIC,
  APP_DESC_OFFSET,
  APP_DESC_SIZE,
  parseAppDescription,
} from '../format/app-desc.ts';
import { BOOTLOADER_DESC_SIZE, parseBootloaderDescription } from '../format/bootloader-desc.ts';
import { IMAGE_HEADER_SIZE, parseImageHeader } from '../format/esp-image-header.ts';
import { ByteReader } from '../format/byte-reader.ts';
import { keySchemeOf, schemeTitle, type SigningScheme } from './scheme.ts';

/**
 * Log messages of the code that verifies updates, which a build has for one scheme only: ESP-IDF
 * secure_boot_v2/secure_boot_signatures_app.c and …_bootloader.c, secure_boot_v1/secure_boot_signatures_app.c.
 */
const VERIFIERS: readonly { readonly text: string; readonly family: Family }[] = [
  { text: 'Verifying with RSA-PSS...', family: 'RSA' },
  { text: 'Verifying with ECDSA...', family: 'ECDSA' },
  { text: 'image has invalid signature version field', family: 'Secure Boot V1' },
];

type Family = 'RSA' | 'ECDSA' | 'Secure Boot V1';

/**
 * Throws SigningError for a scheme that firmware of this build, or the chip revisions that it is for, cannot verify: by
 * its ESP-IDF release, by the verifying code in it, by the revisions in its header. An image that does not tell is not
 * judged. `image` starts with the header of an app or a bootloader.
 */
export function requireOwnBuildVerifies(image: Buffer, chip: Chip, scheme: SigningScheme): void {
  const problem =
    releaseProblem(image, scheme) ??
    codeProblem(image, scheme) ??
    revisionProblem(image, chip, scheme);
  if (problem === undefined) return;
  throw new SigningError(
    'SCHEME_UNSUPPORTED',
    `the image cannot verify ${schemeTitle(scheme)}: ${problem}`,
    {
      hint: 'Sign with the scheme that the firmware was configured for, or build it for this one.',
    },
  );
}

function releaseProblem(image: Buffer, scheme: SigningScheme): string | undefined {
  if (scheme === 'v1') return undefined;
  const idfVersion = idfVersionOf(image);
  return idfVersion === undefined ? undefined : unsupportedByRelease(scheme, idfVersion);
}

function idfVersionOf(image: Buffer): string | undefined {
  const area = image.subarray(APP_DESC_OFFSET);
  if (area.length < 4 || area.readUInt32LE(0) !== APP_DESC_MAGIC)
    return parseBootloaderDescription(area.subarray(0, BOOTLOADER_DESC_SIZE))?.idfVersion;
  try {
    return parseAppDescription(area.subarray(0, APP_DESC_SIZE)).idfVersion;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

function codeProblem(image: Buffer, scheme: SigningScheme): string | undefined {
  const found = VERIFIERS.filter(({ text }) => image.includes(text, 0, 'latin1'));
  const [only] = found;
  if (only === undefined || found.length > 1 || only.family === familyOf(scheme)) return undefined;
  return `it was built to verify ${only.family} signatures`;
}

function familyOf(scheme: SigningScheme): Family {
  if (scheme === 'v1') return 'Secure Boot V1';
  return scheme === 'rsa3072' ? 'RSA' : 'ECDSA';
}

function revisionProblem(image: Buffer, chip: Chip, scheme: SigningScheme): string | undefined {
  const from = chip.secureBootV2.rsaFromRevision;
  if (scheme !== 'rsa3072' || from === undefined || image.length < IMAGE_HEADER_SIZE)
    return undefined;
  const { maxChipRevisionFull: max } = parseImageHeader(new ByteReader(image, 'image'));
  if (max === 0 || max === 0xffff || max >= from) return undefined;
  return `it is for ${chip.title} up to revision ${revision(max)}, and RSA takes ${revision(from)}`;
}

function revision(full: number): string {
  return `v${Math.floor(full / 100)}.${full % 100}`;
}

/** Throws SigningError for a scheme that no revision of the chip can verify. */
export function requireChipVerifies(chip: Chip, scheme: SigningScheme): void {
  const { schemes } = chip.secureBootV2;
  if (scheme === 'v1' ? chip.secureBootV1 : schemes.includes(scheme)) return;
  const possible: readonly SigningScheme[] = chip.secureBootV1 ? [...schemes, 'v1'] : schemes;
  const isV1Key = chip.secureBootV1 && keySchemeOf(scheme) === keySchemeOf('v1');
  throw new SigningError(
    'SCHEME_UNSUPPORTED',
    `${chip.title} cannot verify ${schemeTitle(scheme)}; it takes ${possible.map(schemeTitle).join(', ')}`,
    {
      hint: isV1Key
        ? 'A key on P-256 signs for Secure Boot V1: --scheme v1.'
        : `Make a key for it with: ota-build keys generate FILE --scheme ${firstOf(schemes)}`,
    },
  );
}

function firstOf([first]: readonly [SignatureScheme, ...SignatureScheme[]]): SignatureScheme {
  return first;
}
