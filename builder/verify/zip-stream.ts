import { crc32 } from 'node:zlib';
import { withZipBytes, type Zip, type ZipBytes } from './zip-bytes.ts';

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

/** Bytes of a file that are compared at a time. */
const CHUNK_SIZE = 1024 * 1024;

/**
 * Says how a zip of stored files differs from `contents` for a reader that starts at its first byte and never sees the
 * central directory, as `bsdtar` on a pipe does: what such a reader extracts must be the same files. Undefined when it
 * is. Throws FormatError when the bytes end too early.
 */
export function strayInZipStream(
  zip: Zip,
  contents: ReadonlyMap<string, Buffer>,
): Promise<string | undefined> {
  return withZipBytes(zip, async (bytes) => {
    const seen = new Set<string>();
    let position = 0;
    while ((await signatureAt(bytes, position)) === LOCAL_FILE) {
      const entry = await readLocalFile(bytes, position);
      const { name, size, dataAt } = entry;
      if (!entry.isPlain) return `holds ${JSON.stringify(name)} in another form than stored`;
      const expected = seen.has(name) ? undefined : contents.get(name);
      if (expected === undefined || !(await holds(bytes, entry, expected)))
        return `holds another ${JSON.stringify(name)} in front of its directory than in it`;
      seen.add(name);
      position = dataAt + size;
    }
    const isEnd = await endsAt(bytes, position);
    if (isEnd && seen.size === contents.size) return undefined;
    return 'holds bytes in front of its directory that belong to no file';
  });
}

type LocalFile = {
  readonly name: string;
  readonly crc: number;
  readonly size: number;
  readonly dataAt: number;
  /** Stored, unencrypted, nothing attached, sizes in front. */
  readonly isPlain: boolean;
};

async function signatureAt({ read }: ZipBytes, position: number): Promise<number> {
  return (await read(position, 4)).readUInt32LE(0);
}

async function readLocalFile({ read }: ZipBytes, position: number): Promise<LocalFile> {
  const header = await read(position, HEADER_SIZE);
  const size = header.readUInt32LE(22);
  const nameLength = header.readUInt16LE(26);
  const extraLength = header.readUInt16LE(28);
  return {
    name: (await read(position + HEADER_SIZE, nameLength)).toString('utf8'),
    crc: header.readUInt32LE(14),
    size,
    dataAt: position + HEADER_SIZE + nameLength + extraLength,
    isPlain:
      header.readUInt16LE(8) === STORED &&
      (header.readUInt16LE(6) & UNREADABLE) === 0 &&
      extraLength === 0 &&
      header.readUInt32LE(18) === size,
  };
}

/** True when the file in the zip is the expected one, and its CRC-32 that of its bytes. */
async function holds(
  { read }: ZipBytes,
  { size, dataAt, crc }: LocalFile,
  expected: Buffer,
): Promise<boolean> {
  if (size !== expected.length) return false;
  for (let at = 0; at < size; at += CHUNK_SIZE) {
    const chunk = await read(dataAt + at, Math.min(CHUNK_SIZE, size - at));
    if (!chunk.equals(expected.subarray(at, at + chunk.length))) return false;
  }
  return crc === crc32(expected);
}

/** True when the central directory starts at `position`, says so, and ends where the zip does. */
async function endsAt(bytes: ZipBytes, position: number): Promise<boolean> {
  const at = bytes.size - END_SIZE;
  if ((await signatureAt(bytes, position)) !== CENTRAL_DIRECTORY) return false;
  const end = await bytes.read(at, END_SIZE);
  return (
    end.readUInt32LE(0) === END_OF_DIRECTORY &&
    end.readUInt32LE(16) === position &&
    end.readUInt32LE(12) === at - position
  );
}
