import type { Chip } from '../chip/chip.ts';
import { detectFirmware, isAppAt } from '../compile/firmware-input.ts';
import { FormatError, SigningError, UsageError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { isFilledWith } from '../format/byte-reader.ts';
import { ESP_IMAGE_MAGIC } from '../format/esp-image-header.ts';
import { parseEspImage, requireIntact } from '../format/esp-image.ts';
import { classifyTrailer, SECTOR_SIZE } from '../format/image-trailer.ts';
import { parsePartitionTable, PARTITION_TABLE_SIZE } from '../format/partition-table.ts';
import { looksLikeSignatureSector } from '../format/signature-sector.ts';
import { looksLikeV1Signature, V1_SIGNATURE_SIZE } from '../format/signature-v1.ts';

/**
 * The signature that a file has already. `misplaced`: a sector where no chip looks for it, as signing a signed image
 * once more with espsecure leaves it.
 */
export type ExistingSignature =
  { readonly kind: 'none' } | { readonly kind: 'v2' | 'v1' | 'misplaced'; readonly offset: number };

/** A file that can be signed. */
export type Signable = {
  readonly kind: 'app' | 'bootloader' | 'partition-table' | 'data';
  /** Whose rules hold; unsaid for data of which nobody has told yet. */
  readonly chip?: Chip;
  /** What is signed, without padding and without any signature. */
  readonly contents: Buffer;
  readonly existing: ExistingSignature;
};

export type SignableOptions = {
  /** The file as messages show it. */
  readonly name: string;
  /** Data that is not firmware: without it, only images and partition tables are signed. */
  readonly data: boolean;
  readonly chip?: Chip;
};

/**
 * Tells what a file is that shall be signed, and where in it a signature is. Throws FormatError for what is damaged or
 * no firmware, SigningError for what is firmware and cannot be signed as one, UsageError for a chip that it is not for.
 */
export function readSignable(bytes: Buffer, options: SignableOptions): Signable {
  const { name, data, chip } = options;
  if (bytes.length === 0) throw notSignable(`${name} is empty: there is nothing to sign`, 0);
  if (data) return readData(bytes, options);
  if (bytes[0] === 0xaa && bytes[1] === 0x50) return readTable(bytes, options);
  const image = readImage(bytes, name);
  if (chip !== undefined && image.chip !== undefined && chip.chipId !== image.chip.chipId) {
    throw new UsageError('USAGE', `${name} is for ${image.chip.title}, not for ${chip.title}`);
  }
  return image;
}

function readImage(bytes: Buffer, name: string): Signable {
  const { chip, ...input } = detect(bytes, name);
  if (input.kind === 'flash-image' && input.convention === 'merged') throw fullFlash(name, 0);
  const image = parseEspImage(bytes);
  requireIntact(image, name);
  const trailer = classifyTrailer(bytes, image.length);
  if (trailer.kind === 'unknown') {
    if (input.kind !== 'app') throw fullFlash(name, trailer.offset);
    throw notSignable(
      `${name}: the image ends at ${hex(image.length)}, but there is other data at ${hex(trailer.offset)}`,
      trailer.offset,
    );
  }
  return {
    kind: isAppAt(bytes, 0) ? 'app' : 'bootloader',
    chip,
    contents: bytes.subarray(0, image.length),
    existing: existingOf(trailer),
  };
}

function existingOf(trailer: ReturnType<typeof classifyTrailer>): ExistingSignature {
  switch (trailer.kind) {
    case 'signature-v2':
      return { kind: 'v2', offset: trailer.offset };
    case 'signature-v1':
      return { kind: 'v1', offset: trailer.offset };
    case 'misplaced-signature-v2':
      return { kind: 'misplaced', offset: trailer.offset };
    default:
      return { kind: 'none' };
  }
}

function detect(bytes: Buffer, name: string): ReturnType<typeof detectFirmware> {
  try {
    return detectFirmware(bytes, name);
  } catch (error) {
    if (!(error instanceof FormatError) || error.code !== 'NOT_FIRMWARE') throw error;
    throw new FormatError(error.code, error.message, {
      ...(error.where === undefined ? {} : { where: error.where }),
      hint: 'Use --data --chip NAME to sign data that is not firmware, for a device that verifies data partitions.',
      cause: error,
    });
  }
}

function readTable(bytes: Buffer, { name, chip }: SignableOptions): Signable {
  parsePartitionTable(bytes.subarray(0, PARTITION_TABLE_SIZE));
  const behind = bytes.subarray(PARTITION_TABLE_SIZE);
  const isV1 = looksLikeV1Signature(behind);
  const rest = isV1 ? behind.subarray(V1_SIGNATURE_SIZE) : behind;
  if (!isFilledWith(rest, 0xff)) {
    const at = bytes.length - rest.length + rest.findIndex((byte) => byte !== 0xff);
    throw notSignable(`${name} has other data behind the table, at ${hex(at)}`, at);
  }
  return {
    kind: 'partition-table',
    ...(chip === undefined ? {} : { chip }),
    contents: bytes.subarray(0, PARTITION_TABLE_SIZE),
    existing: isV1 ? { kind: 'v1', offset: PARTITION_TABLE_SIZE } : { kind: 'none' },
  };
}

function readData(bytes: Buffer, { name, chip }: SignableOptions): Signable {
  if (bytes[0] === ESP_IMAGE_MAGIC && isImage(bytes)) {
    throw notSignable(
      `${name} is an image: signed as data, its signature would not be where chips look for it`,
      0,
      'Leave --data away.',
    );
  }
  const sector = bytes.length - SECTOR_SIZE;
  const isSigned =
    bytes.length % SECTOR_SIZE === 0 &&
    sector > 0 &&
    looksLikeSignatureSector(bytes.subarray(sector));
  return {
    kind: 'data',
    ...(chip === undefined ? {} : { chip }),
    contents: isSigned ? bytes.subarray(0, sector) : bytes,
    existing: isSigned ? { kind: 'v2', offset: sector } : { kind: 'none' },
  };
}

function isImage(bytes: Buffer): boolean {
  try {
    parseEspImage(bytes);
    return true;
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

function fullFlash(name: string, offset: number): SigningError {
  return notSignable(
    `${name} is a full-flash image, of which only the parts can be signed`,
    offset,
    'Sign the .app-bin (and the bootloader) by themselves.',
  );
}

function notSignable(message: string, offset: number, hint?: string): SigningError {
  return new SigningError('IMAGE_NOT_SIGNABLE', message, {
    where: { offset },
    ...(hint === undefined ? {} : { hint }),
  });
}
