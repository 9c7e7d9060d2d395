import { createPublicKey, type KeyObject } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FormatError, VerifyError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import { keyDigestOfPublicKey } from '../format/signature-key.ts';
import { z } from '../schema/schema.ts';
import { parseYamlFile } from '../schema/yaml-file.ts';

const TRUST_LIMIT = 64 * 1024;

const trustSchema = z.strictObject({
  schema: z.literal(1, 'expected 1, the version of this format'),
  keys: z
    .array(
      z.strictObject({
        digest: z
          .string('expected the digest that ota-build keys digest prints')
          .regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits'),
        comment: z.string().optional(),
      }),
    )
    .min(1, 'expected at least one key'),
});

/** Whose signatures count, and where that was read. */
export type Trust = {
  readonly file: string;
  readonly keys: readonly Buffer[];
  /** The keys themselves, where the file has them: a Secure Boot V1 signature cannot be checked without. */
  readonly publicKeys?: readonly KeyObject[];
};

/**
 * Reads a trust file: a public key in PEM, or a trust.yaml with key digests. `name` is the file as messages show it.
 * Throws VerifyError for a file that is neither.
 */
export async function readTrust(path: string, name: string): Promise<Trust> {
  const text = (await readTrustFile(path, name)).toString('utf8');
  if (text.includes('PRIVATE KEY-----')) {
    throw new VerifyError(
      'TRUST_INVALID',
      `${name} holds a private key: trust needs the public key only`,
      {
        hint: 'Take the .pub.pem beside it.',
      },
    );
  }
  if (text.includes('-----BEGIN ')) {
    const { key, digest } = publicKey(text, name);
    return { file: name, keys: [digest], publicKeys: [key] };
  }
  const { keys } = parseYamlFile(
    name,
    text,
    trustSchema,
    (message, options) => new VerifyError('TRUST_INVALID', message, options),
  );
  return { file: name, keys: keys.map(({ digest }) => Buffer.from(digest, 'hex')) };
}

async function readTrustFile(path: string, name: string): Promise<Buffer> {
  try {
    return await readInput(path, 'a public key in PEM or a trust.yaml', TRUST_LIMIT);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new VerifyError('TRUST_INVALID', error.message, { where: { file: name }, cause: error });
  }
}

/** The trust file of a project, keys/trust.yaml; undefined when it has none. */
export async function projectTrust(projectDirectory: string): Promise<Trust | undefined> {
  const name = join('keys', 'trust.yaml');
  const path = join(projectDirectory, name);
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  return isThere ? readTrust(path, name) : undefined;
}

function publicKey(
  text: string,
  name: string,
): { readonly key: KeyObject; readonly digest: Buffer } {
  try {
    const key = createPublicKey(text);
    return { key, digest: keyDigestOfPublicKey(key) };
  } catch (error) {
    const problem = error instanceof FormatError ? error.message : 'it cannot be decoded';
    throw new VerifyError(
      'TRUST_INVALID',
      `${name} is not a public key that could be trusted: ${problem}`,
    );
  }
}
