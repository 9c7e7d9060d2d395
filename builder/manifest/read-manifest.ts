import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { FormatError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import { checkSchema } from '../schema/schema.ts';
import { MANIFEST_LIMIT, manifestSchema, type Manifest } from './manifest.ts';
import { MANIFEST } from './release-files.ts';

/**
 * Reads the manifest of a release directory, with the SHA-256 (hex) of its bytes. Throws UsageError when there is none,
 * FormatError when it is none; whether the release is as it says is for verify/ to find out.
 */
export async function readManifest(
  directory: string,
): Promise<{ readonly manifest: Manifest; readonly sha256: string }> {
  const file = join(directory, MANIFEST);
  const bytes = await readInput(file, 'the manifest of a release', MANIFEST_LIMIT);
  const result = checkSchema(manifestSchema, parseJson(bytes, file));
  if (result.ok)
    return { manifest: result.value, sha256: createHash('sha256').update(bytes).digest('hex') };
  const [issue] = result.issues;
  throw malformed(file, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}

function parseJson(bytes: Buffer, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw malformed(file, `is not JSON: ${(error as Error).message}`);
  }
}

function malformed(file: string, what: string): FormatError {
  return new FormatError('BAD_VALUE', `${file} is not the manifest of a release: ${what}`, {
    where: { file },
  });
}
