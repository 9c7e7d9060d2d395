import { lstat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UsageError } from '../errors/families.ts';
import { OtaBuildError } from '../errors/ota-build-error.ts';
import { hashInput } from '../files/read-input.ts';
import type { Context } from '../pipeline/context.ts';
import { projectTrust, readTrust, type Trust } from '../verify/trust.ts';
import { verifyPath, type Verification } from '../verify/verify-path.ts';
import { checkAsked, checkPolicy, policyFactsOf, requireHolding } from './check-arrived.ts';
import { CHANGED_HINT } from './index-trust.ts';
import type { Offer } from './offer.ts';
import { findOffer } from './find-offer.ts';
import { openPartialDirectory, type PartialDirectory } from './partial-directory.ts';
import { receiveFiles } from './receive.ts';
import { targetNameOf, type Fetched, type FetchRequest } from './request.ts';
import { parseSource } from './source.ts';

/**
 * Fetches a release: finds it at its source, receives its files aside, verifies them as `ota-build verify` does, holds them
 * against what the source said and what was asked for, and gives the directory its name. Nothing that has not passed ever has
 * that name. What had arrived before a failure that is nobody's fault is kept for the next run, under another.
 */
export async function fetchRelease(context: Context, request: FetchRequest): Promise<Fetched> {
  const trust = await readFetchTrust(context, request);
  const offer = await findOffer(context, request, trust);
  const stem = `${targetNameOf(request)}-${offer.version}`;
  const directory = join(request.out, stem);
  const channel = offer.channel === undefined ? {} : { channel: offer.channel };
  const fetched = { directory, stem, source: offer.source, ...channel };
  const judge = (path: string): Promise<Verification> =>
    check(context, path, { offer, request, trust, final: directory });

  if (await isThere(directory)) {
    await requireSameFiles(directory, offer);
    return { ...fetched, already: true, verification: await judge(directory) };
  }
  const partial = await openPartialDirectory(directory);
  try {
    if (partial.isResumed) context.note('going on with what an earlier run has received');
    await receiveFiles(context, offer.files, { directory: partial.path, open: offer.open });
    const verification = await judge(partial.path);
    context.throwIfInterrupted();
    if (await partial.place()) return { ...fetched, already: false, verification };
  } catch (error) {
    await end(partial, error);
    throw error;
  }
  // Another run was faster.
  await partial.discard();
  await requireSameFiles(directory, offer);
  return { ...fetched, already: true, verification: await judge(directory) };
}

async function readFetchTrust(
  context: Context,
  { trust: file, source }: FetchRequest,
): Promise<Trust | undefined> {
  const { projectDirectory } = context;
  if (file !== undefined) return readTrust(resolve(projectDirectory, file), file);
  const trust = await projectTrust(projectDirectory);
  if (trust !== undefined) return trust;
  context.warn(
    'NO_TRUST',
    'NOBODY SAID WHOSE SIGNATURES COUNT (no --trust, no keys/trust.yaml): anybody could have made and signed this release. ' +
      (parseSource(source).kind === 'zip'
        ? 'Of a zip nothing is remembered: the next one may be signed by others.'
        : 'The keys that signed it are remembered, and others are refused from now on.'),
  );
  return undefined;
}

async function check(
  context: Context,
  path: string,
  {
    offer,
    request,
    trust = offer.remembered,
    final,
  }: {
    readonly offer: Offer;
    readonly request: FetchRequest;
    readonly trust: Trust | undefined;
    readonly final: string;
  },
): Promise<Verification> {
  const verification = await verifyPath(path, {
    name: offer.subject,
    projectDirectory: context.projectDirectory,
    ...(trust === undefined ? {} : { trusted: trust }),
  });
  const isRemembered = trust !== undefined && trust === offer.remembered;
  const release = requireHolding(verification, {
    what: path === final ? `${offer.subject}, which was there already,` : offer.subject,
    ...(isRemembered ? { hint: CHANGED_HINT } : {}),
  });
  checkAsked(release, request, offer.version);
  offer.check(release);
  checkPolicy(policyFactsOf(release.manifest), request.allow, offer.subject);
  await offer.accept(release);
  return release;
}

/** What went wrong on the way can go on later; what is wrong in itself is not kept. */
async function end(partial: PartialDirectory, error: unknown): Promise<void> {
  if (!(error instanceof OtaBuildError) || CAN_GO_ON.has((error as OtaBuildError).code))
    partial.leave();
  else await partial.discard();
}

const CAN_GO_ON: ReadonlySet<string> = new Set(['SOURCE_UNREACHABLE', 'INTERRUPTED', 'DISK_FULL']);

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return false;
      throw new UsageError('OUTPUT_DENIED', `${path} cannot be looked at (${code ?? 'unknown'})`, {
        cause: error,
      });
    },
  );
}

/** Throws UsageError (OUTPUT_EXISTS) when the files at the final path are not those that were offered. */
async function requireSameFiles(directory: string, { files, subject }: Offer): Promise<void> {
  for (const { file, size, sha256 } of files) {
    const found = await hashInput(join(directory, file), `a file of ${subject}`).catch(
      (error: unknown) => {
        if (error instanceof OtaBuildError) return undefined;
        throw error;
      },
    );
    if (found?.size === size && found.sha256 === sha256) continue;
    throw new UsageError(
      'OUTPUT_EXISTS',
      `${directory} exists already and was kept: its ${file} is not the one of ${subject}`,
      { where: { file: directory }, hint: 'Move it away, or use --out to fetch to elsewhere.' },
    );
  }
}
