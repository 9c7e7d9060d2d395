import type { Progress } from '../../pipeline/context.ts';
import type { Output } from '../output.ts';
import { printable } from './printable.ts';

const BAR = 24;
/** Where lines cannot change in place (a CI log), one is printed whenever another tenth is done. */
const STEPS = 10;

/** The tenths that were printed for an output, by output: a build starts at none. */
const printed = new WeakMap<Output, number>();

/** One bar with the current step on a terminal; elsewhere a line for every tenth. */
export function renderProgress({ done, total, step }: Progress, output: Output): void {
  const part = total === 0 ? 0 : done / total;
  const counts = `${String(done).padStart(String(total).length)}/${total}`;
  if (output.isLive) {
    const filled = Math.round(part * BAR);
    const bar = `${'#'.repeat(filled)}${'.'.repeat(BAR - filled)}`;
    const line = `  [${bar}] ${counts} ${printable(step)}`;
    output.transient(line.slice(0, output.width - 1));
    return;
  }
  const tenth = Math.floor(part * STEPS);
  if (tenth <= (printed.get(output) ?? 0)) return;
  printed.set(output, tenth);
  output.progress(`  compiling ${counts} ${printable(step)}`);
}
