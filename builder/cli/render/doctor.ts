import type { Examination } from '../../doctor/examine.ts';
import type { Tool } from '../../doctor/find-tools.ts';
import type { Output } from '../output.ts';
import { printable } from './printable.ts';

/** The tools, one a line, with what to do about those that are missing. */
export function renderDoctor(
  { tools, toolchains, micropython, recommendedIdf, advice }: Examination,
  output: Output,
): string {
  const { colours } = output;
  const heading = `MicroPython ${micropython}, released with ESP-IDF ${recommendedIdf ?? '(which is not known)'}`;
  const outcome =
    advice === undefined
      ? `${colours.green('ok:')} MicroPython can be compiled here (${toolchains.join(', ')}).`
      : `${colours.red('missing:')} ${printable(advice)}`;
  return [heading, ...tools.flatMap((tool) => renderTool(tool, output)), outcome].join('\n');
}

function renderTool(tool: Tool, { colours }: Output): string[] {
  const { name, state, version, path, neededFor, optional, problem, hint } = tool;
  const mark =
    state === 'found' ? colours.green('✓') : optional ? colours.dim('-') : colours.red('✗');
  const facts =
    state === 'missing'
      ? 'not found'
      : [version, path].filter((each) => each !== undefined).join('  ');
  const lines = [
    `${mark} ${name.padEnd(9)}${printable(facts)}  ${colours.dim(`for ${neededFor}`)}`,
  ];
  if (problem !== undefined) lines.push(`  ${' '.repeat(9)}${printable(problem)}`);
  if (state !== 'found' && hint !== undefined)
    lines.push(`  ${' '.repeat(9)}${colours.cyan('hint:')} ${printable(hint)}`);
  return lines;
}
