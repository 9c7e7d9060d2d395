import type { Command } from '@commander-js/extra-typings';
import { resolve } from 'node:path';
import type { Inspection } from '../../inspect/inspection.ts';
import { Output } from '../output.ts';
import type { CommandHost } from '../program.ts';
import { withOutputOptions } from './plan-options.ts';
import { parseSlotCount } from './slot-count.ts';

/** `ota-build inspect`: explains files, without judging them. */
export function addInspectCommand(program: Command, host: CommandHost): void {
  withOutputOptions(
    program
      .command('inspect')
      .argument(
        '<path...>',
        'images, partition tables, OTA data, signature sectors, releases or ESP-IDF build directories',
      ),
  )
    .description(
      'explain any image, partition table, OTA data, signature sector, release or build directory',
    )
    .optionsGroup('OTA data by itself:')
    .option('--slots <n>', 'OTA slots of the partition table that it belongs to', parseSlotCount, 2)
    .action(async (paths, { slots, ...options }) => {
      const { edge } = host;
      const output = new Output(edge, options);
      const { inspectPath } = await import('../../inspect/inspect-path.ts');
      const { renderInspection } = await import('../render/inspect.ts');
      const inspections: Inspection[] = [];
      for (const path of paths)
        inspections.push(await inspectPath(resolve(edge.directory, path), path, slots));
      output.result(inspections.length === 1 ? inspections[0] : { inspections }, () =>
        inspections.map((inspection) => renderInspection(inspection, output)).join('\n'),
      );
    });
}
