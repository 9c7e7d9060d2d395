import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { findChipByName } from '../chip/registry.ts';
import { flashSizeByName } from '../chip/flash-settings.ts';
import { FormatError, UsageError } from '../errors/families.ts';
import { readInput } from '../files/read-input.ts';
import { isOtaSlot } from '../format/partition-types.ts';
import { manifestSchema, type Artifact, type Manifest } from '../manifest/manifest.ts';
import { MANIFEST } from '../manifest/release-files.ts';
import { flashMap, type FlashRegion } from '../partition/flash-map.ts';
import { checkSchema } from '../schema/schema.ts';
import { describeApp, type AppReport } from './app.ts';
import { DEFAULT_TABLE_OFFSET } from './find-table.ts';

const MANIFEST_LIMIT = 4 * 1024 * 1024;

/** An artifact of the manifest, and whether the file beside it is the one that it lists. */
export type ArtifactReport = Artifact & { readonly state: 'as-listed' | 'differs' | 'missing' };

/** A release directory as its manifest tells it. */
export type ReleaseReport = {
  readonly manifest: Omit<Manifest, 'artifacts'>;
  readonly artifacts: readonly ArtifactReport[];
  readonly flashMap: readonly FlashRegion[];
  /** The app that devices take over the air; null when it is not there or not an image. */
  readonly app: AppReport | null;
};

type ReadArtifact = { readonly report: ArtifactReport; readonly app?: AppReport };

/**
 * Explains a release directory. `name` is the directory as messages show it. Throws UsageError when it has no
 * manifest.json, FormatError when that is not a manifest.
 */
export async function describeRelease(directory: string, name: string): Promise<ReleaseReport> {
  const { artifacts: listed, ...manifest } = await readManifest(directory, name);
  const read: ReadArtifact[] = [];
  for (const artifact of listed) read.push(await readArtifact(directory, artifact));
  return {
    manifest,
    artifacts: read.map(({ report }) => report),
    flashMap: mapOf(manifest, listed),
    app: read.find(({ app }) => app !== undefined)?.app ?? null,
  };
}

async function readManifest(directory: string, name: string): Promise<Manifest> {
  const bytes = await readManifestFile(directory, name);
  const file = join(name, MANIFEST);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new FormatError('BAD_VALUE', `${file} is not JSON: ${(cause as Error).message}`, {
      where: { file },
      cause,
    });
  }
  const result = checkSchema(manifestSchema, json);
  if (result.ok) return result.value;
  // The first is telling enough: a manifest of another tool lacks nearly everything.
  const [first] = result.issues;
  const problem = `${first?.path.join('.') ?? ''}: ${first?.message ?? ''}`;
  throw new FormatError('BAD_VALUE', `${file} is not the manifest of a release (${problem})`, {
    where: { file },
  });
}

async function readManifestFile(directory: string, name: string): Promise<Buffer> {
  try {
    return await readInput(join(directory, MANIFEST), 'the manifest of a release', MANIFEST_LIMIT);
  } catch (error) {
    if (!(error instanceof UsageError) || error.code !== 'INPUT_MISSING') throw error;
    throw new UsageError(
      'USAGE',
      `${name} is a directory without ${MANIFEST}; a release directory or an ESP-IDF build directory was expected`,
      { where: { file: name }, hint: 'Name a file in it to have that explained.' },
    );
  }
}

async function readArtifact(directory: string, artifact: Artifact): Promise<ReadArtifact> {
  const bytes = await readIfThere(join(directory, artifact.file));
  if (bytes === undefined) return { report: { ...artifact, state: 'missing' } };
  const isListed = createHash('sha256').update(bytes).digest('hex') === artifact.sha256;
  const report: ArtifactReport = { ...artifact, state: isListed ? 'as-listed' : 'differs' };
  return artifact.role === 'app' ? { report, app: describeApp(bytes) } : { report };
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readInput(path, 'a file of a release');
  } catch (error) {
    if (error instanceof UsageError && error.code === 'INPUT_MISSING') return undefined;
    throw error;
  }
}

function mapOf(
  manifest: Omit<Manifest, 'artifacts'>,
  artifacts: readonly Artifact[],
): readonly FlashRegion[] {
  const find = (role: Artifact['role']): Artifact | undefined =>
    artifacts.find((artifact) => artifact.role === role);
  const chip = findChipByName(manifest.chip);
  const bootloader = find('bootloader');
  const offset = bootloader?.offset ?? chip?.bootloaderOffset;
  const flashSize = flashSizeByName(manifest.flash.size)?.bytes;
  const app = find('app');
  const slot =
    manifest.partitions.find((partition) => partition.offset === app?.offset) ??
    manifest.partitions.find(isOtaSlot);
  return flashMap({
    ...(chip === undefined ? {} : { chip }),
    ...(bootloader === undefined || offset === undefined
      ? {}
      : { bootloader: { offset, size: bootloader.size } }),
    tableOffset: find('partition-table')?.offset ?? DEFAULT_TABLE_OFFSET,
    partitions: manifest.partitions.map(({ flags, ...partition }) => ({
      ...partition,
      encrypted: flags.includes('encrypted'),
      readonly: flags.includes('readonly'),
    })),
    ...(flashSize === undefined ? {} : { flashSize }),
    usage: new Map(slot === undefined || app === undefined ? [] : [[slot.name, app.size]]),
  });
}
