import {
  flashedParts,
  formatFlashArgs,
  formatFlasherArgs,
  isFlashPart,
  type FlasherOptions,
} from '../bundle/flasher-args.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { FLASH_ARGS, FLASHER_ARGS } from '../manifest/release-files.ts';
import { errorFinding, type Finding } from './finding.ts';

/**
 * Checks that flasher_args.json and flash_args are, to the letter, what follows from the manifest: an option that erases,
 * a part at another offset or a file from elsewhere has no place in them.
 */
export function checkFlashArguments(
  manifest: Manifest,
  files: ReadonlyMap<string, Buffer>,
  { keepHeader }: Pick<FlasherOptions, 'keepHeader'>,
): readonly Finding[] {
  const { chip, flash, artifacts } = manifest;
  const options = { chip, flash, keepHeader, parts: flashedParts(artifacts.filter(isFlashPart)) };
  return [
    ...compare(FLASHER_ARGS, files.get(FLASHER_ARGS), formatFlasherArgs(options)),
    ...compare(FLASH_ARGS, files.get(FLASH_ARGS), formatFlashArgs(options)),
  ];
}

function compare(file: string, found: Buffer | undefined, expected: string): Finding[] {
  if (found === undefined || found.equals(Buffer.from(expected))) return [];
  const wanted = expected.split('\n');
  const lines = found.toString('utf8').split('\n');
  const at = wanted.findIndex((line, index) => line !== lines[index]);
  const line = at === -1 ? wanted.length : at;
  const message = `line ${line + 1} is ${JSON.stringify(lines[line]?.slice(0, 80) ?? '')}; the manifest makes it ${JSON.stringify(wanted[line] ?? '')}`;
  return [errorFinding('FLASH_ARGS_MISMATCH', message, { file })];
}
