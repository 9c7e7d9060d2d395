import type { Chip } from '../chip/chip.ts';
import { SIGNATURE_BLOCK_SIZE } from '../format/signature-block.ts';
import type { SignatureScheme } from '../format/signature-scheme.ts';
import type { FindingCode } from '../verify/finding.ts';
import { checkSignatureSector } from '../verify/signature.ts';

/** One signature block of an image, checked with the key that it embeds. Digests in hex. */
export type BlockReport = {
  readonly index: number;
  readonly scheme: SignatureScheme;
  /** What eFuse holds of the key. */
  readonly keyDigest: string;
  readonly imageDigest: string;
  readonly imageDigestMatches: boolean;
  /** By the embedded key: this proves that the image is whole, not who signed it. */
  readonly signatureValid: boolean;
};

export type SignatureReport = {
  /** Of the sector, from the image's first byte. */
  readonly offset: number;
  readonly blocks: readonly BlockReport[];
  /** Damaged blocks, and what the chip would make of the others. */
  readonly remarks: readonly string[];
};

/** What the blocks say by themselves already. */
const IN_BLOCKS: readonly FindingCode[] = ['SIGNATURE_DIGEST', 'SIGNATURE_INVALID'];

/** Explains the Secure Boot V2 signature sector at `offset` of `bytes`, an image from its first byte. Total. */
export function describeSignature(bytes: Buffer, offset: number, chip: Chip): SignatureReport {
  const { blocks, findings } = checkSignatureSector(bytes, { offset }, { file: '', chip });
  const found = (index: number, ...codes: readonly FindingCode[]): boolean =>
    findings.some(
      ({ code, offset: at }) =>
        codes.includes(code) && at === offset + index * SIGNATURE_BLOCK_SIZE,
    );
  return {
    offset,
    blocks: blocks.map(({ index, block, keyDigest }) => ({
      index,
      scheme: block.scheme,
      keyDigest: keyDigest.toString('hex'),
      imageDigest: block.imageDigest.toString('hex'),
      imageDigestMatches: !found(index, 'SIGNATURE_DIGEST'),
      signatureValid: !found(index, 'SIGNATURE_INVALID', 'SIGNATURE_KEY'),
    })),
    remarks: findings.filter(({ code }) => !IN_BLOCKS.includes(code)).map(({ message }) => message),
  };
}
