import { constants, createHash, verify, type KeyObject } from 'node:crypto';
import type { Chip } from '../chip/chip.ts';
import { FormatError } from '../errors/families.ts';
import { SIGNATURE_BLOCK_SIZE, type SignatureBlock } from '../format/signature-block.ts';
import {
  hasConsistentPrecomputedValues,
  publicKeyFields,
  publicKeyOf,
} from '../format/signature-key.ts';
import { SIGNATURE_SCHEMES } from '../format/signature-scheme.ts';
import {
  MAX_SIGNATURE_BLOCKS,
  parseSignatureSector,
  SIGNATURE_SECTOR_SIZE,
  type SignatureSlot,
} from '../format/signature-sector.ts';
import { errorFinding, warningFinding, type Finding } from './finding.ts';
import { refusalsOf } from './trust-policy.ts';

export type SignatureOptions = {
  readonly file: string;
  /** Unsaid (data does not tell), what a chip makes of the blocks is not checked. */
  readonly chip?: Chip;
  readonly trustedKeys?: readonly Buffer[];
  /** Why known keys do not count, by their digests in hex. */
  readonly refusedKeys?: ReadonlyMap<string, string>;
  /** The trusted keys themselves, where they are known: a key of another scheme is told from another key. */
  readonly publicKeys?: readonly KeyObject[];
  readonly kind?: 'app' | 'bootloader';
};

/** One block that is whole, and whether it proves what it claims. */
export type CheckedBlock = {
  readonly index: number;
  readonly block: SignatureBlock;
  readonly keyDigest: Buffer;
  readonly valid: boolean;
};

export type CheckedSignature = {
  readonly offset: number;
  readonly blocks: readonly CheckedBlock[];
  readonly findings: readonly Finding[];
};

/**
 * Checks a Secure Boot V2 signature sector against everything in front of it: every block by its own embedded key (the
 * key that the chip would use), the embedded image digest (which no chip looks at), and the keys that are trusted.
 * Sources: ESP-IDF secure_boot_signatures_app.c and secure_boot_signatures_bootloader.c.
 */
export function checkSignatureSector(
  bytes: Buffer,
  place: { readonly offset: number },
  options: SignatureOptions,
): CheckedSignature {
  const { offset } = place;
  const { file } = options;
  let slots: readonly SignatureSlot[];
  try {
    slots = parseSignatureSector(
      bytes.subarray(offset, offset + SIGNATURE_SECTOR_SIZE),
      offset,
    ).slots;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return {
      offset,
      blocks: [],
      findings: [
        errorFinding('SIGNATURE_MALFORMED', error.message, {
          file,
          offset: error.where?.offset ?? offset,
        }),
      ],
    };
  }
  const contents = bytes.subarray(0, offset);
  const findings: Finding[] = [];
  const blocks: CheckedBlock[] = [];
  for (const [index, slot] of slots.entries()) {
    const at = { file, offset: offset + index * SIGNATURE_BLOCK_SIZE };
    if (slot.kind === 'invalid') {
      findings.push(
        errorFinding(
          'SIGNATURE_MALFORMED',
          `signature block ${index} is damaged: ${slot.error.message}`,
          { file, offset: slot.error.where?.offset ?? at.offset },
        ),
      );
    }
    if (slot.kind !== 'block') continue;
    const problems = checkBlock(slot.block, contents, index).map(({ code, message }) =>
      errorFinding(code, message, at),
    );
    findings.push(...problems);
    blocks.push({
      index,
      block: slot.block,
      keyDigest: slot.keyDigest,
      valid: problems.length === 0,
    });
  }
  findings.push(...checkForChip(blocks, options, offset), ...checkTrust(blocks, options, offset));
  return { offset, blocks, findings };
}

type Problem = Pick<Finding, 'code' | 'message'>;

function checkBlock(block: SignatureBlock, contents: Buffer, index: number): Problem[] {
  const problems: Problem[] = [];
  const digest = createHash(SIGNATURE_SCHEMES[block.scheme].hash).update(contents).digest();
  if (!digest.equals(block.imageDigest)) {
    const message = `signature block ${index} is for other contents: its image digest is ${block.imageDigest.toString('hex')}, the image makes ${digest.toString('hex')}`;
    problems.push({ code: 'SIGNATURE_DIGEST', message });
  }
  if (!hasConsistentPrecomputedValues(block)) {
    problems.push({
      code: 'SIGNATURE_KEY',
      message: `signature block ${index}: R̄ or M' do not belong to the RSA key; the chip would compute nonsense`,
    });
  }
  try {
    if (!verifies(block, contents)) {
      problems.push({
        code: 'SIGNATURE_INVALID',
        message: `signature block ${index}: the signature is not one by the embedded key over this image`,
      });
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    problems.push({ code: 'SIGNATURE_KEY', message: `signature block ${index}: ${error.message}` });
  }
  return problems;
}

function verifies(block: SignatureBlock, contents: Buffer): boolean {
  const key = publicKeyOf(block);
  const { hash } = SIGNATURE_SCHEMES[block.scheme];
  if (block.scheme === 'rsa3072') {
    return verify(
      hash,
      contents,
      { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
      block.signature,
    );
  }
  const { r, s } = block.signature;
  return verify(hash, contents, { key, dsaEncoding: 'ieee-p1363' }, Buffer.concat([r, s]));
}

/** What a chip makes of these blocks: how many it looks at, and which schemes it knows. */
function checkForChip(
  blocks: readonly CheckedBlock[],
  { chip, file }: SignatureOptions,
  offset: number,
): Finding[] {
  const place = { file, offset };
  if (chip === undefined) return checkArrangement(blocks, place);
  const { keySlots, schemes } = chip.secureBootV2;
  const unknown = blocks
    .filter(({ block }) => !schemes.includes(block.scheme))
    .map(({ index, block }) => {
      const message = `signature block ${index} is ${block.scheme}; ${chip.title} verifies ${schemes.join(', ')} only`;
      return errorFinding('SIGNATURE_SCHEME', message, place);
    });
  const beyond = blocks.filter(({ index }) => index >= keySlots).length;
  const looksAt = `${chip.title} looks at the first ${keySlots} signature block(s) only`;
  if (beyond === blocks.length)
    unknown.push(errorFinding('SIGNATURE_BLOCKS', `${looksAt}, and none of them is there`, place));
  else if (beyond > 0)
    unknown.push(
      warningFinding('SIGNATURE_BLOCKS', `${looksAt}; the others have no effect`, place),
    );
  return [...unknown, ...checkArrangement(blocks, place)];
}

/** Arrangements that no signer should make: several schemes, gaps, one key twice. */
function checkArrangement(
  blocks: readonly CheckedBlock[],
  place: { readonly file: string; readonly offset: number },
): Finding[] {
  const findings: Finding[] = [];
  const unwise = (code: Finding['code'], message: string): void =>
    void findings.push(warningFinding(code, message, place));
  if (new Set(blocks.map(({ block }) => block.scheme)).size > 1) {
    unwise(
      'SIGNATURE_SCHEME',
      'signature blocks of different schemes: a device is built for one of them and ignores the others',
    );
  }
  for (const [position, { index, keyDigest }] of blocks.entries()) {
    if (index !== position)
      unwise('SIGNATURE_BLOCKS', `signature block ${index} follows an empty place`);
    const twin = blocks.slice(0, position).find((other) => other.keyDigest.equals(keyDigest));
    if (twin !== undefined)
      unwise('SIGNATURE_BLOCKS', `signature blocks ${twin.index} and ${index} are by the same key`);
  }
  return findings;
}

/**
 * Digests (hex) of the keys whose signatures hold, in the order of their blocks; with a chip, of those blocks only that it
 * looks at.
 */
export function signersOf(signature: CheckedSignature | undefined, chip?: Chip): readonly string[] {
  const slots = chip?.secureBootV2.keySlots ?? MAX_SIGNATURE_BLOCKS;
  const blocks = signature?.blocks ?? [];
  return blocks
    .filter(({ index, valid }) => valid && index < slots)
    .map(({ keyDigest }) => keyDigest.toString('hex'));
}

function checkTrust(
  blocks: readonly CheckedBlock[],
  { chip, file, trustedKeys, refusedKeys, publicKeys, kind }: SignatureOptions,
  offset: number,
): Finding[] {
  if (trustedKeys === undefined) return [];
  const keySlots = chip?.secureBootV2.keySlots ?? MAX_SIGNATURE_BLOCKS;
  const counted = blocks.filter(({ index, valid }) => valid && index < keySlots);
  const isTrusted = ({ keyDigest }: CheckedBlock): boolean =>
    trustedKeys.some((trusted) => trusted.equals(keyDigest));
  if (counted.some(isTrusted)) {
    // A new device burns the digest of every block of its bootloader: a foreign one would be trusted for ever.
    const severity = kind === 'bootloader' ? 'error' : 'warning';
    return blocks
      .filter((block) => !isTrusted(block))
      .map(({ index, keyDigest }) => ({
        severity,
        code: 'SIGNATURE_UNTRUSTED',
        message: `signature block ${index} is by a key that is not trusted: ${keyDigest.toString('hex')}${refusalsOf(refusedKeys, [keyDigest.toString('hex')])}`,
        file,
        offset,
      }));
  }
  const found = blocks.map(({ keyDigest }) => keyDigest.toString('hex'));
  const trusted = trustedKeys.map((key) => key.toString('hex')).join(', ');
  return [
    errorFinding(
      'SIGNATURE_UNTRUSTED',
      `no valid signature is by a trusted key: signed by ${found.join(', ') || 'nobody'}; trusted ${trusted || 'none'}${refusalsOf(refusedKeys, found)}${otherSchemes(blocks, publicKeys)}`,
      {
        file,
        offset,
      },
    ),
  ];
}

/** The end of a sentence when no trusted key could have made one of these signatures, whoever it belongs to. */
function otherSchemes(
  blocks: readonly CheckedBlock[],
  publicKeys: readonly KeyObject[] = [],
): string {
  const found = new Set(blocks.map(({ block }) => block.scheme));
  const trusted = new Set(publicKeys.map((key) => publicKeyFields(key).scheme));
  if (found.size === 0 || trusted.size === 0 || [...found].some((scheme) => trusted.has(scheme)))
    return '';
  return `; the file is signed with ${[...found].join(', ')}, and that key is for ${[...trusted].join(', ')}`;
}
