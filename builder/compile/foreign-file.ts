import { isFilledWith } from '../format/byte-reader.ts';

type Signature = { readonly describes: string; readonly matches: (bytes: Buffer) => boolean };

const startsWith =
  (...prefix: number[]) =>
  (bytes: Buffer): boolean =>
    prefix.every((byte, index) => bytes[index] === byte);

const textStartsWith =
  (pattern: RegExp) =>
  (bytes: Buffer): boolean =>
    pattern.test(bytes.subarray(0, 512).toString('latin1').trimStart());

/** Files that people hand to a flasher by mistake, most telling first. */
const FOREIGN: readonly Signature[] = [
  { describes: 'empty', matches: (bytes) => bytes.length === 0 },
  {
    describes: 'an HTML page: the download page was saved instead of the file',
    matches: textStartsWith(
      /^(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)?<(!doctype\s+html|html|head|body)\b/is,
    ),
  },
  {
    describes: 'a Git LFS pointer: the file itself was not checked out (git lfs pull)',
    matches: textStartsWith(/^version https:\/\/git-lfs/),
  },
  { describes: 'gzip-compressed: unpack it first (gunzip)', matches: startsWith(0x1f, 0x8b) },
  { describes: 'a ZIP archive: unpack it first', matches: startsWith(0x50, 0x4b, 0x03, 0x04) },
  {
    describes: 'xz-compressed: unpack it first (unxz)',
    matches: startsWith(0xfd, 0x37, 0x7a, 0x58, 0x5a),
  },
  {
    describes: 'bzip2-compressed: unpack it first (bunzip2)',
    matches: startsWith(0x42, 0x5a, 0x68),
  },
  {
    describes: 'zstd-compressed: unpack it first (unzstd)',
    matches: startsWith(0x28, 0xb5, 0x2f, 0xfd),
  },
  {
    describes: 'an ELF file: the linked program, of which elf2image makes an image',
    matches: startsWith(0x7f, 0x45, 0x4c, 0x46),
  },
  {
    describes: 'a UF2 file, made for drag and drop: take the .bin of the same release',
    matches: startsWith(0x55, 0x46, 0x32, 0x0a),
  },
  { describes: 'a JSON document', matches: textStartsWith(/^[[{]\s*["{\]}]/) },
  {
    describes: 'an Intel HEX file: take the .bin of the same release',
    matches: textStartsWith(/^:[0-9A-Fa-f]{8}/),
  },
  { describes: 'a PEM file', matches: textStartsWith(/^-----BEGIN /) },
  { describes: 'a partition table', matches: startsWith(0xaa, 0x50) },
  { describes: 'erased flash: every byte is 0xff', matches: (bytes) => isFilledWith(bytes, 0xff) },
  { describes: 'all zeros', matches: (bytes) => isFilledWith(bytes, 0x00) },
];

/** Says what a file that is not firmware seems to be, as the rest of "FILE is …"; undefined when it looks like nothing we know. */
export function describeForeignFile(bytes: Buffer): string | undefined {
  return FOREIGN.find(({ matches }) => matches(bytes))?.describes;
}

// An ESP8266 image has only the first 8 bytes of the header, then the first segment: its load address lies in IRAM
// (0x40100000) or DRAM (0x3ffe8000), where an ESP32-family image has pin settings and the chip id.
/** True for an image of the ESP8266, which shares the magic byte with the ESP32 family. */
export function isEsp8266Image(bytes: Buffer): boolean {
  if (bytes.length < 16) return false;
  if (bytes[0] === 0xea) return true;
  if (bytes[0] !== 0xe9) return false;
  const loadAddress = bytes.readUInt32LE(8);
  return (
    (loadAddress >= 0x40100000 && loadAddress < 0x40110000) ||
    (loadAddress >= 0x40200000 && loadAddress < 0x40300000) ||
    (loadAddress >= 0x3ffe8000 && loadAddress < 0x40000000)
  );
}
