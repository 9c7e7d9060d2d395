import type { ArtifactRole, Manifest } from '../manifest/manifest.ts';
import { FLASH_ARGS, FLASHER_ARGS } from '../manifest/release-files.ts';
import { checkSchema, z } from '../schema/schema.ts';
import { errorFinding, type Finding } from './finding.ts';

const imageEntry = z.object({ offset: z.string(), file: z.string(), encrypted: z.string() });

const flasherArgsSchema = z.object({
  write_flash_args: z.array(z.string()),
  flash_settings: z.object({
    flash_mode: z.string(),
    flash_size: z.string(),
    flash_freq: z.string(),
  }),
  flash_files: z.record(z.string(), z.string()),
  bootloader: imageEntry.optional(),
  app: imageEntry,
  'partition-table': imageEntry.optional(),
  otadata: imageEntry,
  extra_esptool_args: z.object({ chip: z.string() }),
});

/** What a flasher would be told: file names by flash offset. */
type Writes = ReadonlyMap<number, string>;

/** Checks that flasher_args.json and flash_args write exactly the artifacts of the manifest, each where it belongs. */
export function checkFlashArguments(
  manifest: Manifest,
  files: ReadonlyMap<string, Buffer>,
): readonly Finding[] {
  const expected = writesOf(manifest);
  return [
    ...checkFlasherArgs(files.get(FLASHER_ARGS), manifest, expected),
    ...checkFlashArgs(files.get(FLASH_ARGS), expected),
  ];
}

/** The parts, each alone; the full-flash image is written by itself, and a drill leaves the device's table alone. */
function writesOf({ artifacts, source }: Manifest): Writes {
  const left: readonly ArtifactRole[] =
    source.kind === 'drill' ? ['firmware', 'partition-table'] : ['firmware'];
  const parts = artifacts.filter(
    ({ role, offset }) => !left.includes(role) && offset !== undefined,
  );
  return new Map(parts.map(({ offset = 0, file }) => [offset, file]));
}

function checkFlasherArgs(
  bytes: Buffer | undefined,
  manifest: Manifest,
  expected: Writes,
): Finding[] {
  if (bytes === undefined) return [];
  const file = FLASHER_ARGS;
  const result = checkSchema(flasherArgsSchema, parseJson(bytes));
  if (!result.ok) {
    return result.issues.map(({ path, message }) =>
      errorFinding('FLASH_ARGS_MISMATCH', `${path.join('.') || 'the file'}: ${message}`, { file }),
    );
  }
  const {
    flash_settings: settings,
    flash_files: flashFiles,
    extra_esptool_args: extra,
  } = result.value;
  const findings: Finding[] = [];
  const { mode, freq, size } = manifest.flash;
  if (
    settings.flash_mode !== mode ||
    settings.flash_freq !== freq ||
    settings.flash_size !== size
  ) {
    findings.push(
      errorFinding('FLASH_ARGS_MISMATCH', 'flash_settings differ from the manifest', { file }),
    );
  }
  if (extra.chip !== manifest.chip)
    findings.push(
      errorFinding('FLASH_ARGS_MISMATCH', `is for chip ${extra.chip}, not ${manifest.chip}`, {
        file,
      }),
    );
  const writes = new Map(
    Object.entries(flashFiles).map(([offset, name]) => [Number(offset), name]),
  );
  return [...findings, ...compareWrites(writes, expected, file)];
}

function checkFlashArgs(bytes: Buffer | undefined, expected: Writes): Finding[] {
  if (bytes === undefined) return [];
  const [, ...lines] = bytes.toString('utf8').split('\n');
  const writes = lines.filter((line) => line !== '').map((line) => line.split(' '));
  const pairs = writes.map(([offset = '', name = '']): [number, string] => [Number(offset), name]);
  return compareWrites(new Map(pairs), expected, FLASH_ARGS);
}

function compareWrites(found: Writes, expected: Writes, file: string): Finding[] {
  const show = (writes: Writes): string =>
    [...writes]
      .sort(([a], [b]) => a - b)
      .map(([offset, name]) => `0x${offset.toString(16)} ${name}`)
      .join(', ');
  if (show(found) === show(expected)) return [];
  return [
    errorFinding(
      'FLASH_ARGS_MISMATCH',
      `writes ${show(found) || 'nothing'}; the manifest says ${show(expected)}`,
      { file },
    ),
  ];
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
