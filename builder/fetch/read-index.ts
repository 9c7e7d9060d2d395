import { setTimeout as sleep } from 'node:timers/promises';
import { VerifyError } from '../errors/families.ts';
import type { Context } from '../pipeline/context.ts';
import {
  INDEX_SIGNATURE_LIMIT,
  parseIndexSignatures,
  signersOfIndex,
} from '../release-index/index-signatures.ts';
import { INDEX, INDEX_LIMIT, INDEX_SIGNATURE } from '../release-index/release-index.ts';
import type { Tree } from './tree.ts';

/** An index as it was found, and who signed it. Nothing has looked into it yet: what it says is for whom its signers count. */
export type FoundIndex = {
  readonly bytes: Buffer;
  /** Digests (hex) of the keys whose signatures hold; empty for an index that nobody signed. */
  readonly signers: readonly string[];
};

/** A publisher writes signature and index one after the other; both are read again when they do not belong together. */
const MOST_READS = 5;
const PAUSE_MS = 100;

/**
 * Reads index.json of a target name and its signature. Undefined when there is no index. Throws VerifyError
 * (INDEX_UNTRUSTED) when there is a signature and it is not one of these bytes, FormatError for what is not a signature.
 */
export async function readIndex(
  context: Context,
  tree: Tree,
  target: string,
): Promise<FoundIndex | undefined> {
  let before: { readonly bytes: Buffer; readonly signature: Buffer } | undefined;
  for (let reads = 1; ; reads++) {
    context.throwIfInterrupted();
    // In this order: a publisher writes the signatures of the next index before that index.
    const bytes = await tree.read([target, INDEX], INDEX_LIMIT);
    if (bytes === undefined) return undefined;
    const signature = await tree.read([target, INDEX_SIGNATURE], INDEX_SIGNATURE_LIMIT);
    if (signature === undefined) return { bytes, signers: [] };
    const signers = signersIn(signature, bytes, target);
    if (signers.length > 0) return { bytes, signers };
    const changes =
      before === undefined || !before.bytes.equals(bytes) || !before.signature.equals(signature);
    if (!changes || reads === MOST_READS) throw mismatch(target, tree);
    before = { bytes, signature };
    await sleep(PAUSE_MS, undefined, { signal: context.signal }).catch(() => undefined);
  }
}

function signersIn(signature: Buffer, index: Buffer, target: string): readonly string[] {
  return signersOfIndex(index, parseIndexSignatures(signature, `${INDEX_SIGNATURE} of ${target}`));
}

function mismatch(target: string, { name }: Tree): VerifyError {
  return new VerifyError(
    'INDEX_UNTRUSTED',
    `${INDEX} of ${target} in ${name} has been changed since it was signed: no signature in ${INDEX_SIGNATURE} is one of it`,
  );
}
