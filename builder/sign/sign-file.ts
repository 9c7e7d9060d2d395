import { SigningError, VerifyError } from '../errors/families.ts';
import { SIGNATURE_BLOCK_SIZE, encodeSignatureBlock } from '../format/signature-block.ts';
import { MAX_SIGNATURE_BLOCKS, SIGNATURE_SECTOR_SIZE } from '../format/signature-sector.ts';
import { encodeV1Signature } from '../format/signature-v1.ts';
import type { Signer } from '../keys/signer.ts';
import { describeFindings } from '../verify/report.ts';
import type { Finding } from '../verify/finding.ts';
import { checkSigned } from './check-signed.ts';
import { makeBlock } from './make-block.ts';
import { requireSameScheme, type Prepared } from './prepare.ts';
import { keySchemeOf, schemeTitle, type SigningScheme } from './scheme.ts';

/** A file with its signatures. */
export type SignedFile = {
  readonly bytes: Buffer;
  /** Of the signature sector or V1 signature, from the file's first byte. */
  readonly offset: number;
  /** Key digests of all signatures, kept ones first. */
  readonly digests: readonly Buffer[];
};

/**
 * Signs a prepared file with every signer, in their order. Throws SigningError for keys that do not fit each other, the
 * scheme, the chip or the signatures that stay; and whatever a signer throws.
 */
export async function signFile(
  prepared: Prepared,
  signers: readonly Signer[],
): Promise<SignedFile> {
  requireFitting(prepared, signers);
  const { contents, kept, scheme } = prepared;
  const offset = contents.length;
  const digests = [...(kept?.digests ?? []), ...signers.map(({ digest }) => digest)];
  if (scheme === 'v1') {
    return { bytes: await signV1(contents, signers), offset, digests };
  }
  const sector = Buffer.alloc(SIGNATURE_SECTOR_SIZE, 0xff);
  const blocks = [...(kept?.blocks ?? [])];
  for (const signer of signers)
    blocks.push(encodeSignatureBlock(await makeBlock(contents, signer)));
  for (const [index, block] of blocks.entries()) block.copy(sector, index * SIGNATURE_BLOCK_SIZE);
  return { bytes: Buffer.concat([contents, sector]), offset, digests };
}

async function signV1(contents: Buffer, [signer]: readonly Signer[]): Promise<Buffer> {
  if (signer === undefined) throw new Error('a V1 signature without a signer');
  const signature = await (signer.signDeterministically ?? signer.sign)(contents);
  const [r, s] = [signature.subarray(0, 32), signature.subarray(32)];
  return Buffer.concat([contents, encodeV1Signature({ r, s })]);
}

/**
 * What verify/ makes of a signed file that was read back: its warnings. Throws VerifyError when it would be refused, or
 * when it is not signed by exactly these keys.
 */
export function requireVerified(
  written: Buffer,
  prepared: Prepared,
  signers: readonly Signer[],
  { digests }: SignedFile,
): readonly Finding[] {
  const { findings, signedBy } = checkSigned(written, prepared, signers);
  const errors = findings.filter(({ severity }) => severity === 'error');
  const wanted = digests.map((digest) => digest.toString('hex'));
  if (errors.length === 0 && signedBy.join() === wanted.join()) return findings;
  const why =
    errors.length === 0
      ? `  - it is signed by ${signedBy.join(', ') || 'nobody'}; ${wanted.join(', ')} was expected`
      : describeFindings(errors);
  throw new VerifyError(
    'VERIFICATION_FAILED',
    `${prepared.name}, once signed, does not hold, and was not written:\n${why}`,
  );
}

/** Throws SigningError unless these keys can sign the file together: number, scheme, no key twice. */
export function requireFitting(prepared: Prepared, signers: readonly Signer[]): void {
  for (const signer of signers) requireScheme(signer, prepared);
  requireCount(prepared, prepared.scheme, signers.length);
  const seen = new Map(
    (prepared.kept?.digests ?? []).map((digest) => [
      digest.toString('hex'),
      'a signature that is there',
    ]),
  );
  for (const { digest, reference } of signers) {
    const hex = digest.toString('hex');
    const twin = seen.get(hex);
    if (twin !== undefined) {
      throw new SigningError(
        'KEY_DUPLICATE',
        `${reference} and ${twin} are the same key (digest ${hex})`,
      );
    }
    seen.set(hex, reference);
  }
}

function requireScheme({ scheme, reference }: Signer, prepared: Prepared): void {
  const wanted = keySchemeOf(prepared.scheme);
  if (scheme === wanted) return;
  if (prepared.kept !== undefined) requireSameScheme(prepared.name, prepared.kept.scheme, scheme);
  throw new SigningError(
    'SCHEME_MISMATCH',
    `${reference} is an ${scheme} key, but ${prepared.name} is signed with ${schemeTitle(prepared.scheme)}, which takes ${wanted}: one signature is for one scheme`,
    { hint: `Name ${wanted} keys only.` },
  );
}

/** Throws SigningError for more keys than there are places, or none; unsaid, the scheme is one of Secure Boot V2. */
export function requireCount(
  { chip, kept, name }: Pick<Prepared, 'chip' | 'kept' | 'name'>,
  scheme: SigningScheme | undefined,
  count: number,
): void {
  if (count === 0) throw new SigningError('KEY_COUNT', `no key was named to sign ${name} with`);
  const there = kept?.blocks.length ?? 0;
  const slots = scheme === 'v1' ? 1 : Math.min(chip.secureBootV2.keySlots, MAX_SIGNATURE_BLOCKS);
  if (there + count <= slots) return;
  const total = there === 0 ? `${count} keys` : `${there} signature(s) and ${count} more`;
  throw new SigningError(
    'KEY_COUNT',
    `${total} are too many for ${name}: ${scheme === 'v1' ? 'Secure Boot V1 has one signature' : `${chip.title} looks at ${slots} at most`}`,
  );
}
