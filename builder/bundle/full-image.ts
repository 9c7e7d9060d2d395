/** A part with the flash offset it belongs at. */
export type PlacedPart = { readonly offset: number; readonly bytes: Uint8Array };

/**
 * One image of all parts, whose first byte belongs at flash offset `start`; 0xFF between the parts, so that everything
 * in a gap (NVS) is erased. Ends with the last part. Parts do not overlap and none lies before `start`: the partition
 * step has proved that. Source: MicroPython ports/esp32/makeimg.py, whose convention this is.
 */
export function composeFlashImage(start: number, parts: readonly PlacedPart[]): Buffer {
  const end = Math.max(...parts.map(({ offset, bytes }) => offset + bytes.length));
  const image = Buffer.alloc(end - start, 0xff);
  for (const { offset, bytes } of parts) image.set(bytes, offset - start);
  return image;
}
