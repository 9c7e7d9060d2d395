import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findChipByName } from '../../builder/chip/registry.ts';
import { boardDirectory, listBoards, readBoard } from '../../builder/micropython/board.ts';
import { readMicroPythonVersion } from '../../builder/micropython/version.ts';
import { runTool } from '../../builder/process/run-tool.ts';
import { cmakeMissing, NEEDS_CMAKE } from '../support/fake-idf.ts';

// As in real-micropython.test.ts: a directory with one MicroPython checkout for each version, named after its tag.
const CHECKOUTS = process.env['OTA_BUILD_MICROPYTHON'] ?? '';
const tags = existsSync(CHECKOUTS)
  ? readdirSync(CHECKOUTS).filter((name) => /^v1\.\d+(?:\.\d+)?$/.test(name))
  : [];
const reason = cmakeMissing()
  ? NEEDS_CMAKE
  : tags.length === 0
    ? 'OTA_BUILD_MICROPYTHON names no directory with MicroPython checkouts'
    : undefined;

const runCmake = (args: readonly string[], directory: string) =>
  runTool('cmake', args, { directory, timeoutMs: 60_000 });

/** The names that a refusal of a variant that is not there lists. */
async function variantsOf(micropython: string, board: string): Promise<readonly string[]> {
  const request = { micropython, board, directory: undefined, variant: 'NO_SUCH_VARIANT' };
  const error = await readBoard(request, runCmake).catch((thrown: unknown) => thrown);
  const hint = (error as { hint?: string }).hint ?? '';
  return /^Its variants: (.*)\.$/.exec(hint)?.[1]?.split(', ') ?? [];
}

describe.skipIf(reason !== undefined)(`every board of MicroPython (${reason ?? 'all'})`, () => {
  test.each(tags.length === 0 ? ['v1.28.0'] : tags)(
    '%s and each of its variants is evaluated by its own CMake files',
    async (tag) => {
      const micropython = join(CHECKOUTS, tag);
      const { minor } = await readMicroPythonVersion(micropython);
      const boards = await listBoards(micropython);
      expect(boards.length).toBeGreaterThan(15);
      const seen = new Map<string, string>();
      for (const board of boards) {
        for (const variant of [undefined, ...(await variantsOf(micropython, board))]) {
          const request = { micropython, board, directory: undefined, variant };
          const facts = await readBoard(request, runCmake);
          const name = [board, variant].filter((part) => part !== undefined).join('-');
          expect(findChipByName(facts.target)?.name, name).toBe(facts.target);
          expect(facts.flashSize, name).toMatch(/^(2|4|8|16|32)MB$/);
          expect(existsSync(facts.manifest), `${name}: ${facts.manifest}`).toBe(true);
          expect(boardDirectory(request)).toContain(board);
          seen.set(name, `${facts.target} ${facts.flashSize}`);
        }
      }
      expect(seen.get('ESP32_GENERIC')).toBe('esp32 4MB');
      expect(seen.get('ESP32_GENERIC-D2WD')).toBe('esp32 2MB');
      expect(seen.get('ESP32_GENERIC-OTA')).toBe('esp32 4MB');
      expect(seen.get('ESP32_GENERIC_C3')).toBe('esp32c3 4MB');
      if (minor >= 27) expect(seen.get('ESP32_GENERIC_C2-FLASH_2M')).toBe('esp32c2 2MB');
      if (minor >= 27) expect(seen.get('ESP32_GENERIC_P4')).toBe('esp32p4 16MB');
      expect(seen.get('ARDUINO_NANO_ESP32')).toBe('esp32s3 16MB');
    },
    120_000,
  );
});
