import { isFilledWith } from '../format/byte-reader.ts';
import {
  keyDigest,
  parseSignatureBlock,
  SIGNATURE_BLOCK_SIZE,
  type PublicKeyFields,
} from '../format/signature-block.ts';
import { hasConsistentPrecomputedValues, publicKeyOf } from '../format/signature-key.ts';
import type { SignatureScheme } from '../format/signature-scheme.ts';
import { MAX_SIGNATURE_BLOCKS } from '../format/signature-sector.ts';
import { problemOf } from './image.ts';

/** One place of a signature sector by itself. Whether a block's signature holds only its image can tell. */
export type SlotReport = { readonly index: number } & (
  | { readonly kind: 'empty' }
  | { readonly kind: 'damaged'; readonly problem: string }
  | {
      readonly kind: 'block';
      readonly scheme: SignatureScheme;
      /** What eFuse holds of the key, in hex. */
      readonly keyDigest: string;
      /** SHA-256 or SHA-384 of the image that it is for, in hex. */
      readonly imageDigest: string;
      /** Why its key is none that a chip could use. */
      readonly keyProblem?: string;
    }
);

export type SignatureSectorReport = {
  readonly slots: readonly SlotReport[];
  /** Everything behind the blocks is 0xFF. */
  readonly tailErased: boolean;
};

/** Explains the 4096 bytes of a Secure Boot V2 signature sector, however damaged. Total. */
export function describeSignatureSector(bytes: Buffer): SignatureSectorReport {
  const tail = bytes.subarray(MAX_SIGNATURE_BLOCKS * SIGNATURE_BLOCK_SIZE);
  return {
    slots: Array.from({ length: MAX_SIGNATURE_BLOCKS }, (_, index) => describeSlot(bytes, index)),
    tailErased: isFilledWith(tail, 0xff),
  };
}

function describeSlot(sector: Buffer, index: number): SlotReport {
  const start = index * SIGNATURE_BLOCK_SIZE;
  const bytes = sector.subarray(start, start + SIGNATURE_BLOCK_SIZE);
  if (isFilledWith(bytes, 0xff)) return { index, kind: 'empty' };
  try {
    const block = parseSignatureBlock(bytes, start);
    const problem = keyProblem(block);
    return {
      index,
      kind: 'block',
      scheme: block.scheme,
      keyDigest: keyDigest(block).toString('hex'),
      imageDigest: block.imageDigest.toString('hex'),
      ...(problem === undefined ? {} : { keyProblem: problem }),
    };
  } catch (error) {
    return { index, kind: 'damaged', problem: problemOf(error).problem };
  }
}

function keyProblem(block: PublicKeyFields): string | undefined {
  try {
    publicKeyOf(block);
  } catch (error) {
    return problemOf(error).problem;
  }
  if (hasConsistentPrecomputedValues(block)) return undefined;
  return "R̄ or M' do not belong to its RSA key: the chip would compute nonsense";
}
