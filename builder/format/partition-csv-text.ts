import { isUtf8 } from 'node:buffer';

import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';

/** Values for `$NAME` and `${NAME}`; process.env fits. */
export type Environment = Readonly<Record<string, string | undefined>>;

type Encoding = { readonly name: string; readonly mark: Buffer; readonly decode: Decoder };
type Decoder = (bytes: Buffer) => Decoded;
/** `broken`: what is wrong right after `text`. */
type Decoded = { readonly text: string; readonly broken?: string };

// UTF-32-LE before UTF-16-LE, whose mark is the start of the other's.
const ENCODINGS: readonly Encoding[] = [
  { name: 'UTF-8', mark: Buffer.from([0xef, 0xbb, 0xbf]), decode: decodeUtf8 },
  { name: 'UTF-32', mark: Buffer.from([0xff, 0xfe, 0, 0]), decode: decodeUtf32('LE') },
  { name: 'UTF-32', mark: Buffer.from([0, 0, 0xfe, 0xff]), decode: decodeUtf32('BE') },
  { name: 'UTF-16', mark: Buffer.from([0xff, 0xfe]), decode: decodeUtf16('LE') },
  { name: 'UTF-16', mark: Buffer.from([0xfe, 0xff]), decode: decodeUtf16('BE') },
];
const UTF_8: Encoding = { name: 'UTF-8', mark: Buffer.alloc(0), decode: decodeUtf8 };

const QUOTED_LENGTH = 40;
const SIZE_LIMIT = 1024 * 1024;
const LINE_END = /\r\n|\r|\n/;
// Python's splitlines() also ends a line at some of these, so a comment could hide a row from one of the two tools.
const FORBIDDEN = /(?!\t)[\p{Cc}\u2028\u2029\uFEFF]/u;

/**
 * The lines of a CSV file, decoded by its byte order mark, as UTF-8 without one (gen_esp32part.py, get_encoding).
 * @throws FormatError CSV_SYNTAX with `where.line` for bytes that are not of that encoding and for control
 * characters; TOO_LARGE for more than 1 MiB.
 */
export function decodeCsvLines(bytes: Uint8Array): readonly string[] {
  if (bytes.length > SIZE_LIMIT) {
    throw new FormatError(
      'TOO_LARGE',
      `partition CSV is ${bytes.length} bytes long; expected at most ${SIZE_LIMIT}`,
      { where: { line: 1 } },
    );
  }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const encoding =
    ENCODINGS.find(({ mark }) => buffer.subarray(0, mark.length).equals(mark)) ?? UTF_8;
  const { text, broken } = encoding.decode(buffer.subarray(encoding.mark.length));
  const lines = text.split(LINE_END);
  if (broken !== undefined) {
    throw new FormatError('CSV_SYNTAX', `partition CSV is not valid ${encoding.name}: ${broken}`, {
      where: { line: lines.length },
    });
  }
  lines.forEach((line, index) => {
    checkCharacters(line, index + 1);
  });
  return lines;
}

/**
 * `text` with `$NAME` and `${NAME}` replaced from `environment`, once: values are not expanded again. A `$` that no
 * name follows stays. gen_esp32part.py does the same with os.path.expandvars, but lets unknown names stand.
 * @throws FormatError CSV_SYNTAX with `where.line` for a name that `environment` does not have.
 */
export function expandVariables(text: string, environment: Environment, line: number): string {
  const expanded = text.replace(/\$(\w+|\{[^}]*\}?)/g, (reference, body: string) => {
    if (body.startsWith('{') && !body.endsWith('}')) {
      throw variableError(`'${shortened(reference)}' has no closing '}'`, line);
    }
    const name = body.startsWith('{') ? body.slice(1, -1) : body;
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
    if (value !== undefined) return value;
    throw variableError(`environment variable '${shortened(name)}' is not set`, line);
  });
  if (expanded !== text) checkCharacters(expanded, line);
  return expanded;
}

/** `text` as messages quote it: its first 40 characters. */
export function shortened(text: string): string {
  const characters = Array.from(text);
  return characters.length <= QUOTED_LENGTH
    ? text
    : `${characters.slice(0, QUOTED_LENGTH).join('')}...`;
}

function variableError(problem: string, line: number): FormatError {
  return new FormatError('CSV_SYNTAX', `${problem}; expected $NAME or \${NAME}`, {
    where: { line },
  });
}

function checkCharacters(text: string, line: number): void {
  const at = text.search(FORBIDDEN);
  if (at === -1) return;
  const code = text.charCodeAt(at);
  throw new FormatError(
    'CSV_SYNTAX',
    `character U+${code.toString(16).toUpperCase().padStart(4, '0')} at column ${at + 1} ` +
      'cannot be part of a partition CSV; delete it' +
      (code === 0 ? ', or save the file as UTF-8 (is it UTF-16 without a byte order mark?)' : ''),
    { where: { line, column: at + 1 } },
  );
}

function decodeUtf8(bytes: Buffer): Decoded {
  if (isUtf8(bytes)) return { text: bytes.toString('utf8') };
  // Valid up to somewhere in the line that is the first not to be.
  let start = 0;
  for (;;) {
    const end = bytes.indexOf(0x0a, start);
    const line = bytes.subarray(start, end === -1 ? bytes.length : end);
    if (!isUtf8(line)) break;
    start = end + 1;
  }
  const binary = bytes[0] === 0xaa && bytes[1] === 0x50;
  return {
    text: bytes.toString('utf8', 0, start),
    broken: binary
      ? 'it is a binary partition table'
      : 'this line holds bytes that are no character; save it as UTF-8',
  };
}

function decodeUtf16(order: 'LE' | 'BE'): Decoder {
  return (bytes) => {
    const even = bytes.subarray(0, bytes.length - (bytes.length % 2));
    const text = (order === 'LE' ? even : Buffer.from(even).swap16()).toString('utf16le');
    const lone = text.search(/\p{Surrogate}/u);
    if (lone !== -1)
      return { text: text.slice(0, lone), broken: 'half of a surrogate pair stands alone' };
    return even.length === bytes.length ? { text } : { text, broken: 'the last byte has no pair' };
  };
}

function decodeUtf32(order: 'LE' | 'BE'): Decoder {
  return (bytes) => {
    const characters: string[] = [];
    for (let at = 0; at < bytes.length; at += 4) {
      if (at + 4 > bytes.length)
        return { text: characters.join(''), broken: 'the last 4 bytes are not all there' };
      const code = order === 'LE' ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
      if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return { text: characters.join(''), broken: `${hex(code)} is not a character` };
      characters.push(String.fromCodePoint(code));
    }
    return { text: characters.join('') };
  };
}
