const KIB = 1024;
const MIB = 1024 * KIB;

/** `512 B`, `24 KiB`, `1.75 MiB`: a number of bytes as people read it. */
export function formatSize(bytes: number): string {
  if (bytes < KIB) return `${bytes} B`;
  const kib = shorten(bytes / KIB, 1);
  // Just below 1 MiB the rounding reaches it.
  return bytes < MIB && kib !== '1024' ? `${kib} KiB` : `${shorten(bytes / MIB, 2)} MiB`;
}

function shorten(value: number, digits: number): string {
  return value.toFixed(digits).replace(/\.?0+$/, '');
}
