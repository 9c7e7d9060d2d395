import type { Chip } from '../../chip/chip.ts';
import type { EfusePlan } from '../../keys/efuse-plan.ts';
import { printable } from './printable.ts';
import { shellWord } from './shell-word.ts';

/** What --json prints: the commands as lists of words. */
export function efusePlanJson({ name }: Chip, { files, steps, notes }: EfusePlan): unknown {
  return {
    ok: true,
    chip: name,
    irreversible: true,
    files: files.map(({ file, key, contents }) => ({
      file,
      key,
      contents: contents.toString('hex'),
    })),
    steps,
    notes,
  };
}

/** The commands in order, as a shell takes them; all that is not a command is a comment. */
export function renderEfusePlan({ title }: Chip, { files, steps, notes }: EfusePlan): string {
  return [
    `# IRREVERSIBLE: each of these commands changes a chip (${title}) for ever. ota-build runs none of them.`,
    '# esptool 5; add --port PORT behind espefuse where several devices are connected.',
    ...files.map(({ file, key, contents }) =>
      printable(`# ${file}: ${contents.toString('hex')} (digest of ${key})`),
    ),
    ...steps.flatMap(({ title: step, command }, index) => [
      '',
      `# ${index + 1}. ${step}`,
      command.map(shellWord).join(' '),
    ]),
    '',
    ...notes.map((note) => `# ${note}`),
  ].join('\n');
}
