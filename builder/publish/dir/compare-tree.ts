import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MANIFEST } from '../../manifest/release-files.ts';
import type { ReleaseIndex } from '../../release-index/release-index.ts';

/**
 * What the index of a target name and its directories do not agree on, as sentences: versions that are listed and have gone,
 * and, where there is no index, releases that one may have listed, but for `version`, which is being published. Changes nothing.
 */
export async function differencesFrom(
  place: string,
  index: ReleaseIndex | undefined,
  version: string,
): Promise<readonly string[]> {
  const names = await readdir(place);
  if (index !== undefined) {
    const gone = index.versions.filter((each) => !names.includes(each.version));
    return gone.map(
      (each) =>
        `the index of ${place} lists version ${each.version}, which is not there: nobody can fetch it`,
    );
  }
  const releases: string[] = [];
  for (const name of names) {
    const isRelease = await stat(join(place, name, MANIFEST)).then(
      (entry) => entry.isFile(),
      () => false,
    );
    if (isRelease && name !== version && !name.startsWith('.')) releases.push(name);
  }
  if (releases.length === 0) return [];
  return [
    `${place} has releases (${releases.sort().join(', ')}) and no index: if there was one, put it back from a copy of the tree before ` +
      'anybody fetches the new one, which lists none of them',
  ];
}
