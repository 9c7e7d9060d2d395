import type { KeyObject } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeZip } from '../../builder/bundle/zip.ts';
import { keyDigestOfPublicKey } from '../../builder/format/signature-key.ts';
import { formatChecksums } from '../../builder/manifest/checksums.ts';
import type { Manifest } from '../../builder/manifest/manifest.ts';
import { CHECKSUMS, MANIFEST } from '../../builder/manifest/release-files.ts';
import type { Finding } from '../../builder/verify/finding.ts';
import { checkRelease, type ReleaseOptions } from '../../builder/verify/release.ts';
import { createWorkspace } from './cli.ts';
import { makeRelease, type FirmwareOptions } from './firmware.ts';
import { sha256 } from './images.ts';
import { privatePem } from './pem.ts';

/** The files of a release directory by name. */
export type Files = ReadonlyMap<string, Buffer>;

export type ReleaseRequest = FirmwareOptions & {
  readonly board: string;
  /** Private keys that sign it, in order; none for an unsigned release. */
  readonly keys: readonly KeyObject[];
};

/** Stem of the files of a release that `aRelease` makes. */
export const stemOf = (board: string): string => `${board}-1.2.3`;

/** The files of a release that the command has made from made-up firmware. */
export async function aRelease({ board, keys, ...firmware }: ReleaseRequest): Promise<Files> {
  const workspace = await createWorkspace();
  await workspace.write('firmware.bin', makeRelease(firmware));
  for (const [index, key] of keys.entries())
    await workspace.write(`${index}.pem`, privatePem(key), 0o600);
  const [first] = keys;
  const { code, stderr } = await workspace.runHere([
    ...['--board', board, '--firmware', 'firmware.bin'],
    ...['--app-version', '1.2.3', '--secure-version', '2'],
    ...keys.flatMap((_, index) => ['--key', `${index}.pem`]),
    ...(first?.asymmetricKeyType === 'ec' ? ['--scheme', 'ecdsa256'] : []),
  ]);
  if (code !== 0) throw new Error(`no release was made:\n${stderr}`);
  const directory = workspace.path('out', stemOf(board));
  const names = (await readdir(directory)).sort();
  const read = names.map(async (name) => [name, await readFile(join(directory, name))] as const);
  return new Map(await Promise.all(read));
}

/** Every finding about these files. */
export async function findingsOf(files: Files, options: ReleaseOptions = {}): Promise<Finding[]> {
  const { checks } = await checkRelease({ files, findings: [] }, options);
  return checks.flatMap(({ findings }) => findings);
}

/** The errors among them. */
export async function errorsIn(files: Files, options: ReleaseOptions = {}): Promise<Finding[]> {
  return (await findingsOf(files, options)).filter(({ severity }) => severity === 'error');
}

/** What trusting exactly this key means. */
export const trusting = (key: KeyObject): ReleaseOptions => ({
  trustedKeys: [keyDigestOfPublicKey(key)],
});

/** The bytes of a file that has to be there. */
export function fileOf(files: Files, name: string): Buffer {
  const bytes = files.get(name);
  if (bytes === undefined) throw new Error(`the release has no ${name}`);
  return bytes;
}

export function manifestOf(files: Files): Manifest {
  return JSON.parse(fileOf(files, MANIFEST).toString('utf8')) as Manifest;
}

/** With one file replaced by other bytes, or taken away. */
export function withFile(files: Files, name: string, bytes: Buffer | undefined): Files {
  const changed = new Map(files);
  if (bytes === undefined) changed.delete(name);
  else changed.set(name, bytes);
  return changed;
}

/** With a file edited in a copy. */
export function edited(files: Files, name: string, edit: (bytes: Buffer) => void): Files {
  const bytes = Buffer.from(fileOf(files, name));
  edit(bytes);
  return withFile(files, name, bytes);
}

/** With another manifest: what `edit` makes of it. */
export function withManifest(files: Files, edit: (manifest: Manifest) => unknown): Files {
  const text = `${JSON.stringify(edit(manifestOf(files)), null, 2)}\n`;
  return withFile(files, MANIFEST, Buffer.from(text));
}

/** With sizes and digests in the manifest that are those of the files: the first thing that a forger repairs. */
export function withManifestDigests(forged: Files): Files {
  const files = withBillOfApp(forged);
  return withManifest(files, (manifest) => ({
    ...manifest,
    artifacts: manifest.artifacts.map((artifact) => {
      const bytes = files.get(artifact.file);
      if (bytes === undefined) return artifact;
      return { ...artifact, size: bytes.length, sha256: sha256(bytes).toString('hex') };
    }),
  }));
}

/** With the app's own SHA-256 in the bill of materials. */
function withBillOfApp(files: Files): Files {
  const { artifacts } = manifestOf(files);
  const [app, bill] = (['app', 'sbom'] as const).map((role) =>
    artifacts.find((artifact) => artifact.role === role),
  );
  const [bytes, text] = [files.get(app?.file ?? ''), files.get(bill?.file ?? '')];
  if (app === undefined || bill === undefined || bytes === undefined || text === undefined)
    return files;
  const changed = text.toString().replaceAll(app.sha256, sha256(bytes).toString('hex'));
  return withFile(files, bill.file, Buffer.from(changed));
}

/** With a zip of the files as they are now, and SHA256SUMS over all of them: what a forger repairs next. */
export async function repaired(files: Files): Promise<Files> {
  const zip = [...files.keys()].find((name) => name.endsWith('.zip'));
  const zipped = new Map([...files].filter(([name]) => name !== zip && name !== CHECKSUMS));
  const changed = new Map(zipped);
  if (zip !== undefined) changed.set(zip, await zipOf(zipped));
  changed.set(CHECKSUMS, sumsOf(changed));
  return changed;
}

/** With a SHA256SUMS over the files as they are. */
export function withSums(files: Files): Files {
  const others = new Map([...files].filter(([name]) => name !== CHECKSUMS));
  return others.set(CHECKSUMS, sumsOf(others));
}

function sumsOf(files: Files): Buffer {
  const entries = [...files].map(([file, bytes]) => ({
    file,
    sha256: sha256(bytes).toString('hex'),
  }));
  return Buffer.from(formatChecksums(entries));
}

/** A zip of these files as the bundle step writes it. */
export async function zipOf(files: Files): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), 'ota-build-zip-'));
  try {
    const path = join(directory, 'release.zip');
    await writeZip(path, files, new Date('2024-06-02T06:51:35Z'));
    return await readFile(path);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
