import { createPublicKey } from 'node:crypto';
import { existsSync } from 'node:fs';
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

/**
 * Makes a key pair and writes both halves: `release.pem` (0600) and `release.pub.pem`. Throws SigningError when either
 * file is there already, UsageError when the folder cannot be written; then neither is left.
 */
export async function createKeyFiles(
  privateFile: string,
  scheme: SignatureScheme,
): Promise<KeyFiles> {
  const publicFile = privateFile.replace(/(\.pem)?$/, '.pub.pem');
  for (const file of [privateFile, publicFile]) refuseExisting(file);
  try {
    await mkdir(dirname(privateFile), { recursive: true });
  } catch (error) {
    throw describeWriteFailure(error, dirname(privateFile));
  }
  await ignoreInGit(dirname(privateFile));
  const { privatePem, publicPem } = await generateKey(scheme, { development: false });
  await writeFileAtomically(privateFile, Buffer.from(privatePem), { mode: 0o600, exclusive: true });
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
    '',
  ];
  await writeFileAtomically(file, Buffer.from(lines.join('\n')));
}

function refuseExisting(file: string): void {
  if (!existsSync(file)) return;
  throw new SigningError(
    'KEY_EXISTS',
    `${file} exists already and was kept: a key that is overwritten is lost for every device that trusts it`,
    {
      where: { file },
    },
  );
}
