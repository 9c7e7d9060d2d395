import { esp32 } from '../chip/esp32.ts';
import type { Chip } from '../chip/chip.ts';
import { SigningError, UsageError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import type { SignatureScheme } from '../format/signature-scheme.ts';
import { checkSignatureSector } from '../verify/signature.ts';
import { keptBlocks, type KeptBlocks } from './append.ts';
import { contentsToSign, requireKind } from './contents.ts';
import { requireChipVerifies, requireOwnBuildVerifies } from './own-build.ts';
import { keySchemeOf, schemeTitle, type SigningScheme } from './scheme.ts';
import { readSignable, type Signable, type SignableOptions } from './signable.ts';

/** What is to happen to a signature that is there already. */
export type ExistingPolicy = 'refuse' | 'append' | 'replace';

export type ExamineOptions = {
  /** Asked for by name. */
  readonly scheme?: SigningScheme;
  readonly existing: ExistingPolicy;
};

/** A file that can be signed, as far as that can be told before any key is known. */
export type Examined = ExamineOptions & {
  readonly name: string;
  readonly file: Buffer;
  readonly signable: Signable;
  readonly chip: Chip;
  /** Blocks that stay in front of the new ones. */
  readonly kept?: KeptBlocks;
};

export type PrepareOptions = {
  /** Scheme of the first key; unsaid when no key is known yet. */
  readonly keyScheme?: SignatureScheme;
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
 * Looks at a file to be signed. Throws FormatError for damage, SigningError when the signature that is there is in the way,
 * or when no key could sign a file of this kind: whatever can be refused before a key is opened.
 */
export function examine(file: Buffer, place: SignableOptions, options: ExamineOptions): Examined {
  const signable = readSignable(file, place);
  const { name } = place;
  const { scheme, existing } = options;
  requireKind(signable, scheme);
  const chip = chipOf(signable, scheme);
  if (existing === 'refuse' && signable.existing.kind !== 'none')
    throw alreadySigned(name, signable);
  const kept = existing === 'append' ? keptBlocks(file, signable, { chip, name }) : undefined;
  return { ...options, name, file, signable, chip, ...(kept === undefined ? {} : { kept }) };
}

/**
 * Decides how a file is signed and makes the bytes that are signed: by the scheme that was asked for, else the one of the
 * keys, of the signature that stays, of the chip. Throws SigningError when the chip or the image's own build cannot verify
 * it; FormatError for an app that cannot be padded.
 */
export function prepareSigning(
  examined: Examined,
  { keyScheme, securePad }: PrepareOptions,
): Prepared {
  const { name, file, signable, chip, kept, existing } = examined;
  const scheme = examined.scheme ?? keyScheme ?? kept?.scheme ?? chip.secureBootV2.schemes[0];
  requireVerifiable(signable, chip, scheme);
  if (kept !== undefined) requireSameScheme(name, kept.scheme, scheme);
  if (existing === 'replace' && examined.scheme === undefined) requireSchemeStays(examined, scheme);
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

/** The scheme that a file will be signed with unless its keys say otherwise: what a development key is made for. */
export function schemeToExpect(examined: Examined): SigningScheme {
  return examined.scheme ?? schemeThere(examined) ?? examined.chip.secureBootV2.schemes[0];
}

function alreadySigned(name: string, { existing }: Signable): SigningError {
  const offset = existing.kind === 'none' ? 0 : existing.offset;
  return new SigningError('IMAGE_NOT_SIGNABLE', `${name} is signed already, at ${hex(offset)}`, {
    where: { offset },
    hint: 'Use --append to put another signature behind it, --replace to sign anew, or --strip to take it away.',
  });
}

/** Throws SigningError when another scheme is to stand beside a signature that stays. */
export function requireSameScheme(
  name: string,
  there: SignatureScheme,
  wanted: SigningScheme,
): void {
  if (there === wanted) return;
  throw new SigningError(
    'SCHEME_MISMATCH',
    `${name} is signed with ${there}; ${schemeTitle(wanted)} cannot stand beside it: a device verifies one scheme and ignores the other`,
    { hint: `Append with a ${there} key, or use --replace.` },
  );
}

/** What is signed with one scheme was built to verify it: another one has to be asked for by name. */
function requireSchemeStays(examined: Examined, scheme: SigningScheme): void {
  const there = schemeThere(examined);
  if (there === undefined || there === scheme) return;
  throw new SigningError(
    'SCHEME_MISMATCH',
    `${examined.name} is signed with ${schemeTitle(there)}, and would be with ${schemeTitle(scheme)}`,
    {
      hint: `Sign with a ${keySchemeOf(there)} key, or say --scheme ${scheme} if the devices were built for it.`,
    },
  );
}

function schemeThere({ file, signable, chip, name }: Examined): SigningScheme | undefined {
  const { existing } = signable;
  if (existing.kind === 'none') return undefined;
  if (existing.kind === 'v1') return 'v1';
  const { blocks } = checkSignatureSector(file, existing, { file: name, chip });
  return blocks[0]?.block.scheme;
}
