import { mmuPageSize } from '../chip/mmu-page.ts';
import { flashSizeByCode } from '../chip/flash-settings.ts';
import type { Chip } from '../chip/chip.ts';
import { SigningError } from '../errors/families.ts';
import { APP_DESC_OFFSET, APP_DESC_SIZE, parseAppDescription } from '../format/app-desc.ts';
import { alignUp } from '../format/byte-reader.ts';
import { parseEspImage, securePadEspImage } from '../format/esp-image.ts';
import { SECTOR_SIZE } from '../format/image-trailer.ts';
import { V1_SIGNATURE_ROOM } from '../format/signature-v1.ts';
import type { SigningScheme } from './scheme.ts';
import type { Signable } from './signable.ts';

export type ContentsOptions = {
  readonly scheme: SigningScheme;
  readonly chip: Chip;
  /** Unsaid: apps are padded for Secure Boot V2, and signed as they are for V1, as espsecure does. */
  readonly securePad?: boolean;
};

/**
 * The exact bytes that are hashed and signed, and that come before the signature. Secure Boot V2: an app is padded so
 * that every byte the MMU maps is signed, then 0xFF up to a multiple of 4096. V1: the contents end at the signature.
 * Throws FormatError for an app that cannot be padded.
 */
export function contentsToSign(
  signable: Signable,
  { scheme, chip, securePad = scheme !== 'v1' }: ContentsOptions,
): Buffer {
  const { kind, contents } = signable;
  const padded =
    kind === 'app' && securePad
      ? securePadEspImage(
          contents,
          pageSizeOf(contents, chip),
          scheme === 'v1' ? V1_SIGNATURE_ROOM : 0,
        )
      : contents;
  return scheme === 'v1' ? padded : padToSector(padded);
}

/** What is there, and 0xFF up to the next multiple of 4096. */
export function padToSector(contents: Buffer): Buffer {
  const padded = Buffer.alloc(alignUp(contents.length, SECTOR_SIZE), 0xff);
  contents.copy(padded);
  return padded;
}

function pageSizeOf(image: Buffer, chip: Chip): number {
  const area = image.subarray(APP_DESC_OFFSET, APP_DESC_OFFSET + APP_DESC_SIZE);
  const { mmuPageSizeLog2 } = parseAppDescription(area, APP_DESC_OFFSET);
  const flashSize = flashSizeByCode(parseEspImage(image).header.flashSizeCode)?.bytes ?? 0;
  return mmuPageSize(chip, mmuPageSizeLog2, flashSize);
}

/** Throws SigningError for a kind of file that a scheme is not for; unsaid, the scheme is one of Secure Boot V2. */
export function requireKind({ kind }: Signable, scheme: SigningScheme | undefined): void {
  if (scheme === 'v1' && (kind === 'bootloader' || kind === 'data')) {
    throw new SigningError(
      'IMAGE_NOT_SIGNABLE',
      kind === 'data'
        ? 'ESP-IDF verifies Secure Boot V1 signatures of apps and partition tables only, not of other data'
        : 'Secure Boot V1 has no signed bootloader: its boot ROM compares a digest that is made with a key in eFuse',
      kind === 'data' ? {} : { hint: 'espsecure digest-secure-bootloader makes that digest.' },
    );
  }
  if (scheme !== 'v1' && kind === 'partition-table') {
    throw new SigningError(
      'IMAGE_NOT_SIGNABLE',
      'no chip verifies a Secure Boot V2 signature of a partition table: only V1 signs tables',
      {
        hint: 'Use --scheme v1 for the ESP32, or --data --chip NAME where the firmware itself verifies it as data.',
      },
    );
  }
}
