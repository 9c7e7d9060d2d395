import { lstat, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FormatError, UsageError, VerifyError } from '../../errors/families.ts';
import { readInput } from '../../files/read-input.ts';
import { writeFileAtomically } from '../../files/write-file.ts';
import { describeWriteFailure } from '../../files/write-failure.ts';
import { parseTrust } from './edit-trust.ts';

const TRUST_LIMIT = 64 * 1024;

/** The text of a trust file; undefined only when there is none. Throws UsageError or VerifyError for one that cannot be read. */
export async function readTrustText(path: string, name: string): Promise<string | undefined> {
  try {
    await lstat(path);
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new VerifyError('TRUST_INVALID', `${name} cannot be read (${code})`, { cause: error });
  }
  try {
    const text = (await readInput(path, 'a trust.yaml', TRUST_LIMIT)).toString('utf8');
    if (!text.includes('-----BEGIN ')) return text;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new VerifyError('TRUST_INVALID', error.message, { where: { file: name }, cause: error });
  }
  throw new UsageError('USAGE', `${name} holds keys in PEM, not the digests of a trust.yaml`);
}

/**
 * Writes a trust file, whole or not at all; what reached the disk is read as a trust file before it takes its name. A new one
 * never takes the place of one that somebody else has made meanwhile. Throws UsageError.
 */
export async function writeTrustText(
  path: string,
  { name, text, isNew }: { readonly name: string; readonly text: string; readonly isNew: boolean },
): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
  } catch (error) {
    throw describeWriteFailure(error, dirname(path));
  }
  await writeFileAtomically(path, Buffer.from(text), {
    exclusive: isNew,
    check: (written) => {
      parseTrust({ name, text: written.toString('utf8') });
    },
  });
}
