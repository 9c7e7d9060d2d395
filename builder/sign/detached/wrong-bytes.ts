import { padToSector } from '../contents.ts';
import type { Prepared } from '../prepare.ts';
import type { WrongBytes } from './signature-problem.ts';

/** What people sign by mistake instead of the padded contents, each once, the likeliest first. */
export function wrongBytesOf({ contents, file, unpadded }: Prepared): readonly WrongBytes[] {
  const candidates: readonly WrongBytes[] = [
    { words: 'the unpadded file as it was given', bytes: file },
    { words: 'the image without its padding', bytes: unpadded },
    {
      words:
        'the image filled up to 4096 bytes, but not secure-padded (--no-secure-pad signs that)',
      bytes: padToSector(unpadded),
    },
  ];
  return candidates.filter(
    ({ bytes }, index) =>
      !bytes.equals(contents) &&
      !candidates.slice(0, index).some((earlier) => earlier.bytes.equals(bytes)),
  );
}
