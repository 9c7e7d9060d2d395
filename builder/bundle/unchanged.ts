import { createHash } from 'node:crypto';
import { VerifyError } from '../errors/families.ts';
import type { Artifact, Manifest } from '../manifest/manifest.ts';
import type { Verified } from '../verify/verified.ts';

/** Parts that a signature goes into, and those that hold such a part. */
const SIGNED: readonly Artifact['role'][] = ['app', 'firmware'];
/** Where the bootloader is signed too: flashers are then told to leave its header alone. */
const SIGNED_WITH_BOOTLOADER: readonly Artifact['role'][] = [
  'bootloader',
  'flasher-args',
  'flash-args',
];

/**
 * Proves that a release that was signed is the one that it was made of, but for signatures: every fact of the manifest, every
 * file that none goes into, and the bytes of an app that was made ready to be signed. Throws VerifyError.
 */
export function requireUnchanged({ original, plan, parts }: Verified, manifest: Manifest): void {
  if (original === undefined) return;
  const others = [...SIGNED, ...(plan.signing?.bootloader === true ? SIGNED_WITH_BOOTLOADER : [])];
  const problems = [
    ...differing(factsOf(original), factsOf(manifest)),
    ...differing(filesOf(original, others), filesOf(manifest, others)),
    ...differentApp(original, parts.app),
  ];
  if (problems.length === 0) return;
  throw new VerifyError(
    'VERIFICATION_FAILED',
    `signing would change more than signatures: ${problems.join(', ')} would not be what it was`,
    {
      hint: 'Sign with the version of ota-build that the release was made with.',
      details: { changed: problems },
    },
  );
}

type Facts = Readonly<Record<string, unknown>>;

function factsOf(manifest: Manifest): Facts {
  const { artifacts, signing, awaitsSignature, warnings, ...facts } = manifest;
  return facts;
}

function filesOf({ artifacts }: Manifest, others: readonly Artifact['role'][]): Facts {
  // Releases had no bill of materials once.
  const lasting = artifacts.filter(({ role }) => role !== 'sbom');
  return Object.fromEntries(
    lasting.map(({ role, file, size, sha256, offset }) => [
      file,
      others.includes(role) ? [role, offset] : [role, offset, size, sha256],
    ]),
  );
}

function differing(before: Facts, after: Facts): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
}

/** An app that was made ready has its padding already: a signature goes behind it, and no byte of it changes. */
function differentApp({ artifacts, awaitsSignature }: Manifest, app: Buffer): string[] {
  const before = artifacts.find(({ role }) => role === 'app');
  if (awaitsSignature === undefined || before === undefined) return [];
  const contents = app.subarray(0, before.size);
  const digest = createHash('sha256').update(contents).digest('hex');
  return digest === before.sha256 ? [] : [before.file];
}
