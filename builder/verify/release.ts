import { createHash } from 'node:crypto';
import { formatChecksums } from '../manifest/checksums.ts';
import {
  MANIFEST_LIMIT,
  manifestSchema,
  type ArtifactRole,
  type Manifest,
} from '../manifest/manifest.ts';
import { CHECKSUMS, MANIFEST, MANIFEST_SIGNATURE, stemFiles } from '../manifest/release-files.ts';
import { checkSchema } from '../schema/schema.ts';
import { errorFinding, warningFinding, type Check, type Finding } from './finding.ts';
import { checkFlashArguments } from './flash-arguments.ts';
import { checkFlashImage } from './flash-image.ts';
import { checkManifestSignature } from './manifest-signature.ts';
import { readRelease, type ReleaseFiles } from './read-release.ts';
import { checkReleaseParts } from './release-parts.ts';
import { checkSbom } from './sbom.ts';
import type { CheckedSignature } from './signature.ts';
import { checkSourceFiles } from './source-files.ts';
import type { RoleTrust } from './trust-policy.ts';
import { checkZip } from './zip-contents.ts';

export type ReleaseOptions = {
  /** SHA-256 digests of the keys that count; unsaid, signatures prove integrity but not who made them. */
  readonly trustedKeys?: readonly Buffer[];
  /** Why known keys do not count, by their digests in hex. */
  readonly refusedKeys?: ReadonlyMap<string, string>;
  /** The same for the manifest's signature; unsaid, as above. */
  readonly manifestTrust?: RoleTrust;
};

export type CheckedRelease = {
  readonly checks: readonly Check[];
  readonly manifest?: Manifest;
  readonly signature?: CheckedSignature;
  /** SHA-256 in hex of every file, as it was checked. */
  readonly digests: ReadonlyMap<string, string>;
};

/**
 * Checks a release directory as it is on disk; see `checkRelease`. Throws UsageError when the directory cannot be read.
 */
export async function verifyRelease(
  directory: string,
  options: ReleaseOptions = {},
): Promise<CheckedRelease> {
  return checkRelease(await readRelease(directory), options);
}

/**
 * Checks the files of a release: checksums, manifest and its signature, every image and what the chip would make of it,
 * table, OTA data, flash arguments, the full-flash image against its parts, and the zip. Returns findings; never throws
 * for bad bytes.
 */
export async function checkRelease(
  { files, zips = new Map(), findings: strange }: ReleaseFiles,
  options: ReleaseOptions = {},
): Promise<CheckedRelease> {
  const digests = new Map([
    ...[...files].map(([name, bytes]) => [name, sha256(bytes)] as const),
    ...[...zips].map(([name, zip]) => [name, zip.sha256] as const),
  ]);
  const unpacked = isUnpacked(digests);
  const checksums: Check = {
    title: 'checksums (SHA256SUMS)',
    findings: unpacked ? strange : [...strange, ...checkChecksums(files, digests)],
    ...(unpacked ? { absent: UNPACKED } : {}),
  };
  const { manifest, findings } = readManifest(files.get(MANIFEST));
  if (manifest === undefined)
    return { checks: [checksums, { title: 'manifest', findings }], digests };
  const parts = checkReleaseParts(manifest, files, options);
  const stem = [manifest.board, manifest.variant, manifest.version]
    .filter((part) => part !== undefined)
    .join('-');
  const { zip } = stemFiles(stem);
  return {
    manifest,
    digests,
    ...(parts.signature === undefined ? {} : { signature: parts.signature }),
    checks: [
      checksums,
      {
        title: 'manifest',
        findings: [
          ...findings,
          ...checkFiles(manifest, files, digests, zip),
          ...warningsOf(manifest),
        ],
      },
      {
        title: 'manifest signature',
        findings: checkManifestSignature(manifest, files, parts.signature, options),
        ...(manifest.signing === null ? { absent: 'not signed' } : {}),
      },
      ...parts.checks,
      checkSourceFiles(manifest, { files, digests, description: parts.description }),
      checkSbom(manifest, files),
      {
        title: 'full-flash image',
        findings: checkFlashImage(manifest, files),
        ...(hasPart(manifest, 'firmware') ? {} : { absent: 'none, as there is no bootloader' }),
      },
      {
        title: 'flash arguments',
        findings: checkFlashArguments(manifest, files, { keepHeader: parts.bootloaderSigned }),
      },
      unpacked
        ? { title: 'zip', findings: [], absent: UNPACKED }
        : { title: 'zip', findings: await checkArchive(files, zip, zips) },
    ],
  };
}

const UNPACKED = 'this is the unpacked zip, which holds neither; the manifest has the digests';

/** The zip of a release holds neither itself nor SHA256SUMS: unpacked, it is a release all the same. */
function isUnpacked(files: ReadonlyMap<string, unknown>): boolean {
  return (
    files.has(MANIFEST) &&
    !files.has(CHECKSUMS) &&
    ![...files.keys()].some((name) => name.endsWith('.zip'))
  );
}

function hasPart({ artifacts }: Manifest, role: ArtifactRole): boolean {
  return artifacts.some((artifact) => artifact.role === role);
}

function checkChecksums(
  files: ReadonlyMap<string, Buffer>,
  digests: ReadonlyMap<string, string>,
): Finding[] {
  const file = CHECKSUMS;
  const found = files.get(file);
  if (found === undefined) return [errorFinding('FILE_MISSING', 'is not there', { file })];
  const entries = [...digests]
    .filter(([name]) => name !== file)
    .map(([name, digest]) => ({ file: name, sha256: digest }));
  const expected = formatChecksums(entries);
  if (found.toString('latin1') === expected) return [];
  const stated = new Map(
    [...found.toString('latin1').matchAll(/^([0-9a-f]{64}) \*(.+)$/gm)].map(([, digest, name]) => [
      name,
      digest,
    ]),
  );
  const wrong = entries
    .filter((entry) => stated.get(entry.file) !== entry.sha256)
    .map((entry) => {
      const message = stated.has(entry.file)
        ? 'has another SHA-256 than SHA256SUMS says'
        : 'is not listed in SHA256SUMS';
      return errorFinding('CHECKSUMS_MISMATCH', message, { file: entry.file });
    });
  const absent = [...stated.keys()]
    .filter((name) => name !== undefined && !digests.has(name))
    .map((name) =>
      errorFinding('FILE_MISSING', 'is listed in SHA256SUMS, but not there', { file: name ?? '' }),
    );
  const all = [...wrong, ...absent];
  return all.length > 0
    ? all
    : [
        errorFinding('CHECKSUMS_MISMATCH', 'is not as sha256sum would write it for these files', {
          file,
        }),
      ];
}

function readManifest(bytes: Buffer | undefined): { manifest?: Manifest; findings: Finding[] } {
  const file = MANIFEST;
  if (bytes === undefined)
    return {
      findings: [
        errorFinding('FILE_MISSING', 'is not there: this is not a release of ota-build', { file }),
      ],
    };
  if (bytes.length > MANIFEST_LIMIT)
    return {
      findings: [
        errorFinding(
          'MANIFEST_MALFORMED',
          `has ${bytes.length} bytes; a manifest has at most ${MANIFEST_LIMIT}`,
          { file },
        ),
      ],
    };
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    return {
      findings: [
        errorFinding('MANIFEST_MALFORMED', `is not JSON: ${(error as Error).message}`, { file }),
      ],
    };
  }
  const result = checkSchema(manifestSchema, json);
  if (result.ok) return { manifest: result.value, findings: [] };
  return {
    findings: result.issues.map(({ path, message }) =>
      errorFinding('MANIFEST_MALFORMED', `${path.join('.') || 'the manifest'}: ${message}`, {
        file,
      }),
    ),
  };
}

function checkFiles(
  manifest: Manifest,
  files: ReadonlyMap<string, Buffer>,
  digests: ReadonlyMap<string, string>,
  zip: string,
): Finding[] {
  const findings: Finding[] = [];
  const listed = new Set<string>();
  for (const { file, size, sha256: digest } of manifest.artifacts) {
    const bytes = files.get(file);
    if (listed.has(file))
      findings.push(errorFinding('MANIFEST_MISMATCH', `lists ${file} twice`, { file: MANIFEST }));
    listed.add(file);
    if (bytes === undefined)
      findings.push(
        errorFinding('FILE_MISSING', 'is listed in the manifest, but not there', { file }),
      );
    else if (bytes.length !== size)
      findings.push(
        errorFinding('FILE_MISMATCH', `has ${bytes.length} bytes; the manifest says ${size}`, {
          file,
        }),
      );
    else if (digests.get(file) !== digest)
      findings.push(
        errorFinding('FILE_MISMATCH', 'has another SHA-256 than the manifest says', { file }),
      );
  }
  const roles = manifest.artifacts.map(({ role }) => role);
  const twice = roles.find((role, index) => roles.indexOf(role) !== index);
  if (twice !== undefined)
    findings.push(
      errorFinding('MANIFEST_MISMATCH', `lists two files as ${twice}`, { file: MANIFEST }),
    );
  if (roles.includes('firmware') !== roles.includes('bootloader')) {
    const message =
      'lists a bootloader without a full-flash image, or the image without the bootloader';
    findings.push(errorFinding('MANIFEST_MISMATCH', message, { file: MANIFEST }));
  }
  const beside = new Set([MANIFEST, MANIFEST_SIGNATURE, CHECKSUMS, zip]);
  for (const file of digests.keys()) {
    if (!listed.has(file) && !beside.has(file))
      findings.push(errorFinding('FILE_UNEXPECTED', 'is not part of this release', { file }));
  }
  return findings;
}

function warningsOf({ warnings }: Manifest): Finding[] {
  return warnings.map(({ message }) => warningFinding('RELEASE_WARNING', message));
}

async function checkArchive(
  files: ReadonlyMap<string, Buffer>,
  zip: string,
  zips: NonNullable<ReleaseFiles['zips']>,
): Promise<readonly Finding[]> {
  const archive = files.get(zip) ?? zips.get(zip)?.path;
  if (archive === undefined) return [errorFinding('FILE_MISSING', 'is not there', { file: zip })];
  const contents = new Map([...files].filter(([name]) => name !== zip && name !== CHECKSUMS));
  return checkZip(archive, { file: zip, contents });
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
