import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PublishError } from '../../errors/families.ts';
import { readInput } from '../../files/read-input.ts';
import { syncDirectory } from '../../files/sync-directory.ts';
import { signIndex } from '../../keys/sign-index.ts';
import type { Signer } from '../../keys/signer.ts';
import {
  formatIndexSignatures,
  signersOfIndex,
  type IndexSignature,
} from '../../release-index/index-signatures.ts';
import {
  formatReleaseIndex,
  INDEX,
  INDEX_LIMIT,
  INDEX_SIGNATURE,
  parseReleaseIndex,
  type ReleaseIndex,
} from '../../release-index/release-index.ts';
import type { HeldLock } from './lock.ts';
import type { CurrentIndex } from './read-index.ts';
import { replaceFile } from './replace-file.ts';

const MOST_OLD_SIGNATURES = 3;

/**
 * Signs an index and puts it in the place of the current one. The signatures are there before the index, together with those
 * of the current one: whichever a reader finds, its signature is beside it. Throws SigningError, PublishError.
 */
export async function writeIndex(
  place: string,
  index: ReleaseIndex,
  {
    current,
    signers,
    lock,
  }: {
    readonly current: CurrentIndex | undefined;
    readonly signers: readonly Signer[];
    readonly lock: HeldLock;
  },
): Promise<void> {
  const bytes = formatReleaseIndex(index);
  // What no reader would take is not written.
  parseReleaseIndex(bytes, INDEX);
  const signatures = await signIndex(bytes, signers);
  const old = (current?.signatures ?? []).slice(0, MOST_OLD_SIGNATURES);
  const file = join(place, INDEX_SIGNATURE);
  if (signatures.length > 0)
    await replaceFile(file, formatIndexSignatures([...signatures, ...old]), lock);
  else await removeSignatures(place, lock);
  await replaceFile(join(place, INDEX), bytes, lock);
  await requireWritten(place, bytes, signatures);
}

/** An index without signature must not stand beside one of another: readers would take it for forged. */
async function removeSignatures(place: string, lock: HeldLock): Promise<void> {
  await lock.requireHeld();
  await rm(join(place, INDEX_SIGNATURE), { force: true });
  await syncDirectory(place);
}

/** Reads back what readers get from now on. */
async function requireWritten(
  place: string,
  bytes: Buffer,
  signatures: readonly IndexSignature[],
): Promise<void> {
  const written = await readInput(join(place, INDEX), 'the index that was written', INDEX_LIMIT);
  const holding = signersOfIndex(written, signatures);
  if (written.equals(bytes) && signatures.every(({ key }) => holding.includes(key))) return;
  throw new PublishError(
    'ASSET_MISMATCH',
    `${join(place, INDEX)} does not read back as it was written`,
    {
      where: { file: join(place, INDEX) },
      hint: 'Somebody else changed it in the same moment, or the disk is damaged.',
    },
  );
}
