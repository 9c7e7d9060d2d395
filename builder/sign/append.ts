import type { Chip } from '../chip/chip.ts';
import { SigningError } from '../errors/families.ts';
import { SIGNATURE_BLOCK_SIZE } from '../format/signature-block.ts';
import type { SignatureScheme } from '../format/signature-scheme.ts';
import { describeFinding } from '../verify/report.ts';
import { checkSignatureSector } from '../verify/signature.ts';
import type { Signable } from './signable.ts';

/** Blocks of a signature that stay, byte for byte, and what they sign. */
export type KeptBlocks = {
  readonly contents: Buffer;
  readonly scheme: SignatureScheme;
  /** The bytes of the blocks, 1216 each, in their order from the first place on. */
  readonly blocks: readonly Buffer[];
  /** Their key digests. */
  readonly digests: readonly Buffer[];
};

/**
 * The signature blocks of `bytes` that another one is to be put behind. Throws SigningError unless every one of them
 * holds: what is appended to a broken signature would be found by nobody. Empty places between blocks are refused too.
 */
export function keptBlocks(
  bytes: Buffer,
  { existing }: Signable,
  place: { readonly chip: Chip; readonly name: string },
): KeptBlocks {
  if (existing.kind !== 'v2') throw notAppendable(place.name, existing.kind);
  const { offset } = existing;
  const { blocks, findings } = checkSignatureSector(
    bytes,
    { offset },
    { file: place.name, chip: place.chip },
  );
  const problem = findings.find(
    ({ severity, code }) =>
      severity === 'error' || code === 'SIGNATURE_BLOCKS' || code === 'SIGNATURE_SCHEME',
  );
  const [first] = blocks;
  if (problem !== undefined || first === undefined) {
    const why = problem === undefined ? 'it has no block' : describeFinding(problem);
    throw new SigningError(
      'IMAGE_NOT_SIGNABLE',
      `the signature that is there does not hold, so nothing was put behind it: ${why}`,
      { where: { offset }, hint: 'Use --replace to sign the image anew.' },
    );
  }
  return {
    contents: bytes.subarray(0, offset),
    scheme: first.block.scheme,
    blocks: blocks.map(({ index }) => {
      const start = offset + index * SIGNATURE_BLOCK_SIZE;
      return bytes.subarray(start, start + SIGNATURE_BLOCK_SIZE);
    }),
    digests: blocks.map(({ keyDigest }) => keyDigest),
  };
}

function notAppendable(name: string, kind: Signable['existing']['kind']): SigningError {
  if (kind === 'v1') {
    return new SigningError(
      'IMAGE_NOT_SIGNABLE',
      `${name} has a Secure Boot V1 signature, of which there can be only one`,
    );
  }
  return new SigningError(
    'IMAGE_NOT_SIGNABLE',
    kind === 'misplaced'
      ? `${name} has a signature sector where no chip looks for it: nothing can be put behind it`
      : `${name} is not signed: there is nothing to append to`,
    kind === 'misplaced'
      ? { hint: 'Use --replace to sign the image anew.' }
      : { hint: 'Leave --append away.' },
  );
}
