import { access, constants } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { findChipByName } from '../chip/registry.ts';
import { SigningError, UsageError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import { writeFileAtomically } from '../files/write-file.ts';
import { describeWriteFailure } from '../files/write-failure.ts';
import type { Signer } from '../keys/signer.ts';
import type { Finding } from '../verify/finding.ts';
import { describeFinding } from '../verify/report.ts';
import { readPublicKeys, type PublicKeyFile } from './detached/public-key-file.ts';
import { signingRequest, type SigningRequest } from './detached/signing-request.ts';
import {
  openForSigning,
  paddingAndScheme,
  type KeyOptions,
  type NamedKeys,
} from './open-for-signing.ts';
import {
  examine,
  prepareSigning,
  type Examined,
  type ExistingPolicy,
  type Prepared,
} from './prepare.ts';
import { keySchemeOf, type SigningScheme } from './scheme.ts';
import { requireVerified, signFile } from './sign-file.ts';
import { readSignable, type SignableOptions } from './signable.ts';

/** A file to sign and what is known of it, as the command line says it. */
export type SignJob = KeyOptions & {
  readonly image: string;
  readonly data: boolean;
  readonly chip?: string;
  readonly scheme?: SigningScheme;
  readonly existing: ExistingPolicy;
};

/** One signature of a signed file; `reference` is unsaid for one that was there before. */
export type ReportedKey = {
  readonly digest: string;
  readonly reference?: string;
  readonly development?: true;
};

/** What was signed and how. */
export type SignReport = {
  readonly output: string;
  readonly kind: Prepared['kind'];
  readonly chip: string;
  readonly scheme: SigningScheme;
  /** Of the signature, from the file's first byte. */
  readonly offset: number;
  readonly size: number;
  readonly keys: readonly ReportedKey[];
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
};

/**
 * Signs a file with keys, or with signatures that were made elsewhere, or both; the result is read back and verified
 * before it takes its name. Throws SigningError, VerifyError, FormatError or UsageError, and then leaves nothing.
 */
export async function signToFile(
  job: SignJob,
  { output, ...named }: NamedKeys & { readonly output: string },
): Promise<SignReport> {
  const target = resolve(job.projectDirectory, output);
  await requireFolder(target);
  const { prepared, signers } = await openForSigning(await examineImage(job), named, job);
  const signed = await signFile(prepared, signers);
  let findings: readonly Finding[] = [];
  await writeFileAtomically(target, signed.bytes, {
    check: (written) => {
      findings = requireVerified(written, prepared, signers, signed);
    },
  });
  const warnings = [...warningsOf(findings), ...developmentWarnings(signers)];
  for (const { code, message } of warnings) job.warn(code, message);
  const kept = prepared.kept?.digests ?? [];
  return {
    output,
    kind: prepared.kind,
    chip: prepared.chip.name,
    scheme: prepared.scheme,
    offset: signed.offset,
    size: signed.bytes.length,
    keys: [
      ...kept.map((digest) => ({ digest: digest.toString('hex') })),
      ...signers.map(({ digest, reference, development }) => ({
        digest: digest.toString('hex'),
        reference,
        ...(development ? { development } : {}),
      })),
    ],
    warnings,
  };
}

/**
 * Writes what has to be signed: the digest (raw) to `digestOut`, what it is as JSON beside it (`.json`), and on demand
 * the bytes that it covers. Throws as `signToFile` does; signs nothing and needs no private key.
 */
export async function writeSigningRequest(
  job: SignJob,
  {
    publicKeys: names,
    digestOut,
    contentsOut,
  }: {
    readonly publicKeys: readonly string[];
    readonly digestOut: string;
    readonly contentsOut?: string;
  },
): Promise<SigningRequest> {
  const examined = await examineImage(job);
  const publicKeys = await readPublicKeys(job, names);
  const prepared = prepareSigning(examined, paddingAndScheme(job, publicKeys[0]?.fields.scheme));
  requireOneScheme(prepared, publicKeys);
  const { request, digest } = signingRequest(prepared, publicKeys);
  const write = (name: string, bytes: Uint8Array): Promise<void> =>
    writeFileAtomically(resolve(job.projectDirectory, name), bytes);
  if (contentsOut !== undefined) await write(contentsOut, prepared.contents);
  await write(`${digestOut}.json`, Buffer.from(`${JSON.stringify(request, null, 2)}\n`));
  await write(digestOut, digest);
  return request;
}

/** Takes the signatures away: what remains is the image (its padding too, where that is part of it) or the data. */
export async function stripToFile(
  job: SignJob,
  output: string,
): Promise<{
  readonly kind: Prepared['kind'];
  readonly removed: 'v1' | 'v2';
  readonly size: number;
}> {
  const file = await readImage(job);
  const { kind, existing, contents } = readSignable(file, place(job));
  if (existing.kind === 'none')
    throw new SigningError(
      'IMAGE_NOT_SIGNABLE',
      `${job.image} is not signed: there is nothing to strip`,
    );
  await writeFileAtomically(resolve(job.projectDirectory, output), contents, {
    check: (written) => {
      if (readSignable(written, place(job)).existing.kind !== 'none')
        throw new SigningError(
          'IMAGE_NOT_SIGNABLE',
          `${job.image} has a signature below its signature`,
        );
    },
  });
  return { kind, removed: existing.kind === 'v1' ? 'v1' : 'v2', size: contents.length };
}

/** Nobody is asked for a PIN for a file that could not be written. */
async function requireFolder(target: string): Promise<void> {
  try {
    await access(dirname(target), constants.W_OK);
  } catch (error) {
    throw describeWriteFailure(error, target);
  }
}

async function examineImage(job: SignJob): Promise<Examined> {
  return examine(await readImage(job), place(job), job);
}

function readImage({ projectDirectory, image }: SignJob): Promise<Buffer> {
  return readInput(resolve(projectDirectory, image), 'a file to sign');
}

function place({ image, data, chip: name }: SignJob): SignableOptions {
  if (name === undefined) return { name: image, data };
  const chip = findChipByName(name);
  if (chip === undefined) throw new UsageError('USAGE', `there is no chip '${name}'`);
  return { name: image, data, chip };
}

function requireOneScheme({ scheme }: Prepared, publicKeys: readonly PublicKeyFile[]): void {
  const other = publicKeys.find(({ fields }) => fields.scheme !== keySchemeOf(scheme));
  if (other === undefined) return;
  throw new SigningError(
    'SCHEME_MISMATCH',
    `${other.name} is an ${other.fields.scheme} key, but the file is signed with ${scheme}: one signature is for one scheme`,
  );
}

function warningsOf(findings: readonly Finding[]): SignReport['warnings'] {
  return findings
    .filter(({ severity }) => severity === 'warning')
    .map((finding) => ({ code: finding.code, message: describeFinding(finding) }));
}

function developmentWarnings(signers: readonly Signer[]): SignReport['warnings'] {
  return signers
    .filter(({ development }) => development)
    .map(({ reference }) => ({
      code: 'DEVELOPMENT_KEY',
      message: `the signature is by a development key (${reference}): good for trying out, never for devices in the field`,
    }));
}
