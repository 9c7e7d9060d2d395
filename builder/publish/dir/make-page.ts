import { join } from 'node:path';
import { pageFiles } from '../page/page-files.ts';
import type { PageRelease } from '../page/page-input.ts';
import { readPageRelease, webAssets } from '../page/web-assets.ts';
import type { PageMaker } from './page.ts';

/** The page of a target name: what its channels point to, read from where it was published. */
export const makePage: PageMaker = async ({ targetName, index, place }) => {
  const releases = new Map<string, PageRelease>();
  for (const version of new Set(Object.values(index.channels)))
    releases.set(version, await readPageRelease(join(place, version)));
  const { versions, channels } = index;
  return {
    assets: await webAssets(),
    files: pageFiles({ targetName, versions, channels, releases }),
  };
};
