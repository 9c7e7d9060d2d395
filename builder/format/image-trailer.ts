import { alignUp, ByteReader, isFilledWith } from './byte-reader.ts';
import { looksLikeSignatureSector } from './signature-sector.ts';
import { looksLikeV1Signature, V1_SIGNATURE_ROOM, V1_SIGNATURE_SIZE } from './signature-v1.ts';

/** Flash sector, and the alignment and size of a Secure Boot V2 signature sector. */
export const SECTOR_SIZE = 0x1000;
/** Flash page of the ESP32, which `elf2image --secure-pad` fills up to where the V1 signature goes. */
const V1_PAGE = 0x10000;

/**
 * What follows an image in its file or slot. Offsets count from the image's first byte.
 * - `none`, `erased`: nothing, or only 0xFF
 * - `signature-v2`: 0xFF up to the next multiple of 4096, then a signature sector, then at most 0xFF
 * - `misplaced-signature-v2`: a signature sector where no chip looks for it
 * - `signature-v1`: a Secure Boot V1 block directly behind the image
 * - `unknown`: anything else; `offset` is the first byte that is neither image nor 0xFF
 */
export type Trailer =
  | { readonly kind: 'none' }
  | { readonly kind: 'erased'; readonly length: number }
  | {
      readonly kind: 'signature-v2';
      readonly offset: number;
      readonly end: number;
      readonly erasedAfter: number;
    }
  | {
      readonly kind: 'misplaced-signature-v2';
      readonly offset: number;
      readonly expectedOffset: number;
    }
  | { readonly kind: 'signature-v1'; readonly offset: number; readonly end: number }
  | { readonly kind: 'unknown'; readonly offset: number };

/**
 * Classifies the bytes behind an image of `imageLength` bytes. Total: any bytes have a class.
 * Source: ESP-IDF secure_boot_signatures_app.c and esp_image_format.c, which look for a V2 sector at the image length
 * rounded up to 4096, and for a V1 block at the image length itself.
 */
export function classifyTrailer(bytes: Uint8Array, imageLength: number): Trailer {
  const reader = new ByteReader(bytes, 'image');
  if (reader.length <= imageLength) return { kind: 'none' };
  const firstForeign = firstNotErased(reader.bytes, imageLength);
  if (firstForeign === undefined) return { kind: 'erased', length: reader.length - imageLength };

  const sectorOffset = alignUp(imageLength, SECTOR_SIZE);
  if (firstForeign >= sectorOffset) {
    if (holdsV2Sector(reader, sectorOffset)) {
      const end = sectorOffset + SECTOR_SIZE;
      if (isFilledWith(reader.bytes.subarray(end), 0xff)) {
        return {
          kind: 'signature-v2',
          offset: sectorOffset,
          end,
          erasedAfter: reader.length - end,
        };
      }
      const next = firstNotErased(reader.bytes, end) ?? end;
      return misplaced(reader, next, sectorOffset) ?? { kind: 'unknown', offset: next };
    }
    const found = misplaced(reader, firstForeign, sectorOffset);
    if (found !== undefined) return found;
  }
  return classifyWithoutV2(reader, imageLength, firstForeign);
}

/** A V2 sector that holds `offset`, in another place than `expectedOffset`. */
function misplaced(
  reader: ByteReader,
  offset: number,
  expectedOffset: number,
): Trailer | undefined {
  const sector = offset - (offset % SECTOR_SIZE);
  if (!holdsV2Sector(reader, sector)) return undefined;
  return { kind: 'misplaced-signature-v2', offset: sector, expectedOffset };
}

function classifyWithoutV2(reader: ByteReader, imageLength: number, firstForeign: number): Trailer {
  const end = imageLength + V1_SIGNATURE_SIZE;
  if (looksLikeV1Signature(reader.bytes.subarray(imageLength)) && isV1Padding(reader.bytes, end))
    return { kind: 'signature-v1', offset: imageLength, end };
  return { kind: 'unknown', offset: firstForeign };
}

/**
 * `espsecure sign-data --version 1` ends the file behind the signature. What follows in a secure-padded one, up to the
 * page's end, no chip maps or reads: espsecure's own examples have leftovers of a buffer there.
 */
function isV1Padding(bytes: Buffer, end: number): boolean {
  const rest = bytes.subarray(end);
  if (isFilledWith(rest, 0xff) || isFilledWith(rest, 0x00)) return true;
  const unused = V1_SIGNATURE_ROOM - V1_SIGNATURE_SIZE;
  return (end + unused) % V1_PAGE === 0 && isFilledWith(rest.subarray(unused), 0xff);
}

function holdsV2Sector(reader: ByteReader, offset: number): boolean {
  return (
    reader.length >= offset + SECTOR_SIZE &&
    looksLikeSignatureSector(reader.slice(offset, SECTOR_SIZE))
  );
}

function firstNotErased(bytes: Buffer, from: number): number | undefined {
  for (let offset = from; offset < bytes.length; offset++)
    if (bytes[offset] !== 0xff) return offset;
  return undefined;
}
