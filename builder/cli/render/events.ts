import type { RunEvent } from '../../pipeline/context.ts';
import type { Output } from '../output.ts';
import { renderProgress } from './progress.ts';
import { printable } from './printable.ts';

/** Shows a run's events as lines on stderr: a stage when it is done, notes and warnings below it as they come. */
export function renderEvent(event: RunEvent, output: Output): void {
  const { colours, options } = output;
  switch (event.kind) {
    case 'stage-started':
      if (output.github !== undefined && options.quiet !== true) output.github.fold(event.title);
      else if (options.verbose === true) output.progress(colours.dim(`… ${event.title}`));
      return;
    case 'stage-finished':
      output.github?.unfold();
      output.progress(
        `${colours.green('✓')} ${event.title} ${colours.dim(duration(event.durationMs))}`,
      );
      return;
    case 'stage-skipped':
      output.progress(`${colours.dim('-')} ${event.title}: skipped (${event.reason})`);
      return;
    case 'progress':
      renderProgress(event, output);
      return;
    case 'note':
      output.progress(`  ${printable(event.message)}`);
      return;
    case 'warning':
      if (output.github !== undefined) {
        output.github.annotate('warning', { title: event.code, message: event.message });
        return;
      }
      output.alert(`${colours.yellow('warning:')} ${printable(event.message)}`);
  }
}

function duration(durationMs: number): string {
  if (durationMs < 10_000) return `${Math.round(durationMs)} ms`;
  const seconds = Math.round(durationMs / 1000);
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
