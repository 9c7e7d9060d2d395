import { FormatError } from '../errors/families.ts';
import type { Checksum } from '../manifest/checksums.ts';

const MOST_FILES = 64;
const LINE = /^([0-9a-f]{64}) \*([A-Za-z0-9_][A-Za-z0-9._+-]{0,254})$/;

/**
 * Reads SHA256SUMS as a release has it. `name` is what messages call it. Throws FormatError for anything else: a path, a line
 * that is none, more files than a release has. Source: GNU coreutils, sha256sum, binary mode.
 */
export function parseChecksums(bytes: Buffer, name: string): readonly Checksum[] {
  const lines = bytes.toString('latin1').split('\n');
  if (lines.pop() !== '') throw malformed(name, 'its last line has no end', lines.length + 1);
  if (lines.length > MOST_FILES) throw malformed(name, `it has ${lines.length} lines`, MOST_FILES);
  return lines.map((text, index) => {
    const [, sha256, file] = LINE.exec(text) ?? [];
    if (sha256 === undefined || file === undefined)
      throw malformed(name, 'a SHA-256 and a file name were expected', index + 1);
    return { file, sha256 };
  });
}

function malformed(name: string, problem: string, line: number): FormatError {
  return new FormatError('BAD_VALUE', `${name}, line ${line}: ${problem}`, {
    where: { file: name, line },
  });
}
