import type { Command } from '@commander-js/extra-typings';
import { UsageError } from '../../errors/families.ts';
import { Output } from '../output.ts';
import { renderEvent } from '../render/events.ts';
import type { CommandHost } from '../program.ts';
import type { ProcessEdge } from '../process-edge.ts';
import { planRequest, withPlanOptions, type PlanOptions } from './plan-options.ts';

/** `ota-build plan`: what a build would be, resolved, without doing any of it. */
export function addPlanCommand(program: Command, host: CommandHost): void {
  withPlanOptions(program.command('plan'))
    .description(
      'print the resolved plan of a release, check that it can be made, and write nothing',
    )
    .optionsGroup('For GitHub Actions:')
    .option(
      '--matrix [boards]',
      'print the jobs of a release as {"include":[…]} for fromJSON: BOARD or BOARD-VARIANT with commas between, or every ' +
        'profile of the project; takes --app-version and --secure-version',
    )
    .action(async ({ matrix, ...options }) => {
      const output = new Output(host.edge, options);
      if (matrix !== undefined) {
        await printMatrix(matrix, options, { edge: host.edge, output });
        return;
      }
      const { planRelease } = await import('../build-release.ts');
      const { renderPlan } = await import('../render/plan.ts');
      const { edge } = host;
      const plan = await planRelease({
        request: planRequest(options, edge, (message) => {
          renderEvent({ kind: 'note', message }, output);
        }),
        output,
        signal: edge.signal,
      });
      output.result(plan, () => renderPlan(plan, output));
    });
}

async function printMatrix(
  boards: string | true,
  options: PlanOptions,
  { edge, output }: { readonly edge: ProcessEdge; readonly output: Output },
): Promise<void> {
  const targets = boards === true ? [] : boards.split(',').map((name) => name.trim());
  if (options.board !== undefined || targets.includes(''))
    throw new UsageError(
      'USAGE',
      'the boards of a matrix are named like --matrix BOARD,BOARD-VARIANT',
    );
  const { makeMatrix } = await import('../../plan/release-matrix.ts');
  const matrix = await makeMatrix({
    projectDirectory: edge.directory,
    targets,
    appVersion: options.appVersion,
    secureVersion: options.secureVersion,
  });
  // On one line in any case: that is what a line of GITHUB_OUTPUT can hold.
  output.line(JSON.stringify(matrix));
}
