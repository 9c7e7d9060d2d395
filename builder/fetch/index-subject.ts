import { VerifyError } from '../errors/families.ts';
import { findChipByName } from '../chip/registry.ts';
import type { ReleaseIndex } from '../release-index/release-index.ts';
import { targetNameOf, type FetchRequest } from './request.ts';

/**
 * Throws VerifyError (INDEX_MISMATCH) for an index that is about another board or variant, or that has files of another
 * one among its own: a signature holds over the index of any board.
 */
export function checkSubject(
  index: ReleaseIndex,
  request: Pick<FetchRequest, 'board' | 'variant'>,
  subject: string,
): void {
  const asked = targetNameOf(request);
  if (index.board !== request.board || index.variant !== request.variant)
    throw mismatch(`${subject} is about ${targetNameOf(index)}, not ${asked}`);
  if (findChipByName(index.chip) === undefined)
    throw mismatch(`${subject} is about a chip that is not known: ${index.chip}`);
  for (const { version, files } of index.versions) {
    const stem = `${asked}-${version}`;
    const foreign = files.find(
      ({ file }) => /\.(?:zip|app-bin)$/.test(file) && !file.startsWith(`${stem}.`),
    );
    if (foreign !== undefined)
      throw mismatch(`${subject} lists ${foreign.file} as a file of ${stem}`);
  }
}

function mismatch(message: string): VerifyError {
  return new VerifyError('INDEX_MISMATCH', message);
}
