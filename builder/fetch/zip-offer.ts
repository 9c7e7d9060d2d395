import { createHash } from 'node:crypto';
import { FormatError, UsageError, VerifyError } from '../errors/families.ts';
import { hashInput } from '../files/read-input.ts';
import { MANIFEST_LIMIT, manifestSchema, type Manifest } from '../manifest/manifest.ts';
import { MANIFEST } from '../manifest/release-files.ts';
import type { Context } from '../pipeline/context.ts';
import { checkSchema } from '../schema/schema.ts';
import { openZip, type ZipEntry, type ZipFile } from '../verify/open-zip.ts';
import { MOST_BYTES } from '../verify/read-release.ts';
import { checkListedFiles, unknownRelease, type ListedFile } from './choose-version.ts';
import type { Offer } from './offer.ts';
import { targetNameOf, type FetchRequest } from './request.ts';

const MOST_ENTRIES = 64;
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._+-]{0,254}$/;
const ENCRYPTED = 1;
const STORED = 0;
const DEFLATED = 8;
/** Upper half of the external attributes: the type of a file on Unix, 0 where the zip was made elsewhere. */
const TYPE_MASK = 0o170000;
const REGULAR = 0o100000;

/**
 * The release in a zip as `ota-build` writes it, at `path`. Nothing is unpacked before all of its directory has been judged: names
 * are plain file names, no two of them one file, nothing is a link or encrypted, and sizes are those of a release. There is no
 * index: what counts are the release's own signatures. Throws UsageError, VerifyError, FormatError, FetchError.
 */
export async function findInZip(
  context: Context,
  path: string,
  request: FetchRequest,
): Promise<Offer> {
  const target = targetNameOf(request);
  // For the sentences about a file that is missing, a directory, or larger than any release.
  await hashInput(path, 'the zip of a release', MOST_BYTES);
  context.throwIfInterrupted();
  const entries = await withZip(path, listEntries);
  const sized = entries.map(({ fileName, uncompressedSize }) => ({
    file: fileName,
    size: uncompressedSize,
  }));
  checkListedFiles(sized, path, { hasChecksums: false });
  const listed: ListedFile[] = [];
  for (const each of sized) listed.push({ ...each, sha256: await hashEntry(path, each) });
  const manifest = await readManifest(path, sized);
  if (targetNameOf(manifest) !== target)
    throw unknownRelease(
      `${path} is a release for ${targetNameOf(manifest)}, not for ${target}`,
      '--board and --variant say what it should be for.',
    );
  const { wanted } = request;
  if (wanted.kind === 'version' && wanted.version !== manifest.version)
    throw unknownRelease(
      `${path} has version ${manifest.version}, not ${wanted.version}`,
      'Leave --version away to take it.',
    );
  return {
    source: request.source,
    version: manifest.version,
    subject: `${target}-${manifest.version}`,
    files: listed,
    remembersKeys: false,
    open: (file, from) => readEntry(path, file, from),
    check: () => undefined,
    accept: () => Promise.resolve(),
  };
}

async function withZip<T>(path: string, use: (archive: ZipFile) => Promise<T>): Promise<T> {
  let archive: ZipFile | undefined;
  try {
    archive = await openZip(path);
    return await use(archive);
  } catch (error) {
    throw describe(error, path);
  } finally {
    archive?.close();
  }
}

async function listEntries(archive: ZipFile): Promise<readonly ZipEntry[]> {
  if (archive.entryCount > MOST_ENTRIES)
    throw refused(`it has ${archive.entryCount} entries; a release has at most ${MOST_ENTRIES}`);
  const entries: ZipEntry[] = [];
  for await (const entry of archive.eachEntry()) {
    requirePlain(entry);
    entries.push(entry);
    if (entries.length > MOST_ENTRIES) throw refused('it has more entries than it says');
  }
  return entries;
}

function requirePlain(entry: ZipEntry): void {
  const name = JSON.stringify(entry.fileName);
  const type = (entry.externalFileAttributes >>> 16) & TYPE_MASK;
  if (!NAME.test(entry.fileName)) throw refused(`${name} is not the name of a file of a release`);
  if (type !== 0 && type !== REGULAR) throw refused(`${name} is not a regular file`);
  if ((entry.generalPurposeBitFlag & ENCRYPTED) !== 0) throw refused(`${name} is encrypted`);
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED)
    throw refused(`${name} is compressed by method ${entry.compressionMethod}`);
}

type Sized = Pick<ListedFile, 'file' | 'size'>;

async function* readEntry(path: string, { file, size }: Sized, from = 0): AsyncGenerator<Buffer> {
  const archive = await openZip(path).catch((error: unknown) => {
    throw describe(error, path);
  });
  try {
    for await (const entry of archive.eachEntry()) {
      if (entry.fileName !== file) continue;
      const stream = await archive.openReadStreamPromise(entry);
      let at = 0;
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        const skip = Math.max(0, Math.min(chunk.length, from - at));
        at += chunk.length;
        if (at > size) throw refused(`${file} unpacks to more than the ${size} bytes that it says`);
        if (skip < chunk.length) yield chunk.subarray(skip);
      }
      return;
    }
  } catch (error) {
    throw describe(error, path);
  } finally {
    archive.close();
  }
}

async function hashEntry(path: string, file: Sized): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of readEntry(path, file)) hash.update(chunk);
  return hash.digest('hex');
}

async function readManifest(path: string, files: readonly Sized[]): Promise<Manifest> {
  const size = files.find(({ file }) => file === MANIFEST)?.size ?? 0;
  if (size > MANIFEST_LIMIT) throw describe(refused(`${MANIFEST} has ${size} bytes`), path);
  const chunks: Buffer[] = [];
  for await (const chunk of readEntry(path, { file: MANIFEST, size })) chunks.push(chunk);
  let json: unknown;
  try {
    json = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw describe(refused(`${MANIFEST} is not JSON`), path);
  }
  const result = checkSchema(manifestSchema, json);
  if (result.ok) return result.value;
  const [first] = result.issues;
  throw describe(
    refused(`${MANIFEST}: ${first?.path.join('.') ?? ''}: ${first?.message ?? ''}`),
    path,
  );
}

/** What a zip is refused for; its name is put in front by `describe`. */
class ZipProblem extends Error {}

function refused(problem: string): ZipProblem {
  return new ZipProblem(problem);
}

function describe(error: unknown, path: string): unknown {
  if (error instanceof VerifyError || error instanceof UsageError || error instanceof FormatError)
    return error;
  const { message, code } = error as NodeJS.ErrnoException;
  // What the file system says has a code; what is wrong with the zip has none.
  if (code !== undefined && !(error instanceof ZipProblem) && /^E[A-Z]+$/.test(code)) return error;
  return new FormatError('BAD_VALUE', `${path} is not the zip of a release: ${message}`, {
    where: { file: path },
  });
}
