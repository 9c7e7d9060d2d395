import { createHash } from 'node:crypto';
import type { Artifact, ArtifactRole, Manifest } from '../manifest/manifest.ts';
import { isSignedHere } from '../plan/plan.ts';
import type { Warning } from '../pipeline/context.ts';
import type { Verified } from '../verify/verified.ts';

/** A file that the manifest lists. */
export type ListedFile = {
  readonly role: ArtifactRole;
  readonly file: string;
  readonly bytes: Buffer;
  /** Flash offset that it is written to. */
  readonly offset?: number;
};

/** The manifest of a verified release. */
export function makeManifest(
  verified: Verified,
  files: readonly ListedFile[],
  warnings: readonly Warning[],
): Manifest {
  const { plan, layout, source, signers } = verified;
  return {
    schema: 1,
    board: plan.board,
    ...(plan.variant === undefined ? {} : { variant: plan.variant }),
    chip: plan.chip,
    version: plan.version,
    secureVersion: plan.secureVersion,
    projectName: plan.projectName,
    source,
    createdAt: plan.createdAt,
    flash: { mode: layout.flash.mode, freq: layout.flash.frequency, size: layout.flash.size.name },
    partitions: layout.partitions.map(
      ({ name, type, subtype, offset, size, encrypted, readonly }) => ({
        name,
        type,
        subtype,
        offset,
        size,
        flags: [
          ...(encrypted ? (['encrypted'] as const) : []),
          ...(readonly ? (['readonly'] as const) : []),
        ],
      }),
    ),
    artifacts: files.map(describeFile),
    signing:
      plan.signing === null || !isSignedHere(plan)
        ? null
        : {
            scheme: plan.signing.scheme,
            keys: signers.map(({ digest, development }) => ({
              digest: digest.toString('hex'),
              role: 'image',
              ...(development ? { development } : {}),
            })),
          },
    ...(plan.signing === null || isSignedHere(plan)
      ? {}
      : {
          awaitsSignature: { scheme: plan.signing.scheme, bootloader: plan.signing.bootloader },
        }),
    warnings: warnings.map(({ code, message }) => ({ code, message })),
  };
}

function describeFile({ role, file, bytes, offset }: ListedFile): Artifact {
  return {
    role,
    file,
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    ...(offset === undefined ? {} : { offset }),
  };
}
