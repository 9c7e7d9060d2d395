import type { KeyObject } from 'node:crypto';
import type { Chip } from '../chip/chip.ts';
import { describeChipId, findChipById } from '../chip/registry.ts';
import { flashFrequencyName, flashModeName, flashSizeByCode } from '../chip/flash-settings.ts';
import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import type { ImageHeader } from '../format/esp-image-header.ts';
import { parseEspImage, type EspImage } from '../format/esp-image.ts';
import { classifyTrailer, type Trailer } from '../format/image-trailer.ts';
import { errorFinding, type Finding } from './finding.ts';
import { checkV1Signature, type CheckedV1Signature } from './signature-v1.ts';
import { checkSignatureSector, signersOf, type CheckedSignature } from './signature.ts';

export type ImageOptions = {
  /** The file as the report names it. */
  readonly file: string;
  /** The chip that it has to be for; unsaid, any that we know. */
  readonly chip?: Chip;
  /** SHA-256 digests of keys that count. Unsaid, only the embedded key is checked, which proves no origin. */
  readonly trustedKeys?: readonly Buffer[];
  /** Why known keys do not count, by their digests in hex. */
  readonly refusedKeys?: ReadonlyMap<string, string>;
  /** Public keys that a Secure Boot V1 signature is checked with: it names none itself. */
  readonly publicKeys?: readonly KeyObject[];
  /** Whether a signature has to be there, must not be there, or may (unsaid). */
  readonly signature?: 'required' | 'forbidden';
};

export type CheckedImage = {
  readonly findings: readonly Finding[];
  readonly image?: EspImage;
  readonly chip?: Chip;
  readonly trailer?: Trailer;
  /** Present when there is a signature sector where chips look for it. */
  readonly signature?: CheckedSignature;
  /** Present when there is a Secure Boot V1 signature behind the image. */
  readonly v1?: CheckedV1Signature;
};

/** What app and bootloader images have in common: header, checksum, SHA-256, chip, and what follows the image. */
export function checkImage(
  bytes: Buffer,
  options: ImageOptions & { readonly kind: 'app' | 'bootloader' },
): CheckedImage {
  const { file } = options;
  let image: EspImage;
  try {
    image = parseEspImage(bytes);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return {
      findings: [errorFinding('IMAGE_MALFORMED', error.message, { file, ...offsetOf(error) })],
    };
  }
  const trailer = classifyTrailer(bytes, image.length);
  const chip = findChipById(image.header.chipId);
  const findings = [
    ...checkIntegrity(image, file),
    ...checkChip(image.header, chip, options),
    ...checkTrailer(image, trailer, file),
  ];
  if (chip === undefined) return { findings, image, trailer };
  const flash = checkFlashHeader(image.header, chip, file);
  const known = { image, chip, trailer };
  if (trailer.kind === 'signature-v1') {
    const v1 = checkV1Signature(bytes, trailer.offset, { ...options, chip });
    const unexpected = checkUnexpected(trailer.offset, options);
    return { ...known, v1, findings: [...findings, ...flash, ...v1.findings, ...unexpected] };
  }
  if (trailer.kind !== 'signature-v2') {
    return { ...known, findings: [...findings, ...flash, ...checkUnsigned(trailer, options)] };
  }
  const signature = checkSignatureSector(bytes, trailer, { ...options, chip });
  const unexpected = checkUnexpected(trailer.offset, options);
  return {
    ...known,
    signature,
    findings: [...findings, ...flash, ...signature.findings, ...unexpected],
  };
}

/** Digests (hex) of the keys whose signatures on an image hold, in their order. */
export function signersOfImage({ signature, v1 }: CheckedImage): readonly string[] {
  return v1?.keyDigest === undefined ? signersOf(signature) : [v1.keyDigest.toString('hex')];
}

function checkUnexpected(offset: number, { signature, file }: ImageOptions): Finding[] {
  if (signature !== 'forbidden') return [];
  const message = 'is signed, but the manifest says that nothing is';
  return [errorFinding('SIGNATURE_UNEXPECTED', message, { file, offset })];
}

function checkIntegrity({ checksum, digest }: EspImage, file: string): Finding[] {
  const findings: Finding[] = [];
  if (checksum.stored !== checksum.computed) {
    const message = `the checksum is ${hex(checksum.stored, 2)}, the contents make ${hex(checksum.computed, 2)}`;
    findings.push(errorFinding('IMAGE_CHECKSUM', message, { file, offset: checksum.offset }));
  }
  if (digest !== undefined && !digest.stored.equals(digest.computed)) {
    const message = `the SHA-256 is ${digest.stored.toString('hex')}, the contents make ${digest.computed.toString('hex')}`;
    findings.push(errorFinding('IMAGE_DIGEST', message, { file, offset: digest.offset }));
  }
  return findings;
}

function checkChip(
  header: ImageHeader,
  chip: Chip | undefined,
  { chip: wanted, file }: ImageOptions,
): Finding[] {
  const place = { file, offset: 12 };
  if (chip === undefined)
    return [errorFinding('IMAGE_CHIP', `is for ${describeChipId(header.chipId)}`, place)];
  if (wanted !== undefined && wanted.chipId !== chip.chipId) {
    return [errorFinding('IMAGE_CHIP', `is for ${chip.title}, not for ${wanted.title}`, place)];
  }
  const { minChipRevisionFull: min, maxChipRevisionFull: max } = header;
  if (max !== 0 && max !== 0xffff && min > max) {
    return [
      errorFinding(
        'IMAGE_REVISION',
        `asks for chip revisions from ${min} to ${max} (major * 100 + minor): no chip has that`,
        { file, offset: 15 },
      ),
    ];
  }
  return [];
}

/** Codes that the boot ROM and the second-stage bootloader would have to guess about. */
function checkFlashHeader(header: ImageHeader, chip: Chip, file: string): Finding[] {
  const place = { file, offset: 2 };
  if (flashModeName(header.spiMode) === undefined) {
    return [
      errorFinding(
        'IMAGE_FLASH_HEADER',
        `has flash mode ${header.spiMode}, which does not exist`,
        place,
      ),
    ];
  }
  if (
    flashSizeByCode(header.flashSizeCode) === undefined ||
    flashFrequencyName(chip, header.flashFrequencyCode) === undefined
  ) {
    const byte = hex((header.flashSizeCode << 4) | header.flashFrequencyCode, 2);
    return [
      errorFinding(
        'IMAGE_FLASH_HEADER',
        `has flash size and frequency ${byte}, which ${chip.title} does not know`,
        { file, offset: 3 },
      ),
    ];
  }
  return [];
}

function checkTrailer(image: EspImage, trailer: Trailer, file: string): Finding[] {
  if (trailer.kind === 'unknown') {
    const message = `ends at ${hex(image.length)}, but there is data at ${hex(trailer.offset)} that is neither padding nor a signature`;
    return [errorFinding('IMAGE_TRAILING', message, { file, offset: trailer.offset })];
  }
  if (trailer.kind === 'misplaced-signature-v2') {
    const message = `has a signature sector at ${hex(trailer.offset)}; chips look for it at ${hex(trailer.expectedOffset)} only`;
    return [errorFinding('SIGNATURE_MISPLACED', message, { file, offset: trailer.offset })];
  }
  return [];
}

function checkUnsigned(
  trailer: Trailer,
  { signature, trustedKeys, file }: ImageOptions,
): Finding[] {
  if (trailer.kind !== 'none' && trailer.kind !== 'erased') return [];
  if (signature !== 'required' && trustedKeys === undefined) return [];
  return [errorFinding('SIGNATURE_MISSING', 'is not signed', { file })];
}

function offsetOf(error: FormatError): { offset?: number } {
  return error.where?.offset === undefined ? {} : { offset: error.where.offset };
}
