import type { Chip, MemoryKind } from '../chip/chip.ts';
import { isMapped, memoryKindsAt } from '../chip/memory.ts';
import { findChipById } from '../chip/registry.ts';
import { FormatError } from '../errors/families.ts';
import { ByteReader } from '../format/byte-reader.ts';
import { parseImageHeader, type ImageHeader } from '../format/esp-image-header.ts';
import { parseEspImage, type EspImage, type Segment } from '../format/esp-image.ts';
import { classifyTrailer, type Trailer } from '../format/image-trailer.ts';
import { describeHeader, type HeaderReport } from './image-header.ts';
import { describeV1Signature, type V1SignatureReport } from './signature-v1.ts';
import { describeSignature, type SignatureReport } from './signature.ts';

/** Below this address a segment is padding: no loader puts it anywhere (esp_image_format.c, should_load). */
const FIRST_LOADED_ADDRESS = 0x10000000;

export type SegmentReport = {
  readonly index: number;
  readonly loadAddress: number;
  readonly length: number;
  /** Of its first data byte, from the image's first byte. */
  readonly offset: number;
  /** Kinds of memory at the load address; none for padding, and where the chip has no memory. */
  readonly memory: readonly MemoryKind[];
  /** Executed or read in place from flash. */
  readonly mapped: boolean;
  readonly padding: boolean;
};

/**
 * An image as far as it can be read. Offsets count from its first byte, digests are in hex.
 * - `whole`: all of it is there, which does not say that checksum and SHA-256 match
 * - `broken`: its header can be read, but not the segments behind it
 * - `unreadable`: not even the header makes sense
 */
export type ImageReport =
  | {
      readonly kind: 'whole';
      readonly header: HeaderReport;
      readonly segments: readonly SegmentReport[];
      /** Bytes up to the end of checksum or SHA-256. */
      readonly length: number;
      readonly checksum: {
        readonly offset: number;
        readonly stored: number;
        readonly computed: number;
        readonly valid: boolean;
      };
      /** null: none is appended. */
      readonly sha256: {
        readonly offset: number;
        readonly stored: string;
        readonly computed: string;
        readonly valid: boolean;
      } | null;
      /** What follows the image. */
      readonly trailer: Trailer;
      /** Secure Boot V2, where chips look for it; null where there is none, or the chip is unknown. */
      readonly signature: SignatureReport | null;
      /** Secure Boot V1, behind the image; null where there is none. */
      readonly signatureV1: V1SignatureReport | null;
    }
  | {
      readonly kind: 'broken';
      readonly header: HeaderReport;
      readonly problem: string;
      readonly offset: number;
    }
  | { readonly kind: 'unreadable'; readonly problem: string; readonly offset: number };

/** An image with what explaining more of it needs. */
export type ReadImage = {
  readonly report: ImageReport;
  /** Undefined when the header cannot be read, or names a chip that we have no facts of. */
  readonly chip?: Chip;
  readonly header?: ImageHeader;
};

/** Explains the image at the start of `bytes`, however damaged. What follows it may be anything. Total. */
export function describeImage(bytes: Buffer): ReadImage {
  let header: ImageHeader;
  try {
    header = parseImageHeader(new ByteReader(bytes, 'image'));
  } catch (error) {
    return { report: { kind: 'unreadable', ...problemOf(error) } };
  }
  const chip = findChipById(header.chipId);
  const known = { header, ...(chip === undefined ? {} : { chip }) };
  const headerReport = describeHeader(header, chip);
  try {
    return { ...known, report: describeWhole(bytes, parseEspImage(bytes), chip) };
  } catch (error) {
    return { ...known, report: { kind: 'broken', header: headerReport, ...problemOf(error) } };
  }
}

function describeWhole(bytes: Buffer, image: EspImage, chip: Chip | undefined): ImageReport {
  const { checksum, digest, length } = image;
  const trailer = classifyTrailer(bytes, length);
  const isSigned = chip !== undefined && trailer.kind === 'signature-v2';
  return {
    kind: 'whole',
    header: describeHeader(image.header, chip),
    segments: image.segments.map((segment) => describeSegment(segment, chip)),
    length,
    checksum: { ...checksum, valid: checksum.stored === checksum.computed },
    sha256:
      digest === undefined
        ? null
        : {
            offset: digest.offset,
            stored: digest.stored.toString('hex'),
            computed: digest.computed.toString('hex'),
            valid: digest.stored.equals(digest.computed),
          },
    trailer,
    signature: isSigned ? describeSignature(bytes, trailer.offset, chip) : null,
    signatureV1:
      trailer.kind === 'signature-v1' ? describeV1Signature(bytes, trailer.offset) : null,
  };
}

function describeSegment(segment: Segment, chip: Chip | undefined): SegmentReport {
  const { index, loadAddress, length, dataOffset } = segment;
  return {
    index,
    loadAddress,
    length,
    offset: dataOffset,
    memory: chip === undefined ? [] : memoryKindsAt(chip, loadAddress),
    mapped: chip !== undefined && isMapped(chip, loadAddress),
    padding: loadAddress < FIRST_LOADED_ADDRESS,
  };
}

/** Bytes that an image takes with its signature; undefined for one that is not whole. */
export function bytesTaken(image: ImageReport): number | undefined {
  if (image.kind !== 'whole') return undefined;
  const { trailer, length } = image;
  return trailer.kind === 'signature-v2' || trailer.kind === 'signature-v1' ? trailer.end : length;
}

/** True when a bootloader without Secure Boot would start it: whole, checksum and SHA-256 as they should be. */
export function isIntact(image: ImageReport): boolean {
  return image.kind === 'whole' && image.checksum.valid && image.sha256?.valid !== false;
}

/** What a FormatError says, as part of a report. Any other error is a bug of ours and passes through. */
export function problemOf(error: unknown): { readonly problem: string; readonly offset: number } {
  if (!(error instanceof FormatError)) throw error;
  return { problem: error.message, offset: error.where?.offset ?? 0 };
}
