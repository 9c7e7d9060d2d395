import { join } from 'node:path';
import type { Chip } from '../chip/chip.ts';
import { findChipByName } from '../chip/registry.ts';
import { ProfileError } from '../errors/families.ts';
import { fileOf, type BuildFile, type BuildFiles } from '../esp-idf/build-files.ts';
import type { BuildSettings } from '../esp-idf/build-settings.ts';
import type { AppDescription } from '../format/app-desc.ts';
import { isFilledWith } from '../format/byte-reader.ts';

/** Throws ProfileError when a build's files speak of several chips. */
export function requireOneChip(
  { args, project, place }: BuildFiles,
  chip: Chip,
  settings: BuildSettings | undefined,
): void {
  const named = [
    ['flasher_args.json', args.chip],
    ['project_description.json', project?.target],
    ['the sdkconfig', settings?.target],
  ] as const;
  for (const [where, target] of named) {
    if (target === undefined || target === chip.name) continue;
    const known = findChipByName(target) === undefined ? ', which we do not know' : '';
    throw new ProfileError(
      'BUILD_INCONSISTENT',
      `${place.name}: ${where} is for '${target}'${known}, but its app is for ${chip.title}`,
      { where: { file: place.name }, hint: 'Run idf.py fullclean, then idf.py build.' },
    );
  }
}

/**
 * esptool writes the SHA-256 of the whole ELF file into the app (elf2image --elf-sha256-offset 0xb0): an ELF file that was
 * linked again since, or is of another build, has another: that throws ProfileError. Undefined when there is none, or the
 * app names none.
 */
export function checkElf(
  { files, place }: BuildFiles,
  { elfSha256 }: AppDescription,
): BuildFile | undefined {
  const elf = fileOf(files, 'elf');
  if (elf === undefined || isFilledWith(elfSha256, 0)) return undefined;
  if (elf.sha256 === elfSha256.toString('hex')) return elf;
  const app = fileOf(files, 'app')?.file ?? 'the app';
  throw new ProfileError(
    'BUILD_INCONSISTENT',
    `${join(place.name, elf.file)} is not the program that ${app} was made of: the app names another SHA-256`,
    {
      where: { file: join(place.name, elf.file) },
      hint: 'The build was interrupted after linking, or files of two builds are mixed: run idf.py build again.',
    },
  );
}

/**
 * Throws ProfileError when app and configuration disagree: ESP-IDF compiles secure_version in where anti-rollback is on, and
 * 0 elsewhere (esp_app_desc.c).
 */
export function requireOneSecureVersion(
  name: string,
  { secureVersion }: AppDescription,
  settings: BuildSettings | undefined,
): void {
  if (settings === undefined) return;
  const configured = settings.antiRollback?.secureVersion ?? 0;
  if (secureVersion === configured) return;
  throw new ProfileError(
    'BUILD_INCONSISTENT',
    `${name}: the app has secure_version ${secureVersion}, but its sdkconfig compiles ${configured} into it`,
    { where: { file: name }, hint: 'The app is of another build: run idf.py build again.' },
  );
}
