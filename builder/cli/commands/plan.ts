import type { Command } from '@commander-js/extra-typings';
import { Output } from '../output.ts';
import { renderEvent } from '../render/events.ts';
import type { CommandHost } from '../program.ts';
import { planRequest, withPlanOptions } from './plan-options.ts';

/** `ota-build plan`: what a build would be, resolved, without doing any of it. */
export function addPlanCommand(program: Command, host: CommandHost): void {
  withPlanOptions(program.command('plan'))
    .description(
      'print the resolved plan of a release, check that it can be made, and write nothing',
    )
    .action(async (options) => {
      const output = new Output(host.edge, options);
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
