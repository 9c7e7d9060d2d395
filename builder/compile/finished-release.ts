import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { Chip } from '../chip/chip.ts';
import { ProfileError, VerifyError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import { parseEspImage } from '../format/esp-image.ts';
import type { Artifact, ArtifactRole, Manifest } from '../manifest/manifest.ts';
import { readManifest } from '../manifest/read-manifest.ts';
import { MANIFEST } from '../manifest/release-files.ts';
import type { Plan, ReleaseSource } from '../plan/plan.ts';
import { errorsOf } from '../verify/finding.ts';
import { verifyRelease } from '../verify/release.ts';
import { describeFindings } from '../verify/report.ts';
import type { Bootloader, FirmwareParts, SourceFacts, SourceFile } from './compiled.ts';
import { readBootloaderFile, readImageFile } from './image-file.ts';

/** A plan whose firmware is in a finished release. */
export type ReleasePlan = Omit<Plan, 'source'> & { readonly source: ReleaseSource };

type Release = {
  readonly path: string;
  /** As the user named it. */
  readonly name: string;
  readonly manifest: Manifest;
};

/** Warnings that are true of a release until it is signed, or signed anew. */
const OF_SIGNING: readonly string[] = ['AWAITS_SIGNATURE', 'DEVELOPMENT_KEY'];

/** Roles of files that a build left, in the order of the type. */
const SOURCE_ROLES: readonly SourceFile['role'][] = ['sdkconfig', 'elf', 'map'];

/**
 * The firmware of a finished release, to be signed: its app without a signature, its bootloader, the files that it carries
 * beside them, and every fact as its manifest has it. Throws VerifyError when the release does not hold, ProfileError when it
 * is not the one that was planned.
 */
export async function readFinishedRelease(
  projectDirectory: string,
  plan: ReleasePlan,
  chip: Chip,
): Promise<FirmwareParts> {
  const { directory: name } = plan.source;
  const path = resolve(projectDirectory, name);
  const { manifest, sha256 } = await readManifest(path);
  if (sha256 !== plan.source.manifest) throw changed(name, MANIFEST);
  await requireSound(path, name);
  const release = { path, name, manifest };
  const { board, version, warnings } = manifest;
  const bootloader = await readBootloader(release, plan, chip);
  const bill = await readPart(release, 'sbom');
  return {
    app: await readApp(release),
    ...(bootloader === undefined ? {} : { bootloader }),
    // What came out of JSON has no key whose value is undefined.
    source: manifest.source as SourceFacts,
    sourceFiles: SOURCE_ROLES.flatMap((role) => sourceFile(release, role)),
    ...(bill === undefined ? {} : { bill: bill.bytes }),
    original: manifest,
    notes: [`${name} is a release, ${board} ${version}, and was verified`],
    warnings: warnings.filter(({ code }) => !OF_SIGNING.includes(code)),
  };
}

async function requireSound(path: string, name: string): Promise<void> {
  const errors = errorsOf((await verifyRelease(path)).checks);
  if (errors.length === 0) return;
  throw new VerifyError(
    'VERIFICATION_FAILED',
    `${name} does not hold, and was not signed:\n${describeFindings(errors)}`,
    { details: { findings: errors } },
  );
}

async function readApp(release: Release): Promise<Buffer> {
  const app = await readPart(release, 'app');
  if (app === undefined) throw changed(release.name, MANIFEST);
  const { image } = readImageFile(app.bytes, app.file);
  return app.bytes.subarray(0, image.length);
}

/** Without its signature where the plan signs it anew; otherwise it stays as it is. */
async function readBootloader(
  release: Release,
  { signing }: ReleasePlan,
  chip: Chip,
): Promise<Bootloader | undefined> {
  const part = await readPart(release, 'bootloader');
  if (part === undefined) return undefined;
  const bootloader = readBootloaderFile(part.bytes, part.file, chip);
  if (!bootloader.signed || signing?.bootloader !== true) return bootloader;
  const { length } = parseEspImage(bootloader.bytes);
  return { ...bootloader, bytes: bootloader.bytes.subarray(0, length), signed: false };
}

function find({ manifest }: Release, role: ArtifactRole): Artifact | undefined {
  return manifest.artifacts.find((artifact) => artifact.role === role);
}

async function readPart(
  release: Release,
  role: ArtifactRole,
): Promise<{ readonly file: string; readonly bytes: Buffer } | undefined> {
  const artifact = find(release, role);
  if (artifact === undefined) return undefined;
  const { file, sha256 } = artifact;
  const bytes = await readInput(join(release.path, file), 'a file of a release');
  if (createHash('sha256').update(bytes).digest('hex') === sha256) return { file, bytes };
  throw changed(release.name, file);
}

function sourceFile(release: Release, role: SourceFile['role']): SourceFile[] {
  const artifact = find(release, role);
  if (artifact === undefined) return [];
  const { file, size, sha256 } = artifact;
  return [{ role, path: join(release.path, file), size, sha256 }];
}

function changed(name: string, file: string): ProfileError {
  return new ProfileError(
    'SOURCE_CHANGED',
    `${name} changed while it was signed: ${file} differs`,
    {
      where: { file: name },
      hint: 'Sign it again when nothing writes there any more.',
    },
  );
}
