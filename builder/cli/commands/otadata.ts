import { InvalidArgumentError, type Command } from '@commander-js/extra-typings';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { UsageError } from '../../errors/families.ts';
import { Output } from '../output.ts';
import type { CommandHost } from '../program.ts';
import { withOutputOptions } from './plan-options.ts';
import { MOST_SLOTS, parseSlotCount } from './slot-count.ts';

/** `ota-build otadata`: files for the otadata partition, which says what a device boots. */
export function addOtadataCommand(program: Command, host: CommandHost): void {
  const otadata = program
    .command('otadata')
    .description('make OTA data, which says what a device boots');
  addTrial(otadata, host);
  addInitial(otadata, host);
}

function addTrial(otadata: Command, { edge }: CommandHost): void {
  withOutputOptions(otadata.command('trial'))
    .description(
      'OTA data that boots one slot on trial and comes back to another unless the trial confirms itself',
    )
    .optionsGroup('Trial:')
    .requiredOption(
      '--from <slot>',
      'what runs now and is known to be good: slot0, … or factory',
      parseFrom,
    )
    .requiredOption('--to <slot>', 'slot that is tried, such as slot1', parseSlot)
    .option('--slots <n>', 'OTA slots of the partition table', parseSlotCount, 2)
    .option('-o, --output <file>', 'file to write', 'otadata-trial.bin')
    .option('--force', 'replace a file that is there already')
    .addHelpText('after', TRIAL_EXAMPLE)
    .action(async ({ from, to, slots, output: file, force, ...options }) => {
      requireSlots({ from, to, slots });
      const output = new Output(edge, options);
      const { makeTrialOtadata } = await import('../../partition/trial-otadata.ts');
      const { writeFileAtomically } = await import('../../files/write-file.ts');
      const bytes = makeTrialOtadata({ from, to, slotCount: slots });
      const path = outputPath(edge.directory, file);
      await requireFreeFile(path, file, bytes, force === true);
      await writeFileAtomically(path, bytes);
      output.result({ ok: true, output: file, from, to, slots }, () =>
        [
          `${file}: boots slot${to} on trial; ${from === 'factory' ? from : `slot${from}`} comes back unless the app there confirms itself.`,
          'Write it to the offset of the otadata partition (0xd000 in the layouts of ota-build; partitions.csv of a release says):',
          `  esptool write-flash 0xd000 ${file}`,
          'A bootloader without rollback stays in the trial.',
        ].join('\n'),
      );
    });
}

function addInitial(otadata: Command, { edge }: CommandHost): void {
  withOutputOptions(otadata.command('initial'))
    .description('erased OTA data: a device boots factory, or ota_0 where there is none')
    .optionsGroup('Writing:')
    .option('-o, --output <file>', 'file to write', 'otadata.bin')
    .option('--force', 'replace a file that is there already')
    .action(async ({ output: file, force, ...options }) => {
      const output = new Output(edge, options);
      const { createInitialOtadata } = await import('../../format/otadata.ts');
      const { writeFileAtomically } = await import('../../files/write-file.ts');
      const path = outputPath(edge.directory, file);
      const bytes = createInitialOtadata();
      await requireFreeFile(path, file, bytes, force === true);
      await writeFileAtomically(path, bytes);
      output.result({ ok: true, output: file }, () => `${file}: erased, 8192 bytes of ff.`);
    });
}

const TRIAL_EXAMPLE = `
Example, for a device that runs from ota_0 and has the drill (--firmware drill) in ota_1:
  ota-build otadata trial --from slot0 --to slot1`;

function outputPath(directory: string, file: string): string {
  if (file !== '' && file !== '-') return resolve(directory, file);
  throw new UsageError('USAGE', `'${file}' is not the name of a file to write`);
}

type Slots = { readonly from: number | 'factory'; readonly to: number; readonly slots: number };

/** The same bytes again are fine; anything else that is there is somebody's. */
async function requireFreeFile(
  path: string,
  file: string,
  bytes: Buffer,
  force: boolean,
): Promise<void> {
  const found = await readFile(path).catch(() => undefined);
  if (force || found === undefined || found.equals(bytes)) return;
  throw new UsageError('OUTPUT_EXISTS', `${file} exists already and was kept`, {
    where: { file: path },
    hint: 'Use --force to replace it, or -o to write elsewhere.',
  });
}

function requireSlots({ from, to, slots }: Slots): void {
  if (from === to)
    throw new UsageError('USAGE', `slot${from} cannot be tried and fallen back to at once`);
  const missing = [from, to].find((slot) => slot !== 'factory' && slot >= slots);
  if (missing === undefined) return;
  throw new UsageError(
    'USAGE',
    `there is no slot${missing} in a table with ${slots} OTA slots, slot0 to slot${slots - 1}`,
  );
}

function parseFrom(text: string): number | 'factory' {
  return text === 'factory' ? text : parseSlot(text);
}

function parseSlot(text: string): number {
  const number = Number(/^(?:slot|ota_)?(\d{1,2})$/.exec(text)?.[1] ?? Number.NaN);
  if (!(number < MOST_SLOTS)) throw new InvalidArgumentError('expected slot0 to slot15.');
  return number;
}
