import { stat } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import type { Bundle } from '../bundle/bundle.ts';
import { UsageError } from '../errors/families.ts';
import { writeFileAtomically } from '../files/write-file.ts';
import { provenance } from '../provenance/provenance.ts';
import type { ProcessEdge } from './process-edge.ts';

/**
 * Where `--provenance` goes, before any work is done. Throws UsageError where nothing can be written, and in a release
 * directory, which lists all that is in it.
 */
export async function provenanceFile(
  name: string,
  { edge, output }: { readonly edge: ProcessEdge; readonly output: string },
): Promise<string> {
  const path = resolve(edge.directory, name);
  const below = relative(output, path);
  const isInRelease = !below.startsWith('..') && !isAbsolute(below) && below.includes(sep);
  if (isInRelease) {
    throw new UsageError('OUTPUT_DENIED', `${name} would be in a release directory`, {
      hint: 'A release has no files but those that its manifest lists: name one elsewhere.',
      where: { file: name },
    });
  }
  const folder = await stat(dirname(path)).catch(() => undefined);
  if (folder?.isDirectory() === true) return path;
  throw new UsageError('OUTPUT_DENIED', `${name} cannot be written: there is no such directory`, {
    where: { file: name },
  });
}

/** Writes where a release comes from. Throws UsageError when the file system refuses. */
export async function writeProvenance(
  path: string,
  {
    bundle,
    edge,
    startedOn,
  }: { readonly bundle: Bundle; readonly edge: ProcessEdge; readonly startedOn: Date },
): Promise<void> {
  const predicate = provenance({
    plan: bundle.plan,
    inventory: bundle.inventory,
    environment: edge.environment,
    otaBuildVersion: edge.version,
    startedOn,
    finishedOn: new Date(),
  });
  await writeFileAtomically(path, Buffer.from(`${JSON.stringify(predicate, null, 2)}\n`));
}
