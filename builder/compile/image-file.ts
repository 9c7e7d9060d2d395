import type { Chip } from '../chip/chip.ts';
import { isMapped } from '../chip/memory.ts';
import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { parseEspImage, requireIntact, type EspImage } from '../format/esp-image.ts';
import { classifyTrailer, type Trailer } from '../format/image-trailer.ts';
import type { Bootloader } from './compiled.ts';
import { chipOfImageAt } from './firmware-input.ts';

/** An intact image at the start of its file, and what follows it: nothing, padding or a signature. */
export type ImageFile = {
  readonly image: EspImage;
  readonly trailer: Exclude<Trailer, { readonly kind: 'unknown' | 'misplaced-signature-v2' }>;
  readonly wasSigned: boolean;
};

/** Reads a file with one image in it. Throws FormatError for damage, and for anything else in the file. */
export function readImageFile(bytes: Buffer, name: string): ImageFile {
  const image = parseEspImage(bytes);
  requireIntact(image, name);
  const trailer = classifyTrailer(bytes, image.length);
  if (trailer.kind === 'unknown' || trailer.kind === 'misplaced-signature-v2') {
    throw new FormatError(
      'TRAILING_DATA',
      trailer.kind === 'unknown'
        ? `${name} has data at ${hex(trailer.offset)}, behind its image of ${hex(image.length)} bytes, that is neither padding nor a signature`
        : `${name} has a signature sector at ${hex(trailer.offset)}, but chips look for it at ${hex(trailer.expectedOffset)}`,
      { where: { file: name, offset: trailer.offset } },
    );
  }
  const wasSigned = trailer.kind === 'signature-v1' || trailer.kind === 'signature-v2';
  return { image, trailer, wasSigned };
}

/**
 * Reads a bootloader's file: the image with its signature where it has one, without padding. Throws FormatError for an app,
 * damage and another chip's bootloader.
 */
export function readBootloaderFile(bytes: Buffer, name: string, chip: Chip): Bootloader {
  const found = chipOfImageAt(bytes, 0, name);
  if (found.chipId !== chip.chipId) {
    throw new FormatError(
      'WRONG_KIND',
      `${name} is a bootloader for ${found.title}, but the app beside it is for ${chip.title}`,
      { where: { file: name, offset: 12 } },
    );
  }
  const { image, trailer, wasSigned } = readImageFile(bytes, name);
  if (image.segments.some(({ loadAddress }) => isMapped(chip, loadAddress))) {
    throw new FormatError('WRONG_KIND', `${name} is an app where a bootloader was expected`, {
      where: { file: name },
    });
  }
  const end =
    trailer.kind === 'signature-v1' || trailer.kind === 'signature-v2' ? trailer.end : image.length;
  return {
    offset: chip.bootloaderOffset,
    bytes: bytes.subarray(0, end),
    signed: wasSigned,
  };
}
