import { SigningError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { alignUp } from '../format/byte-reader.ts';
import { parseEspImage, requireIntact, securePadEspImage } from '../format/esp-image.ts';
import { classifyTrailer, SECTOR_SIZE } from '../format/image-trailer.ts';
import type { SignatureBlock } from '../format/signature-block.ts';
import { encodeSignatureSector } from '../format/signature-sector.ts';
import type { Signer } from '../keys/signer.ts';
import { makeBlock } from './make-block.ts';

export type SignOptions = {
  /** Pads an app so that every byte the MMU maps is signed; a bootloader is not mapped. */
  readonly secureBoot:
    { readonly kind: 'app'; readonly pageSize: number } | { readonly kind: 'bootloader' };
  readonly signers: readonly Signer[];
};

/**
 * An image with a Secure Boot V2 signature sector, one block for each signer: padded, filled with 0xFF up to a multiple
 * of 4096, hashed and signed. An image that carries a signature already is refused: bytes of an old sector must never
 * become part of what is signed. Throws SigningError or FormatError.
 * Source: ESP-IDF, "Secure Boot v2", Signature Block Format.
 */
export async function signImage(
  bytes: Buffer,
  { secureBoot, signers }: SignOptions,
): Promise<Buffer> {
  // Erased flash behind an image would push the sector away from where the chip looks for it.
  const image = bytes.subarray(0, requireUnsigned(bytes));
  const padded = secureBoot.kind === 'app' ? securePadEspImage(image, secureBoot.pageSize) : image;
  const sectorOffset = alignUp(padded.length, SECTOR_SIZE);
  const signed = Buffer.alloc(sectorOffset + SECTOR_SIZE, 0xff);
  padded.copy(signed);
  const contents = signed.subarray(0, sectorOffset);
  const blocks: SignatureBlock[] = [];
  for (const signer of signers) blocks.push(await makeBlock(contents, signer));
  encodeSignatureSector(blocks).copy(signed, sectorOffset);
  return signed;
}

/** Length of an intact image that nothing but erased flash follows. */
function requireUnsigned(bytes: Buffer): number {
  const image = parseEspImage(bytes);
  requireIntact(image, 'the image to sign');
  const trailer = classifyTrailer(bytes, image.length);
  if (trailer.kind === 'none' || trailer.kind === 'erased') return image.length;
  throw new SigningError(
    'IMAGE_NOT_SIGNABLE',
    trailer.kind === 'unknown'
      ? `the image ends at ${hex(image.length)}, but there is other data at ${hex(trailer.offset)}`
      : `the image is signed already, at ${hex(trailer.offset)}`,
    { where: { offset: trailer.offset } },
  );
}
