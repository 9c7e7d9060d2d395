import type { Manifest } from '../../manifest/manifest.ts';
import type { Output } from '../output.ts';

/** Puts a release on the summary page of a job of GitHub Actions; does nothing elsewhere. */
export async function summariseRelease(manifest: Manifest, { github }: Output): Promise<void> {
  if (github === undefined) return;
  const { releaseTable } = await import('./summary.ts');
  github.summarise(releaseTable(manifest));
}
