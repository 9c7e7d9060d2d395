import { Context, type RunEvent } from '../../builder/pipeline/context.ts';

/** A context that keeps what it is told, for a project in `projectDirectory`. */
export function aContext(
  projectDirectory = '/nowhere',
  environment: Readonly<Record<string, string | undefined>> = {},
): { readonly context: Context; readonly events: RunEvent[]; readonly stop: AbortController } {
  const events: RunEvent[] = [];
  const stop = new AbortController();
  const context = new Context({
    projectDirectory,
    environment,
    signal: stop.signal,
    emit: (event) => void events.push(event),
  });
  return { context, events, stop };
}

/** The messages of all notes. */
export function notesOf(events: readonly RunEvent[]): string[] {
  return events.flatMap((event) => (event.kind === 'note' ? [event.message] : []));
}
