import { constants, createHash, sign, type KeyObject } from 'node:crypto';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { keyDigestOfPublicKey } from '../../builder/format/signature-key.ts';
import type { Manifest } from '../../builder/manifest/manifest.ts';
import {
  formatIndexSignatures,
  type IndexSignature,
} from '../../builder/release-index/index-signatures.ts';
import {
  formatReleaseIndex,
  INDEX,
  INDEX_SIGNATURE,
  withEntry,
  type IndexEntry,
  type ReleaseIndex,
} from '../../builder/release-index/release-index.ts';
import { createWorkspace } from './cli.ts';
import { privatePem, publicPem } from './pem.ts';

export type ReleaseSpec = {
  readonly board?: string;
  readonly version: string;
  readonly secureVersion?: number;
  /** None for an unsigned release. */
  readonly keys: readonly KeyObject[];
};

/** Makes a real release of the drill with our own command; returns its directory. */
export async function makeDrillRelease({
  board = 'ESP32_GENERIC',
  version,
  secureVersion = 0,
  keys,
}: ReleaseSpec): Promise<string> {
  const workspace = await createWorkspace();
  for (const [index, key] of keys.entries())
    await workspace.write(`${index}.pem`, privatePem(key), 0o600);
  const { code, stderr } = await workspace.runHere([
    ...['--board', board, '--firmware', 'drill', '--app-version', version],
    ...['--secure-version', String(secureVersion), '--quiet'],
    ...keys.flatMap((_, index) => ['--key', `${index}.pem`]),
  ]);
  if (code !== 0) throw new Error(`no release was made:\n${stderr}`);
  return workspace.path('out', `${board}-${version}`);
}

export type PublishSpec = {
  /** Signs the index; none leaves it unsigned. */
  readonly keys: readonly KeyObject[];
  readonly channel?: string;
};

/** Publishes a release directory into a tree as the contract of `publish --to dir:` has it. Returns the new index. */
export async function publishInto(
  tree: string,
  release: string,
  { keys, channel = 'stable' }: PublishSpec,
): Promise<ReleaseIndex> {
  const manifest = JSON.parse(await readFile(join(release, 'manifest.json'), 'utf8')) as Manifest;
  const target = [manifest.board, manifest.variant].filter((part) => part !== undefined).join('-');
  await mkdir(join(tree, target), { recursive: true });
  await cp(release, join(tree, target, manifest.version), { recursive: true });
  const before = await readIndexOf(tree, target).catch(() => undefined);
  const entry = await entryOf(release, manifest, channel);
  const index = withEntry(before, manifest, entry);
  await writeIndex(join(tree, target), index, keys);
  return index;
}

/** Writes an index and the signatures over it and over the one before. */
export async function writeIndex(
  directory: string,
  index: ReleaseIndex,
  keys: readonly KeyObject[],
): Promise<void> {
  const bytes = formatReleaseIndex(index);
  if (keys.length > 0)
    await writeFile(
      join(directory, INDEX_SIGNATURE),
      formatIndexSignatures(keys.map((key) => signatureOver(bytes, key))),
    );
  await writeFile(join(directory, INDEX), bytes);
}

/** The index of a target that has to be there, whatever it says. */
export async function readIndexOf(tree: string, target: string): Promise<ReleaseIndex> {
  return JSON.parse(await readFile(join(tree, target, INDEX), 'utf8')) as ReleaseIndex;
}

/** An entry of index.json for a release directory, as it is. */
export async function entryOf(
  release: string,
  manifest: Manifest,
  channel: string,
): Promise<IndexEntry> {
  const names = (await readdir(release)).sort();
  const files = await Promise.all(
    names.map(async (file) => {
      const bytes = await readFile(join(release, file));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return { file, size: bytes.length, sha256 };
    }),
  );
  const keys = manifest.signing?.keys ?? [];
  return {
    version: manifest.version,
    channel,
    publishedAt: '2026-03-01T00:00:00Z',
    secureVersion: manifest.secureVersion,
    sourceKind: manifest.source.kind,
    development: keys.some(({ development }) => development === true),
    keys: keys.map(({ digest }) => digest),
    files,
  };
}

/** A signature over the bytes of an index, by an RSA key. */
export function signatureOver(bytes: Buffer, key: KeyObject): IndexSignature {
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return {
    key: digestOf(key),
    publicKey: publicPem(key),
    signature: sign('sha256', bytes, { key, padding, saltLength: 32 }),
  };
}

export function digestOf(key: KeyObject): string {
  return keyDigestOfPublicKey(key).toString('hex');
}

/** Every file below a directory, by its path there. */
export async function filesBelow(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}

/** Copies a tree, so that a test can change it. */
export async function copyTree(from: string, to: string): Promise<string> {
  await mkdir(dirname(to), { recursive: true });
  await cp(from, to, { recursive: true });
  return to;
}
