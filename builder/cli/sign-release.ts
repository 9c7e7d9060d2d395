import { dirname, relative, resolve } from 'node:path';
import type { Bundle } from '../bundle/bundle.ts';
import { UsageError } from '../errors/families.ts';
import { Context, type Warning } from '../pipeline/context.ts';
import { releaseLine } from '../pipeline/release.ts';
import { runLine } from '../pipeline/run.ts';
import { planSignedRelease, type SignRequest } from '../plan/release-plan.ts';
import { secretAsker } from './ask-secret.ts';
import { summariseRelease } from './github/summarise-release.ts';
import type { Output } from './output.ts';
import type { ProcessEdge } from './process-edge.ts';
import { renderBuild } from './render/build.ts';
import { renderEvent } from './render/events.ts';

export type ReleaseSigning = {
  readonly request: SignRequest;
  readonly edge: ProcessEdge;
  readonly output: Output;
  /** Directory that the signed release goes into; undefined takes the place of the one that is signed. */
  readonly out: string | undefined;
  readonly force: boolean;
};

/**
 * Makes a signed release of a finished one: nothing is compiled, stamped or laid out anew, and all but signatures is proved to
 * be what it was. Prints the result. Leaves nothing behind when it throws.
 */
export async function signRelease(signing: ReleaseSigning): Promise<void> {
  const { request, edge, output } = signing;
  const plan = await planSignedRelease(request);
  const context = new Context({
    projectDirectory: edge.directory,
    environment: edge.environment,
    signal: edge.signal,
    askSecret: secretAsker(edge),
    emit: (event) => {
      renderEvent(event, output);
    },
  });
  const line = releaseLine(targetOf(signing, plan.stem), { useCache: false });
  try {
    const bundle = (await runLine(context, plan, line)) as Bundle;
    await summariseRelease(bundle.manifest, output);
    report(bundle, context.warnings, signing);
  } catch (error) {
    await context.cleanUp();
    throw error;
  }
}

function targetOf(
  { request, edge, out, force }: ReleaseSigning,
  stem: string,
): { readonly directory: string; readonly force: boolean } {
  if (out !== undefined) return { directory: resolve(edge.directory, out), force };
  const release = resolve(edge.directory, request.directory);
  if (resolve(dirname(release), stem) === release)
    return { directory: dirname(release), force: true };
  throw new UsageError(
    'USAGE',
    `${request.directory} is not called ${stem}, as its release is: it cannot be signed in place`,
    { hint: 'Use --out DIR.' },
  );
}

function report(
  bundle: Bundle,
  warnings: readonly Warning[],
  { edge, output }: ReleaseSigning,
): void {
  const directory = relative(edge.directory, bundle.directory) || '.';
  const { manifest } = bundle;
  output.result({ ok: true, directory, manifest, warnings }, () =>
    renderBuild(bundle, directory, output),
  );
}
