import { crc32 } from 'node:zlib';
import { ByteReader } from '../format/byte-reader.ts';

// Local file header (PKWARE APPNOTE.TXT, 4.3.7), in front of the data of each file:
//    0 u32 signature    8 u16 method      18 u32 compressed size     28 u16 length of the extra field
//    6 u16 flags       14 u32 CRC-32      22 u32 size                30 name, extra field, data
//                                         26 u16 length of the name
const LOCAL_FILE = 0x04034b50;
const CENTRAL_DIRECTORY = 0x02014b50;
/** End of central directory, 22 bytes without a comment: u32 size at 12 and u32 offset at 16 of the directory. */
const END_OF_DIRECTORY = 0x06054b50;
const END_SIZE = 22;
const HEADER_SIZE = 30;
const STORED = 0;
/** Bit 3: sizes follow the data. Bit 0: encrypted. */
const UNREADABLE = 0b1001;

/**
 * Says how a zip of stored files differs from `contents` for a reader that starts at its first byte and never sees the
 * central directory, as `bsdtar` on a pipe does: what such a reader extracts must be the same files. Undefined when it
 * is. Throws FormatError when the bytes end too early.
 */
export function strayInZipStream(
  zip: Buffer,
  contents: ReadonlyMap<string, Buffer>,
): string | undefined {
  const reader = new ByteReader(zip, 'zip');
  const seen = new Set<string>();
  let position = 0;
  while (reader.u32(position) === LOCAL_FILE) {
    const size = reader.u32(position + 22);
    const nameLength = reader.u16(position + 26);
    const name = reader.slice(position + HEADER_SIZE, nameLength).toString('utf8');
    const dataAt = position + HEADER_SIZE + nameLength + reader.u16(position + 28);
    const isPlain =
      reader.u16(position + 8) === STORED &&
      (reader.u16(position + 6) & UNREADABLE) === 0 &&
      reader.u16(position + 28) === 0 &&
      reader.u32(position + 18) === size;
    if (!isPlain) return `holds ${JSON.stringify(name)} in another form than stored`;
    const isSound = reader.u32(position + 14) === crc32(reader.slice(dataAt, size));
    if (
      !isSound ||
      seen.has(name) ||
      contents.get(name)?.equals(reader.slice(dataAt, size)) !== true
    )
      return `holds another ${JSON.stringify(name)} in front of its directory than in it`;
    seen.add(name);
    position = dataAt + size;
  }
  const end = reader.length - END_SIZE;
  const isEnd =
    reader.u32(position) === CENTRAL_DIRECTORY &&
    reader.u32(end) === END_OF_DIRECTORY &&
    reader.u32(end + 16) === position &&
    reader.u32(end + 12) === end - position;
  if (isEnd && seen.size === contents.size) return undefined;
  return 'holds bytes in front of its directory that belong to no file';
}
