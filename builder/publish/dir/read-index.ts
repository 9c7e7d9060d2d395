import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { FormatError, PublishError, UsageError } from '../../errors/families.ts';
import { readInput } from '../../files/read-input.ts';
import type { Signer } from '../../keys/signer.ts';
import {
  INDEX_SIGNATURE_LIMIT,
  parseIndexSignatures,
  signersOfIndex,
  type IndexSignature,
} from '../../release-index/index-signatures.ts';
import {
  INDEX,
  INDEX_LIMIT,
  INDEX_SIGNATURE,
  parseReleaseIndex,
  type ReleaseIndex,
} from '../../release-index/release-index.ts';
import { refusalsOf, type RoleTrust } from '../../verify/trust-policy.ts';
import { isMissing } from './place.ts';

/** An index as it is published now, with those of its signatures that hold. */
export type CurrentIndex = {
  readonly index: ReleaseIndex;
  readonly bytes: Buffer;
  readonly signatures: readonly IndexSignature[];
};

export type IndexPolicy = {
  readonly signers: readonly Signer[];
  /** Whose signatures count; without, those of the signers themselves: then it was one of us who wrote it. */
  readonly trust?: RoleTrust;
  readonly allowUnverified: boolean;
};

/**
 * The index in the directory of a target name, undefined when there is none. What is in it gets signed again with every
 * release, so it has to be signed by a key that counts, or whoever can write there has us sign what he likes. Throws
 * PublishError (TARGET_INVALID).
 */
export async function readIndex(
  place: string,
  policy: IndexPolicy,
): Promise<CurrentIndex | undefined> {
  const file = join(place, INDEX);
  const bytes = await readOptional(file, INDEX_LIMIT);
  if (bytes === undefined) return undefined;
  const index = await asPublishError(() => parseReleaseIndex(bytes, file));
  const listed = await readSignatures(place, policy);
  const by = signersOfIndex(bytes, listed);
  requireAuthentic(file, { by, isSigned: listed.length > 0 }, policy);
  const signatures = listed.filter((each) => signersOfIndex(bytes, [each]).length > 0);
  return { index, bytes, signatures };
}

async function readSignatures(
  place: string,
  policy: IndexPolicy,
): Promise<readonly IndexSignature[]> {
  const file = join(place, INDEX_SIGNATURE);
  const bytes = await readOptional(file, INDEX_SIGNATURE_LIMIT);
  if (bytes === undefined) return [];
  return asPublishError(() => parseIndexSignatures(bytes, file)).catch((error: unknown) => {
    if (policy.allowUnverified) return [];
    throw error;
  });
}

type Signed = { readonly by: readonly string[]; readonly isSigned: boolean };

function requireAuthentic(file: string, signed: Signed, policy: IndexPolicy): void {
  if (policy.allowUnverified || isAuthentic(signed, policy)) return;
  throw new PublishError(
    'TARGET_INVALID',
    `${file} is not to be relied on: ${problemOf(signed, policy)}. Publishing would sign all that it says`,
    {
      where: { file },
      hint: 'Name who may have signed it with --trust. Whoever has looked at every entry of it goes on with --allow-unverified.',
    },
  );
}

function isAuthentic({ by, isSigned }: Signed, { signers, trust }: IndexPolicy): boolean {
  const counting = trust?.trustedKeys ?? signers.map(({ digest }) => digest);
  if (by.some((key) => counting.some((digest) => digest.toString('hex') === key))) return true;
  // Nothing is signed here, and nobody was named who should have.
  return counting.length === 0 && trust === undefined && (!isSigned || by.length > 0);
}

function problemOf({ by, isSigned }: Signed, { trust }: IndexPolicy): string {
  if (!isSigned) return 'nobody signed it';
  if (by.length === 0) return 'no signature beside it holds over these bytes';
  const why = refusalsOf(trust?.refusedKeys, by);
  return `it is signed by ${by.join(', ')}, which does not count${why}`;
}

/** What does not parse is not gone on with, whatever is allowed: every version that it lists would be lost. */
async function asPublishError<T>(parse: () => T): Promise<T> {
  try {
    return await Promise.resolve(parse());
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new PublishError('TARGET_INVALID', error.message, {
      ...(error.where === undefined ? {} : { where: error.where }),
      hint: 'Put the one back that was published, from a copy of the tree.',
      cause: error,
    });
  }
}

async function readOptional(file: string, limit: number): Promise<Buffer | undefined> {
  try {
    await lstat(file);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    return await readInput(file, 'the index of a published tree', limit);
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof FormatError)) throw error;
    throw new PublishError('TARGET_INVALID', error.message, { where: { file }, cause: error });
  }
}
