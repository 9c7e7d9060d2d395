import type { Command } from '@commander-js/extra-typings';
import { relative, resolve } from 'node:path';
import { secretAsker } from '../ask-secret.ts';
import { summariseRelease } from '../github/summarise-release.ts';
import { Output } from '../output.ts';
import { renderEvent } from '../render/events.ts';
import type { CommandHost } from '../program.ts';
import { planRequest, withPlanOptions } from './plan-options.ts';

/** `ota-build build`, also what runs when no verb is named: from plan to release directory. */
export function addBuildCommand(program: Command, host: CommandHost): void {
  withPlanOptions(program.command('build', { isDefault: true }))
    .description(
      'make a release directory: stamped, laid out, signed, verified, bundled (the default command)',
    )
    .optionsGroup('Writing:')
    .option('--out <dir>', 'directory that the release directory goes into', 'out')
    .option('--force', 'replace a release directory that is there already')
    .option('--no-cache', 'compile although nothing changed since the last time')
    .option('--provenance <file>', 'also write where the release comes from, as SLSA provenance v1')
    .option('--dry-run', 'check everything up to signing, in memory, and write nothing')
    .action(async (options) => {
      const { edge } = host;
      const output = new Output(edge, options);
      const { buildRelease } = await import('../build-release.ts');
      const target = resolve(edge.directory, options.out);
      const { provenanceFile, writeProvenance } = await import('../write-provenance.ts');
      const provenance =
        options.provenance === undefined
          ? undefined
          : await provenanceFile(options.provenance, { edge, output: target });
      const startedOn = new Date();
      const { renderBuild, renderDryRun } = await import('../render/build.ts');
      const built = await buildRelease({
        request: planRequest(options, edge, (message) => {
          renderEvent({ kind: 'note', message }, output);
        }),
        output,
        signal: edge.signal,
        askSecret: secretAsker(edge),
        target: { directory: target, force: options.force === true },
        useCache: options.cache,
        dryRun: options.dryRun === true,
      });
      const { warnings } = built;
      if (built.kind === 'dry-run') {
        output.result({ ok: true, dryRun: true, plan: built.laidOut.plan, warnings }, () =>
          renderDryRun(built.laidOut, output),
        );
        return;
      }
      if (provenance !== undefined)
        await writeProvenance(provenance, { bundle: built.bundle, edge, startedOn });
      const directory = relative(edge.directory, built.bundle.directory) || '.';
      const { manifest } = built.bundle;
      await summariseRelease(manifest, output);
      output.result({ ok: true, directory, manifest, warnings }, () =>
        renderBuild(built.bundle, directory, output),
      );
    });
}
