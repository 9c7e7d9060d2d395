import type { Command } from '@commander-js/extra-typings';
import { UsageError } from '../../errors/families.ts';
import { Output } from '../output.ts';
import { renderEvent } from '../render/events.ts';
import type { CommandHost } from '../program.ts';
import { handedOn, planRequest, withPlanOptions, type PlanOptions } from './plan-options.ts';

/** `ota-build plan`: what a build would be, resolved, without doing any of it. */
export function addPlanCommand(program: Command, host: CommandHost): void {
  withPlanOptions(program.command('plan'))
    .description(
      'print the resolved plan of a release, check that it can be made, and write nothing',
    )
    .optionsGroup('For CI jobs:')
    .option(
      '--matrix',
      'print a matrix for GitHub Actions, one line of JSON, with a job for each board: every profile of the project, or each --board (BOARD, BOARD-VARIANT, or with * for any characters)',
    )
    .action(async (options) => {
      const { edge } = host;
      const output = new Output(edge, options);
      if (options.matrix === true) {
        await printMatrix(options, host, output);
        return;
      }
      const { planRelease } = await import('../build-release.ts');
      const { renderPlan } = await import('../render/plan.ts');
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
  { board: boards = [], ...options }: PlanOptions,
  { edge }: CommandHost,
  output: Output,
): Promise<void> {
  if (options.profile !== undefined)
    throw new UsageError('USAGE', '--matrix takes profiles by the names of boards, not --profile');
  const { planMatrix } = await import('../../plan/matrix.ts');
  const request = planRequest(options, edge, () => undefined);
  const include = await planMatrix({ request, boards, handedOn: handedOn(options) });
  if (output.github !== undefined) {
    const { matrixTable } = await import('../github/summary.ts');
    output.github.summarise(matrixTable(include));
  }
  output.line({ include });
}
