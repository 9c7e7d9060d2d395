import { join } from 'node:path';
import { UsageError } from '../../errors/families.ts';
import { pageFiles } from '../page/page-files.ts';
import type { PageRelease } from '../page/page-input.ts';
import { readPageRelease, webAssets } from '../page/web-assets.ts';
import type { PageMaker } from './page.ts';

/**
 * The page of a target name: what its channels point to, read from where it was published. A channel whose version has gone is
 * left out: that nobody can fetch it has been said, and must not keep others from being published.
 */
export const makePage: PageMaker = async ({ targetName, index, place }) => {
  const releases = new Map<string, PageRelease>();
  for (const version of new Set(Object.values(index.channels))) {
    const release = await readPageRelease(join(place, version)).catch(ifMissing);
    if (release !== undefined) releases.set(version, release);
  }
  const channels = Object.entries(index.channels).filter(([, version]) => releases.has(version));
  return {
    assets: await webAssets(),
    files: pageFiles({
      ...{ targetName, versions: index.versions, releases },
      channels: Object.fromEntries(channels),
    }),
  };
};

function ifMissing(error: unknown): undefined {
  if (error instanceof UsageError && error.code === 'INPUT_MISSING') return;
  throw error;
}
