/** One line of SHA256SUMS: a file name and the SHA-256 of its contents in hex. */
export type Checksum = { readonly file: string; readonly sha256: string };

/** SHA256SUMS as `sha256sum` writes it in binary mode, sorted by name; `sha256sum -c` reads it. */
export function formatChecksums(checksums: readonly Checksum[]): string {
  return [...checksums]
    .sort((a, b) => (a.file < b.file ? -1 : 1))
    .map(({ file, sha256 }) => `${sha256} *${file}\n`)
    .join('');
}
