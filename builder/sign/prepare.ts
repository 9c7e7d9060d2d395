import { esp32 } from '../chip/esp32.ts';
import type { Chip } from '../chip/chip.ts';
import { SigningError, UsageError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import type { SignatureScheme } from '../format/signature-scheme.ts';
import { checkSignatureSector } from '../verify/signature.ts';
import { keptBlocks, type KeptBlocks } from './append.ts';
import { contentsToSign } from './contents.ts';
import { requireChipVerifies, requireOwnBuildVerifies } from './own-build.ts';
import { keySchemeOf, schemeTitle, type SigningScheme } from './scheme.ts';
import { readSignable, type Signable, type SignableOptions } from './signable.ts';

/** What is to happen to a signature that is there already. */
export type ExistingPolicy = 'refuse' | 'append' | 'replace';

export type PrepareOptions = {
  /** Asked for by name; unsaid, the keys decide, then the signature that is there, then the chip. */
  readonly scheme?: SigningScheme;
  /** Scheme of the first key; unsaid when no key is known yet. */
  readonly keyScheme?: SignatureScheme;
  readonly existing: ExistingPolicy;
  readonly securePad?: boolean;
};

/** A file with everything decided: what remains is to sign `contents`. */
export type Prepared = {
  readonly name: string;
  readonly kind: Signable['kind'];
  readonly chip: Chip;
  readonly scheme: SigningScheme;
  /** The exact bytes that are hashed and signed; the signature goes directly behind them. */
  readonly contents: Buffer;
  /** Blocks that stay in front of the new ones. */
  readonly kept?: KeptBlocks;
  /** The file as it was given, and what it holds without any signature: what somebody may have signed by mistake. */
  readonly file: Buffer;
  readonly unpadded: Buffer;
};

/** The chip that a file is for. Only Secure Boot V1 of the ESP32 signs partition tables. */
function chipOf({ chip, kind }: Signable, scheme: SigningScheme | undefined): Chip {
  if (chip !== undefined) return chip;
  if (scheme === 'v1' || kind === 'partition-table') return esp32;
  throw new UsageError(
    'USAGE',
    'data does not tell which chip verifies it: name the chip with --chip',
  );
}

/**
 * Decides how a file is signed and makes the bytes that are signed. Throws SigningError when the chip or the image's
 * own build cannot verify the scheme, and when the signature that is there is in the way; FormatError for damage.
 */
export function prepareSigning(
  file: Buffer,
  place: SignableOptions,
  options: PrepareOptions,
): Prepared {
  const signable = readSignable(file, place);
  const { name } = place;
  const { existing } = options;
  const chip = chipOf(signable, options.scheme);
  if (existing === 'refuse' && signable.existing.kind !== 'none')
    throw alreadySigned(name, signable);
  const kept = existing === 'append' ? keptBlocks(file, signable, { chip, name }) : undefined;
  const scheme =
    options.scheme ?? options.keyScheme ?? kept?.scheme ?? chip.secureBootV2.schemes[0];
  requireVerifiable(signable, chip, scheme);
  if (kept !== undefined) requireSameScheme(name, kept.scheme, scheme);
  if (existing === 'replace' && options.scheme === undefined)
    requireSchemeStays(file, signable, scheme, { chip, name });
  const { securePad } = options;
  const padding = securePad === undefined ? {} : { securePad };
  return {
    name,
    kind: signable.kind,
    chip,
    scheme,
    contents: kept?.contents ?? contentsToSign(signable, { scheme, chip, ...padding }),
    ...(kept === undefined ? {} : { kept }),
    file,
    unpadded: signable.contents,
  };
}

function requireVerifiable({ kind, contents }: Signable, chip: Chip, scheme: SigningScheme): void {
  requireChipVerifies(chip, scheme);
  if (kind === 'app' || kind === 'bootloader') requireOwnBuildVerifies(contents, chip, scheme);
}

/**
 * The scheme that a file will be signed with unless its keys say otherwise: what a development key is made for. Throws
 * as `readSignable` does.
 */
export function schemeToExpect(
  file: Buffer,
  place: SignableOptions,
  asked: SigningScheme | undefined,
): SigningScheme {
  if (asked !== undefined) return asked;
  const signable = readSignable(file, place);
  if (signable.kind === 'partition-table') return 'v1';
  const chip = chipOf(signable, asked);
  const there = schemeThere(file, signable.existing, { chip, name: place.name });
  return there ?? chip.secureBootV2.schemes[0];
}

function alreadySigned(name: string, { existing }: Signable): SigningError {
  const offset = existing.kind === 'none' ? 0 : existing.offset;
  return new SigningError('IMAGE_NOT_SIGNABLE', `${name} is signed already, at ${hex(offset)}`, {
    where: { offset },
    hint: 'Use --append to put another signature behind it, --replace to sign anew, or --strip to take it away.',
  });
}

function requireSameScheme(name: string, there: SignatureScheme, wanted: SigningScheme): void {
  if (there === wanted) return;
  throw new SigningError(
    'SCHEME_MISMATCH',
    `${name} is signed with ${there}; ${schemeTitle(wanted)} cannot stand beside it: a device verifies one scheme and ignores the other`,
    { hint: `Append with a ${there} key, or use --replace.` },
  );
}

/** What is signed with one scheme was built to verify it: another one has to be asked for by name. */
function requireSchemeStays(
  file: Buffer,
  { existing }: Signable,
  scheme: SigningScheme,
  { chip, name }: { readonly chip: Chip; readonly name: string },
): void {
  const there = schemeThere(file, existing, { chip, name });
  if (there === undefined || there === scheme) return;
  throw new SigningError(
    'SCHEME_MISMATCH',
    `${name} is signed with ${schemeTitle(there)}, and would be with ${schemeTitle(scheme)}`,
    {
      hint: `Sign with a ${keySchemeOf(there)} key, or say --scheme ${scheme} if the devices were built for it.`,
    },
  );
}

function schemeThere(
  file: Buffer,
  existing: Signable['existing'],
  { chip, name }: { readonly chip: Chip; readonly name: string },
): SigningScheme | undefined {
  if (existing.kind === 'none') return undefined;
  if (existing.kind === 'v1') return 'v1';
  const { blocks } = checkSignatureSector(file, existing, { file: name, chip });
  return blocks[0]?.block.scheme;
}
