import { createPublicKey } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SigningError } from '../errors/families.ts';
import { describeWriteFailure } from '../files/write-failure.ts';
import { writeFileAtomically } from '../files/write-file.ts';
import { keyDigestOfPublicKey } from '../format/signature-key.ts';
import type { SignatureScheme } from '../format/signature-scheme.ts';
import { generateKey } from './generate.ts';

/** Where a new key pair went, and the digest (hex) that eFuse would hold. */
export type KeyFiles = {
  readonly privateFile: string;
  readonly publicFile: string;
  readonly digest: string;
};

export type KeyFileOptions = {
  readonly scheme: SignatureScheme;
  /** Gets the passphrase, or undefined for a file that is not encrypted. Asked once it is certain that nothing is overwritten. */
  readonly passphrase: () => Promise<string | undefined>;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Makes a key pair and writes both halves: `release.pem` (0600, under a passphrase) and `release.pub.pem`. Throws SigningError when
 * either file is there already, UsageError when the folder cannot be written; then neither is left.
 */
export async function createKeyFiles(
  privateFile: string,
  { scheme, passphrase: askPassphrase, signal }: KeyFileOptions,
): Promise<KeyFiles> {
  const publicFile = privateFile.replace(/(\.pem)?$/, '.pub.pem');
  for (const file of [privateFile, publicFile]) refuseExisting(file);
  const passphrase = await askPassphrase();
  const { privatePem, publicPem } = await generateKey(scheme, { development: false, passphrase });
  signal?.throwIfAborted();
  try {
    await mkdir(dirname(privateFile), { recursive: true });
  } catch (error) {
    throw describeWriteFailure(error, dirname(privateFile));
  }
  await ignoreInGit(dirname(privateFile));
  writePrivateFile(privateFile, Buffer.from(privatePem));
  try {
    await writeFileAtomically(publicFile, Buffer.from(publicPem), { exclusive: true });
  } catch (error) {
    await rm(privateFile, { force: true });
    throw error;
  }
  return {
    privateFile,
    publicFile,
    digest: keyDigestOfPublicKey(createPublicKey(publicPem)).toString('hex'),
  };
}

/**
 * Writes a private key under its own name at once, and nowhere else: whatever ends us, no copy of it is left in a temporary
 * file. A kill between two system calls leaves an empty file at most.
 */
function writePrivateFile(path: string, bytes: Uint8Array): void {
  let file: number | undefined;
  try {
    file = openSync(path, 'wx', 0o600);
    // Goes on until all of it is written: a single write(2) may stop halfway, where a disk or a quota is full.
    writeFileSync(file, bytes);
    fsyncSync(file);
  } catch (error) {
    if (file !== undefined) unlinkSync(path);
    throw describeWriteFailure(error, path);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** A folder named keys/ keeps its private keys out of git from the first one on; one that says so itself is left alone. */
async function ignoreInGit(folder: string): Promise<void> {
  const file = join(folder, '.gitignore');
  if (basename(folder) !== 'keys' || existsSync(file)) return;
  const lines = [
    '# Private keys never enter git.',
    '*',
    '!.gitignore',
    '!README.md',
    '!*.pub.pem',
    '!trust.yaml',
    '!*.sh',
    '',
  ];
  await writeFileAtomically(file, Buffer.from(lines.join('\n')));
}

function refuseExisting(file: string): void {
  if (!existsSync(file)) return;
  const isEmpty = statSync(file).isFile() && statSync(file).size === 0;
  throw new SigningError(
    'KEY_EXISTS',
    `${file} exists already and was kept: a key that is overwritten is lost for every device that trusts it`,
    {
      where: { file },
      ...(isEmpty
        ? { hint: 'It is empty, as a run that was killed leaves it: remove it and try again.' }
        : {}),
    },
  );
}
