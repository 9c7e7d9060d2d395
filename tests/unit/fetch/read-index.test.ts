import { describe, expect, test } from 'vitest';
import { readIndex } from '../../../builder/fetch/read-index.ts';
import type { Tree } from '../../../builder/fetch/tree.ts';
import { formatIndexSignatures } from '../../../builder/release-index/index-signatures.ts';
import {
  formatReleaseIndex,
  type ReleaseIndex,
} from '../../../builder/release-index/release-index.ts';
import { aContext } from '../../support/contexts.ts';
import { digestOf, signatureOver } from '../../support/made-tree.ts';
import { aPrivateKey } from '../../support/signature-blocks.ts';

const key = aPrivateKey('rsa3072');

function indexBytes(sequence: number): Buffer {
  const index: ReleaseIndex = {
    schema: 1,
    board: 'B',
    chip: 'esp32',
    sequence,
    updatedAt: '2026-03-01T00:00:00Z',
    channels: {},
    versions: [],
  };
  return formatReleaseIndex(index);
}

/** Signatures over these indexes, as a publisher writes them: of the one now and of the one before. */
const signed = (...sequences: readonly number[]): Buffer =>
  formatIndexSignatures(sequences.map((each) => signatureOver(indexBytes(each), key)));

/** A tree whose index and signature are the next of these at every look. */
function aTree(
  indexes: readonly Buffer[],
  signatures: readonly (Buffer | undefined)[],
): Tree & { looks: () => number } {
  let looks = 0;
  return {
    name: 'tree',
    identity: 'tree',
    isOpenToAll: false,
    looks: () => looks,
    read: ([, file]) => {
      const list = file === 'index.json' ? indexes : signatures;
      if (file === 'index.json') looks++;
      return Promise.resolve(list[Math.min(looks, list.length) - 1]);
    },
    open: () => {
      throw new Error('nothing else is read');
    },
    targets: () => Promise.resolve([]),
  };
}

describe('an index and its signature', () => {
  test('belong together while a publisher is between the two', async () => {
    const tree = aTree([indexBytes(1)], [signed(1, 2)]);
    const found = await readIndex(aContext().context, tree, 'B');
    expect(found).toEqual({ bytes: indexBytes(1), signers: [digestOf(key)] });
    expect(tree.looks()).toBe(1);
  });

  test('are read again when two were published between the two looks', async () => {
    const tree = aTree([indexBytes(1), indexBytes(3)], [signed(2, 3), signed(2, 3)]);
    expect(await readIndex(aContext().context, tree, 'B')).toMatchObject({ bytes: indexBytes(3) });
    expect(tree.looks()).toBe(2);
  });

  test('are refused when they stay as they are and do not belong together', async () => {
    const tree = aTree([indexBytes(1)], [signed(2)]);
    await expect(readIndex(aContext().context, tree, 'B')).rejects.toMatchObject({
      code: 'INDEX_UNTRUSTED',
    });
    expect(tree.looks()).toBe(2);
  });

  test('are refused after some looks when they change and never belong together', async () => {
    const numbers = [1, 2, 3, 4, 5, 6, 7];
    const tree = aTree(
      numbers.map(indexBytes),
      numbers.map((each) => signed(each + 20)),
    );
    await expect(readIndex(aContext().context, tree, 'B')).rejects.toMatchObject({
      code: 'INDEX_UNTRUSTED',
    });
    expect(tree.looks()).toBe(5);
  });

  test('are not there, or there is no signature', async () => {
    expect(await readIndex(aContext().context, aTree([], []), 'B')).toBeUndefined();
    const unsigned = aTree([indexBytes(4)], [undefined]);
    expect(await readIndex(aContext().context, unsigned, 'B')).toMatchObject({ signers: [] });
  });
});
