import { hex } from '../errors/hex.ts';
import type { ArtifactRole } from '../manifest/manifest.ts';

/** A part that is written to flash by itself. */
export type FlashPart = {
  readonly role: Extract<ArtifactRole, 'bootloader' | 'partition-table' | 'otadata' | 'app'>;
  readonly file: string;
  readonly offset: number;
};

/** True for what is a part of flash with a place of its own; the full-flash image is written by itself. */
export function isFlashPart<
  T extends { readonly role: ArtifactRole; readonly offset?: number | undefined },
>(part: T): part is T & { readonly role: FlashPart['role']; readonly offset: number } {
  const roles: readonly ArtifactRole[] = ['bootloader', 'partition-table', 'otadata', 'app'];
  return roles.includes(part.role) && part.offset !== undefined;
}

/** What a flasher writes. Without a bootloader the device runs already, and keeps the partition table that it has. */
export function flashedParts(parts: readonly FlashPart[]): readonly FlashPart[] {
  if (parts.some(({ role }) => role === 'bootloader')) return parts;
  return parts.filter(({ role }) => role !== 'partition-table');
}

export type FlasherOptions = {
  readonly chip: string;
  readonly flash: { readonly mode: string; readonly freq: string; readonly size: string };
  /** A signed bootloader must reach flash as it is: esptool is then told to keep its header. */
  readonly keepHeader: boolean;
  readonly parts: readonly FlashPart[];
};

/**
 * flasher_args.json as an ESP-IDF build directory without flash encryption has it: offsets as hex strings, `encrypted`
 * as the string "false". Source: ESP-IDF v6.0 components/esptool_py/flasher_args.json.in and project_include.cmake.
 */
export function formatFlasherArgs({ chip, flash, keepHeader, parts }: FlasherOptions): string {
  const written = [...parts].sort((a, b) => a.offset - b.offset);
  const entries = written.map(({ role, file, offset }) => [
    role,
    { offset: hex(offset), file, encrypted: 'false' },
  ]);
  const document = {
    write_flash_args: writeFlashArguments(flash, keepHeader),
    flash_settings: { flash_mode: flash.mode, flash_size: flash.size, flash_freq: flash.freq },
    flash_files: Object.fromEntries(
      written.map(({ offset, file }) => [hex(offset), file]),
    ) as Record<string, string>,
    ...(Object.fromEntries(entries) as Record<string, unknown>),
    extra_esptool_args: { after: 'hard-reset', before: 'default-reset', stub: true, chip },
  };
  return `${JSON.stringify(document, null, 4)}\n`;
}

/** flash_args for `esptool write-flash @flash_args`: options, then a line for each part (ESP-IDF, "Flashing manually"). */
export function formatFlashArgs({ flash, keepHeader, parts }: FlasherOptions): string {
  const lines = [...parts]
    .sort((a, b) => a.offset - b.offset)
    .map(({ offset, file }) => `${hex(offset)} ${file}`);
  return [writeFlashArguments(flash, keepHeader).join(' '), ...lines, ''].join('\n');
}

function writeFlashArguments(flash: FlasherOptions['flash'], keepHeader: boolean): string[] {
  const { mode, size, freq } = keepHeader ? { mode: 'keep', size: 'keep', freq: 'keep' } : flash;
  return ['--flash-mode', mode, '--flash-size', size, '--flash-freq', freq];
}
