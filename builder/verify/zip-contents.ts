import { crc32 } from 'node:zlib';
import { errorFinding, type Finding } from './finding.ts';
import { openZip, type ZipEntry, type ZipFile } from './open-zip.ts';
import type { Zip } from './zip-bytes.ts';
import { strayInZipStream } from './zip-stream.ts';

/** S_IFREG and rw-r--r--, as Unix keeps them in the upper half of the external attributes. */
const REGULAR_0644 = 0o100644;
/** 2.0: what any unzip can extract. */
const NEWEST_VERSION_NEEDED = 20;

export type ZipExpectation = {
  readonly file: string;
  /** Every file that the archive has to hold, and nothing else, with its contents. */
  readonly contents: ReadonlyMap<string, Buffer>;
};

/**
 * Checks that a zip holds exactly the files of its release, byte for byte, whether a reader begins at its directory or
 * at its first byte. Nothing is extracted to disk, and no entry is read beyond the size of the file that it should be.
 */
export async function checkZip(
  zip: Zip,
  { file, contents }: ZipExpectation,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  const opened: ZipFile[] = [];
  try {
    const archive = await openZip(zip);
    opened.push(archive);
    if (archive.comment.length > 0)
      findings.push(errorFinding('ZIP_MISMATCH', 'has a comment', { file }));
    for await (const entry of archive.eachEntry()) {
      const problem = await checkEntry(archive, entry, contents, seen);
      if (problem !== undefined) findings.push(errorFinding('ZIP_MISMATCH', problem, { file }));
      seen.add(entry.fileName);
      if (seen.size > contents.size) break;
    }
    for (const name of contents.keys()) {
      if (!seen.has(name))
        findings.push(errorFinding('ZIP_MISMATCH', `does not hold ${name}`, { file }));
    }
    const stray = findings.length === 0 ? await strayInZipStream(zip, contents) : undefined;
    if (stray !== undefined) findings.push(errorFinding('ZIP_MISMATCH', stray, { file }));
  } catch (error) {
    return [
      ...findings,
      errorFinding('ZIP_MISMATCH', `cannot be read as a zip: ${(error as Error).message}`, {
        file,
      }),
    ];
  } finally {
    for (const archive of opened) archive.close();
  }
  return findings;
}

/** As the bundle step writes it: a regular file of mode 0644, stored, with its own CRC and nothing attached. */
function isPlain(entry: ZipEntry, expected: Buffer): boolean {
  return (
    entry.externalFileAttributes >>> 16 === REGULAR_0644 &&
    entry.compressionMethod === 0 &&
    entry.generalPurposeBitFlag === 0 &&
    entry.versionNeededToExtract <= NEWEST_VERSION_NEEDED &&
    entry.extraFieldLength === 0 &&
    entry.fileCommentLength === 0 &&
    entry.crc32 === crc32(expected)
  );
}

async function checkEntry(
  archive: ZipFile,
  entry: ZipEntry,
  contents: ReadonlyMap<string, Buffer>,
  seen: ReadonlySet<string>,
): Promise<string | undefined> {
  const expected = contents.get(entry.fileName);
  if (expected === undefined)
    return `holds ${JSON.stringify(entry.fileName)}, which is not a file of this release`;
  if (seen.has(entry.fileName)) return `holds ${entry.fileName} twice`;
  if (entry.uncompressedSize !== expected.length) {
    return `holds ${entry.fileName} with ${entry.uncompressedSize} bytes; the file has ${expected.length}`;
  }
  const stream = await archive.openReadStreamPromise(entry);
  let at = 0;
  let same = true;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    same &&= chunk.equals(expected.subarray(at, at + chunk.length));
    at += chunk.length;
  }
  if (!same || at !== expected.length)
    return `holds a ${entry.fileName} that differs from the file beside it`;
  if (!isPlain(entry, expected))
    return `holds ${entry.fileName} with attributes or a CRC that a release does not have`;
  return undefined;
}
