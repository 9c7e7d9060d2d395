import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { ReadableStream } from 'node:stream/web';
import { PublishError } from '../../errors/families.ts';
import type { GitHubApi } from './api.ts';
import { mayHaveHappened, statusOf } from './failure.ts';
import type { PlannedAsset } from './release-plan.ts';
import { attemptOnce } from './retry.ts';
import { problemOfAsset } from './stored-asset-check.ts';
import type { StoredAsset, StoredRelease } from './stored.ts';

const CHUNK_SIZE = 256 * 1024;

/**
 * Uploads a file to a draft until GitHub has it whole: what an earlier attempt left is kept when it is the file, and removed
 * when it is not. Throws PublishError: ASSET_MISMATCH when GitHub keeps storing something else, RELEASE_REFUSED when the file is
 * not the one any more that was checked.
 */
export async function uploadAsset(
  api: GitHubApi,
  draft: StoredRelease,
  asset: PlannedAsset,
  signal: AbortSignal,
): Promise<void> {
  await attemptOnce({
    signal,
    attempt: () => uploadOnce(api, draft, asset),
    find: () => findWhole(api, draft, asset),
    isOpen: (error) => isMismatch(error) || isTaken(error) || mayHaveHappened(error),
  });
}

async function uploadOnce(
  api: GitHubApi,
  draft: StoredRelease,
  asset: PlannedAsset,
): Promise<StoredAsset> {
  const source = new CheckedFile(asset);
  let stored: StoredAsset;
  try {
    stored = await api.upload(draft, {
      name: asset.name,
      size: asset.size,
      open: () => source.open(),
    });
  } catch (error) {
    // A file that is at fault breaks the connection: the reason is ours, not the network's.
    throw source.problem ?? error;
  }
  const problem = await problemOfAsset(api, asset, stored);
  if (problem === undefined && source.problem === undefined) return stored;
  await api.deleteAsset(stored);
  if (source.problem !== undefined) throw source.problem;
  throw new PublishError(
    'ASSET_MISMATCH',
    `GitHub did not store ${asset.name}: it ${problem ?? ''}`,
    {
      details: { asset: asset.name, renamed: stored.name !== asset.name },
    },
  );
}

/** The asset, when the draft has it whole; what has its name and is not whole is removed. */
async function findWhole(
  api: GitHubApi,
  draft: StoredRelease,
  asset: PlannedAsset,
): Promise<StoredAsset | undefined> {
  const found = (await api.assets(draft.id)).find(({ name }) => name === asset.name);
  if (found === undefined) return undefined;
  if ((await problemOfAsset(api, asset, found)) === undefined) return found;
  await api.deleteAsset(found);
  return undefined;
}

/** Damaged on the way: worth another attempt, unlike a name that GitHub does not keep. */
function isMismatch(error: unknown): boolean {
  return (
    error instanceof PublishError &&
    error.code === 'ASSET_MISMATCH' &&
    error.details['renamed'] !== true
  );
}

/** 422 `already_exists`: an attempt of ours, or of somebody who publishes the same, was faster. */
function isTaken(error: unknown): boolean {
  return statusOf(error) === 422 && (error as Error).message.includes('already_exists');
}

/** A file that is read in pieces, and compared with what was checked while it goes out. */
class CheckedFile {
  /** Why the file cannot be what was checked. */
  problem: PublishError | undefined;
  private readonly asset: PlannedAsset;

  constructor(asset: PlannedAsset) {
    this.asset = asset;
  }

  open(): ReadableStream<Uint8Array> {
    return ReadableStream.from<Uint8Array>(this.chunks());
  }

  private async *chunks(): AsyncGenerator<Uint8Array> {
    const file = await open(this.asset.path).catch((error: unknown) => {
      throw this.fail(`cannot be read any more (${(error as NodeJS.ErrnoException).code ?? ''})`);
    });
    try {
      const hash = createHash('sha256');
      let read = 0;
      // A piece goes out when the next one has been read: the last one only if the file was the one that was checked.
      let held: Buffer | undefined;
      for (;;) {
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_SIZE));
        if (bytesRead === 0) break;
        if (held !== undefined) yield held;
        held = buffer.subarray(0, bytesRead);
        hash.update(held);
        read += bytesRead;
        if (read > this.asset.size) throw this.fail('has grown since it was checked');
      }
      if (read < this.asset.size || hash.digest('hex') !== this.asset.sha256)
        throw this.fail('has changed since it was checked');
      if (held !== undefined) yield held;
    } finally {
      await file.close();
    }
  }

  private fail(problem: string): PublishError {
    this.problem = new PublishError('RELEASE_REFUSED', `${this.asset.path} ${problem}`, {
      hint: 'Nothing was published. Make the release again.',
      where: { file: this.asset.path },
    });
    return this.problem;
  }
}
