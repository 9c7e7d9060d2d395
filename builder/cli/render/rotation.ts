import type { RotationPlan } from '../../keys/rotation/plan-rotation.ts';
import type { Output } from '../output.ts';
import { printable } from './printable.ts';

/** The verdict, then why not, or what to do step by step, and what all that rests on. */
export function renderRotation(
  { refusals, steps, notes }: RotationPlan,
  { colours }: Output,
): string {
  const verdict =
    refusals.length === 0
      ? colours.green('Every device that runs one of these releases can verify the next one.')
      : colours.red('Refused: some device could not verify the next release.');
  return [
    verdict,
    ...refusals.map((refusal) => `  ${colours.red('error:')} ${printable(refusal)}`),
    ...steps.map((step, index) => `  ${index + 1}. ${printable(step)}.`),
    ...notes.map((note) => `  note: ${printable(note)}`),
  ].join('\n');
}
