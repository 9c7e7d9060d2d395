import { SigningError } from '../errors/families.ts';
import { openInTurn } from '../keys/open-in-turn.ts';
import { openSigner, type OpenOptions } from '../keys/open-signer.ts';
import type { Signer } from '../keys/signer.ts';
import { checkKeyReference } from '../plan/check-names.ts';
import { refuseHiddenDevelopmentKey } from '../sign/open-signers.ts';

const MOST_KEYS = 3;

/** Opens the keys that sign what a target writes about its releases. Throws SigningError. */
export async function openIndexSigners(
  references: readonly string[],
  options: OpenOptions,
): Promise<readonly Signer[]> {
  if (references.length > MOST_KEYS)
    throw new SigningError(
      'KEY_COUNT',
      `${references.length} keys were named; an index is signed by at most ${MOST_KEYS}`,
    );
  return openInTurn(references, async (reference, opened) => {
    const signer = await openSigner(checkKeyReference(reference), options);
    refuseHiddenDevelopmentKey(signer, options.environment);
    const twin = opened.find(({ digest }) => digest.equals(signer.digest));
    if (twin !== undefined)
      throw new SigningError(
        'KEY_DUPLICATE',
        `${twin.reference} and ${reference} are the same key`,
      );
    return signer;
  });
}
