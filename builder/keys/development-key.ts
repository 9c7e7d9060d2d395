import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readInput } from '../files/read-input.ts';
import { writeFileAtomically } from '../files/write-file.ts';
import { describeWriteFailure } from '../files/write-failure.ts';
import type { SignatureScheme } from '../format/signature-scheme.ts';
import { keyDigest } from '../format/signature-block.ts';
import { generateKey } from './generate.ts';
import { parsePrivateKey } from './private-key.ts';

const KEY_FILE_LIMIT = 64 * 1024;

/** Where the development key of a scheme lives in a project; the folder ignores itself in git. */
export function developmentKeyPath(projectDirectory: string, scheme: SignatureScheme): string {
  return join(projectDirectory, 'keys', 'dev', `${scheme}.pem`);
}

/**
 * The development key of a project, made when it is not there yet (0600, its folder 0700 and ignored by git). Says
 * whether it was made now. Throws UsageError when the folder cannot be written.
 */
export async function developmentKey(
  projectDirectory: string,
  scheme: SignatureScheme,
): Promise<{ readonly pem: string; readonly made: boolean; readonly path: string }> {
  const path = developmentKeyPath(projectDirectory, scheme);
  if (existsSync(path))
    return {
      pem: (await readInput(path, 'a development key')).toString('utf8'),
      made: false,
      path,
    };
  const folder = join(projectDirectory, 'keys', 'dev');
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw describeWriteFailure(error, folder);
  }
  await writeFileAtomically(join(folder, '.gitignore'), Buffer.from('*\n'));
  const { privatePem } = await generateKey(scheme, { development: true });
  try {
    await writeFileAtomically(path, Buffer.from(privatePem), { mode: 0o600, exclusive: true });
  } catch (error) {
    // Another run made it first: both must sign with the same key.
    if (!existsSync(path)) throw error;
    return {
      pem: (await readInput(path, 'a development key')).toString('utf8'),
      made: false,
      path,
    };
  }
  return { pem: privatePem, made: true, path };
}

/** Whether a key is the project's development key: in a token, in a file without its mark, or behind a program. */
export async function isDevelopmentKey(
  { digest, scheme }: { readonly digest: Buffer; readonly scheme: SignatureScheme },
  projectDirectory: string,
): Promise<boolean> {
  const path = developmentKeyPath(projectDirectory, scheme);
  if (!existsSync(path)) return false;
  try {
    const bytes = await readInput(path, 'a development key', KEY_FILE_LIMIT);
    const { fields } = parsePrivateKey(bytes.toString('utf8'), 'dev');
    return keyDigest(fields).equals(digest);
  } catch {
    // What is there is no key, so this key is not it.
    return false;
  }
}
