import { flashArguments, isFlashable } from '../../fetch/flash.ts';
import type { Fetched } from '../../fetch/request.ts';
import type { RunEvent, Warning } from '../../pipeline/context.ts';
import type { Output } from '../output.ts';
import { renderEvent } from './events.ts';
import { printable } from './printable.ts';
import { formatSize } from './size.ts';
import { renderVerification, verificationJson } from './verify.ts';
import { shellWord } from './shell-word.ts';

/** What a fetch came to. */
export type ShownFetch = {
  readonly fetched: Fetched;
  /** As the user would write it. */
  readonly directory: string;
  readonly warnings: readonly Warning[];
  /** Port of the device that it was written to. */
  readonly flashed?: string;
};

/** What --json prints. */
export function fetchedJson({ fetched, directory, warnings, flashed }: ShownFetch): unknown {
  const { stem, source, channel, already, verification } = fetched;
  return {
    ok: true,
    directory,
    stem,
    source,
    channel: channel ?? null,
    already,
    manifest: verification.manifest,
    verification: verificationJson(verification),
    flashCommand: flashCommand(fetched),
    flashed: flashed ?? null,
    warnings,
  };
}

function flashCommand({ directory, verification }: Fetched): unknown {
  const { manifest } = verification;
  if (manifest === undefined || !isFlashable(manifest)) return null;
  return { directory, command: ['esptool', ...flashArguments(manifest)] };
}

/** The checker's report, where the release is, and how it gets onto a device. */
export function renderFetched(shown: ShownFetch, output: Output): string {
  const { fetched, directory, flashed } = shown;
  const { colours } = output;
  const { verification, already } = fetched;
  return [
    renderVerification(verification, output),
    '',
    `${colours.green(colours.bold(directory))}${already ? ' was there already, with the same bytes.' : ''}`,
    ...(flashed === undefined ? describeFlashing(fetched, directory, output) : []),
    ...(flashed === undefined ? [] : [`Written to the device at ${printable(flashed)}.`]),
  ].join('\n');
}

function describeFlashing(
  { verification: { manifest } }: Fetched,
  directory: string,
  { colours }: Output,
): string[] {
  if (manifest === undefined) return [];
  if (!isFlashable(manifest))
    return ['There is no bootloader in it: send the .app-bin over the air.'];
  const command = `cd ${shellWord(directory)} && esptool ${flashArguments(manifest).join(' ')}`;
  const flash = `Flash it:  ${colours.cyan(command)}`;
  if (manifest.source.kind !== 'drill') return [flash];
  return [flash, 'It writes the second slot, for a device that runs from the first one.'];
}

/** As other events, but that progress is bytes, and shown on a terminal only. */
export function renderFetchEvent(event: RunEvent, output: Output): void {
  if (event.kind !== 'progress') {
    renderEvent(event, output);
    return;
  }
  const { done, total, step } = event;
  const line = `  ${formatSize(done)} of ${formatSize(total)}  ${printable(step)}`;
  output.transient(line.slice(0, output.width - 1));
}
