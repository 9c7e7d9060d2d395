import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import type { LoadedPiece } from './elf-memory.ts';
import { IMAGE_HEADER_SIZE } from './esp-image-header.ts';
import type { ImageContents } from './esp-image.ts';

type Segment = ImageContents['segments'][number];

const SEGMENT_HEADER_SIZE = 8;

/**
 * `piece` with zeros behind it where the last MMU page that it reaches would hold less than `minimum` bytes of it. Its
 * place in the file is congruent with its address, so the address alone tells.
 */
export function withLastPage(piece: LoadedPiece, pageSize: number, minimum: number): LoadedPiece {
  const used = (piece.address + piece.data.length) % pageSize;
  if (used >= minimum) return piece;
  return { ...piece, data: Buffer.concat([piece.data, Buffer.alloc(minimum - used)]) };
}

/**
 * Throws FormatError when two of `mapped` (by address) share an MMU page: a page shows one place of the flash only.
 * Source: ESP-IDF Programming Guide, "Memory Management for MMU Supported Memory".
 */
export function checkPages(mapped: readonly LoadedPiece[], pageSize: number): void {
  for (const [index, { what, address, data }] of mapped.entries()) {
    const next = mapped[index + 1];
    const end = address + data.length;
    if (next === undefined || pageOf(end - 1, pageSize) < pageOf(next.address, pageSize)) continue;
    throw new FormatError(
      'BAD_VALUE',
      `${what} ends at ${hex(end, 8)}, in the MMU page (${hex(pageSize)} bytes) of ${next.what} at ${hex(next.address, 8)}`,
      { hint: 'Let them follow each other without a gap, or start the second one in a new page.' },
    );
  }
}

function pageOf(address: number, pageSize: number): number {
  return Math.floor(address / pageSize);
}

/**
 * The segments of an image: `mapped` in this order, each at a file offset congruent with its address modulo `pageSize`,
 * with pieces of `ram` in the gaps as far as they go and zeros (load address 0) in the rest; what is left of `ram`
 * follows. Addresses and lengths are multiples of 4.
 * Source: ESP-IDF "App Image Format"; where gaps end and what fills them is as `esptool elf2image` does it.
 */
export function layOutSegments(
  mapped: readonly LoadedPiece[],
  ram: readonly LoadedPiece[],
  pageSize: number,
): Segment[] {
  const pending = ram.map(asSegment);
  const segments: Segment[] = [];
  let position = IMAGE_HEADER_SIZE;
  const append = (segment: Segment) => {
    segments.push(segment);
    position += SEGMENT_HEADER_SIZE + segment.data.length;
  };
  for (const piece of mapped) {
    for (;;) {
      const gap = gapBefore(piece.address, position, pageSize);
      if (gap === 0) break;
      append(takeFiller(pending, gap));
    }
    append(asSegment(piece));
  }
  return [...segments, ...pending];
}

function asSegment({ address, data }: LoadedPiece): Segment {
  return { loadAddress: address, data };
}

/**
 * Bytes of data that a segment at `position` needs for the next one's data to be congruent with `address`; 0 when no
 * segment is needed. It always leads into the next page, even where the current one has room.
 */
function gapBefore(address: number, position: number, pageSize: number): number {
  if ((position + SEGMENT_HEADER_SIZE - address) % pageSize === 0) return 0;
  const gap = pageSize - (position % pageSize) + (address % pageSize) - 2 * SEGMENT_HEADER_SIZE;
  return gap > 0 ? gap : gap + pageSize;
}

/** A segment of at most `gap` bytes: the first of `pending`, or as much of it as fits, else zeros. */
function takeFiller(pending: Segment[], gap: number): Segment {
  const next = gap > SEGMENT_HEADER_SIZE ? pending.shift() : undefined;
  if (next === undefined) return { loadAddress: 0, data: new Uint8Array(gap) };
  const { loadAddress, data } = next;
  if (data.length <= gap) return next;
  pending.unshift({ loadAddress: loadAddress + gap, data: data.subarray(gap) });
  return { loadAddress, data: data.subarray(0, gap) };
}
