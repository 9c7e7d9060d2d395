import { constants, verify } from 'node:crypto';
import { FormatError } from '../errors/families.ts';
import { publicKeyOf } from '../format/signature-key.ts';
import { SIGNATURE_SCHEMES } from '../format/signature-scheme.ts';
import {
  parseManifestSignatures,
  type ManifestSignature,
} from '../manifest/manifest-signatures.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { MANIFEST, MANIFEST_SIGNATURE } from '../manifest/release-files.ts';
import { errorFinding, type Finding } from './finding.ts';
import type { ReleaseOptions } from './release.ts';
import type { CheckedBlock, CheckedSignature } from './signature.ts';
import { refusalsOf, type RoleTrust } from './trust-policy.ts';

/**
 * Checks manifest.json.sig. Every signature in it has to be one over the manifest's exact bytes, by a key that signed the
 * app, and one of them by a key that is trusted for manifests.
 */
export function checkManifestSignature(
  manifest: Manifest,
  files: ReadonlyMap<string, Buffer>,
  signature: CheckedSignature | undefined,
  options: ReleaseOptions,
): readonly Finding[] {
  const file = MANIFEST_SIGNATURE;
  const found = files.get(file);
  const trust = trustOf(options);
  if (manifest.signing === null) return checkUnsigned(found, trust);
  if (found === undefined) {
    const message = 'is not there, but the manifest says that the release is signed';
    return [errorFinding('FILE_MISSING', message, { file })];
  }
  const bytes = files.get(MANIFEST) ?? Buffer.alloc(0);
  const blocks = (signature?.blocks ?? []).filter(({ valid }) => valid);
  const signatures = parseManifestSignatures(found);
  const makers = signatures.map((each) => makerOf(bytes, each, blocks));
  const broken = signatures.filter((_, index) => makers[index] === undefined);
  if (broken.length > 0) return broken.map(({ key }) => brokenFinding(key, trust));
  if (new Set(makers).size < makers.length)
    return [errorFinding('MANIFEST_SIGNATURE', 'has two signatures by the same key', { file })];
  const keys = makers.flatMap((block) => (block === undefined ? [] : [block.keyDigest]));
  if (trust === undefined || keys.some((key) => trust.trustedKeys.some((one) => one.equals(key))))
    return [];
  const names = keys.map((key) => key.toString('hex'));
  const development = manifest.signing.keys
    .filter((key) => key.development === true && names.includes(key.digest))
    .map(({ digest }) => `; key ${digest} is a development key`);
  const message = `is not a signature over manifest.json by a trusted key that signed the app: it is by ${names.join(', ')}${refusalsOf(trust.refusedKeys, names)}${development.join('')}`;
  return [errorFinding('MANIFEST_SIGNATURE', message, { file })];
}

function trustOf({
  trustedKeys,
  refusedKeys,
  manifestTrust,
}: ReleaseOptions): RoleTrust | undefined {
  if (manifestTrust !== undefined || trustedKeys === undefined) return manifestTrust;
  return { trustedKeys, ...(refusedKeys === undefined ? {} : { refusedKeys }) };
}

function checkUnsigned(found: Buffer | undefined, trust: RoleTrust | undefined): Finding[] {
  if (found !== undefined) {
    const message = 'is there, but the manifest says that nothing is signed';
    return [errorFinding('MANIFEST_SIGNATURE', message, { file: MANIFEST_SIGNATURE })];
  }
  if (trust === undefined) return [];
  return [errorFinding('SIGNATURE_MISSING', 'the release is not signed', { file: MANIFEST })];
}

function brokenFinding(key: string | undefined, trust: RoleTrust | undefined): Finding {
  const whose =
    trust === undefined ? 'a key that signed the app' : 'a trusted key that signed the app';
  const message =
    key === undefined
      ? `is not a signature over manifest.json by ${whose}`
      : `its signature by key ${key} is not a signature over manifest.json by that key, or the key did not sign the app`;
  return errorFinding('MANIFEST_SIGNATURE', message, { file: MANIFEST_SIGNATURE });
}

function makerOf(
  manifest: Buffer,
  { key, signature }: ManifestSignature,
  blocks: readonly CheckedBlock[],
): CheckedBlock | undefined {
  return blocks.find(
    (block) =>
      (key === undefined || block.keyDigest.toString('hex') === key) &&
      signatureHolds(manifest, signature, block),
  );
}

/**
 * True when `signature` is one over the manifest's exact bytes by the key of a signature block: RSA-PSS with SHA-256 and
 * a salt of 32 bytes, or ECDSA in DER with the hash of its scheme, as `openssl dgst -verify` takes them.
 */
function signatureHolds(manifest: Buffer, signature: Buffer, { block }: CheckedBlock): boolean {
  const { hash } = SIGNATURE_SCHEMES[block.scheme];
  try {
    const key = publicKeyOf(block);
    return block.scheme === 'rsa3072'
      ? verify(
          hash,
          manifest,
          { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
          signature,
        )
      : verify(hash, manifest, { key, dsaEncoding: 'der' }, signature);
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}
