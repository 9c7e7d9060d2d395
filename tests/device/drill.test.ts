import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resealEspImage } from '../../builder/format/esp-image.ts';
import { OTADATA_SIZE, parseOtadata } from '../../builder/format/otadata.ts';
import { encodePartitionTable, parsePartitionTable } from '../../builder/format/partition-table.ts';
import {
  emulatorVariable,
  findEmulator,
  withEmulator,
  type EmulatedChip,
  type Emulator,
} from '../support/emulator.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const FLASH_SIZE = 4 * 1024 * 1024;
const OTADATA_OFFSET = 0xd000;
const DEADLINE_MS = 240_000;
const DRILL = 'ota-build drill: ';

const DEVICES: readonly {
  readonly chip: EmulatedChip;
  readonly board: string;
  readonly firmware: string;
  readonly bootloaderOffset: number;
  readonly banner: string;
}[] = [
  {
    chip: 'esp32',
    board: 'ESP32_GENERIC',
    firmware: 'ESP32_GENERIC-20240602-v1.23.0.bin',
    bootloaderOffset: 0x1000,
    banner: 'MicroPython v1.23.0',
  },
  {
    chip: 'esp32c3',
    board: 'ESP32_GENERIC_C3',
    firmware: 'ESP32_C3-st7789-20230610-v1.20.0.bin',
    bootloaderOffset: 0,
    banner: 'MicroPython v1.20.0',
  },
];

for (const { chip, board, firmware, bootloaderOffset, banner } of DEVICES) {
  const path = join(ROOT, '..', 'shared', 'firmware', firmware);
  const reason =
    findEmulator(chip) === undefined
      ? `${emulatorVariable(chip)} names no emulator`
      : existsSync(path)
        ? undefined
        : `no ${firmware} in ../shared/firmware`;
  const name = `A rollback drill on an emulated ${chip}${reason === undefined ? '' : ` (skipped: ${reason})`}`;
  describe.skipIf(reason !== undefined)(name, { timeout: DEADLINE_MS }, () => {
    let directory = '';

    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'ota-build-drill-'));
      build(directory, ['--board', board, '--app-version', '1.0.0', '--firmware', path]);
      build(directory, [
        '--board',
        board,
        '--app-version',
        '2.0.0',
        '--firmware',
        'drill',
        '--secure-version',
        '1',
      ]);
    });

    afterAll(() => {
      rmSync(directory, { recursive: true, force: true });
    });

    /** A device that runs MicroPython from ota_0, onto which the drill was flashed as its flash_args say. */
    function deviceWithDrill(): string {
      const flash = Buffer.alloc(FLASH_SIZE, 0xff);
      readFileSync(join(directory, 'out', `${board}-1.0.0`, `${board}-1.0.0.bin`)).copy(
        flash,
        bootloaderOffset,
      );
      const drill = join(directory, 'out', `${board}-2.0.0`);
      const [, ...lines] = readFileSync(join(drill, 'flash_args'), 'utf8').trim().split('\n');
      expect(lines.map((line) => line.split(' ')[0])).toEqual(['0xd000', '0x1d0000']);
      for (const line of lines) {
        const [offset = '', file = ''] = line.split(' ');
        readFileSync(join(drill, file)).copy(flash, Number(offset));
      }
      const file = join(directory, 'drill.flash');
      writeFileSync(file, flash);
      return file;
    }

    test('says who it is, resets, and the firmware that was there comes back', async () => {
      const flash = deviceWithDrill();
      await withEmulator(chip, flash, async (emulator) => {
        const line = await waitForLine(emulator, `${DRILL}project`);
        expect(line).toContain(
          `"micropython", version "2.0.0", secure_version 1, chip ${chip}, boot 1`,
        );
        expect(await waitForLine(emulator, `${DRILL}runs from`)).toContain('ota_1 at 0x1d0000');
        if (chip === 'esp32c3') {
          await emulator.waitFor('boot 2');
          await emulator.waitFor('this bootloader does not roll back');
          await emulator.waitFor('boot 3');
          await emulator.waitFor(`${DRILL}rollback is missing`);
          await emulator.waitFor(`${DRILL}the sector is clear`);
        }
        await emulator.boot(banner);
        await emulator.run('from esp32 import Partition as P');
        expect(await emulator.evaluate('P(P.RUNNING).info()[4]')).toBe("'ota_0'");
        const boots = emulator.transcript.split(`${DRILL}project`).length - 1;
        expect(boots).toBe(chip === 'esp32c3' ? 3 : 1);
      });
      const after = readFileSync(flash).subarray(OTADATA_OFFSET, OTADATA_OFFSET + OTADATA_SIZE);
      const [running, trial] = parseOtadata(after).sectors;
      expect(running).toMatchObject({ sequence: 1, state: 'VALID' });
      // With rollback the bootloader writes the failure down; without, the drill has taken its own entry away.
      if (chip === 'esp32') expect(trial).toMatchObject({ sequence: 2, state: 'ABORTED' });
      else expect(trial.empty).toBe(true);
    });

    test('over the air, from firmware built without rollback: says so, and clears its entry', async () => {
      const flash = deviceWithDrill();
      // What set_boot() of such firmware writes: no state at all.
      const bytes = readFileSync(flash);
      bytes.fill(0xff, OTADATA_OFFSET + 0x1000 + 24, OTADATA_OFFSET + 0x1000 + 28);
      writeFileSync(flash, bytes);
      await withEmulator(chip, flash, async (emulator) => {
        await emulator.waitFor('selected by firmware built without rollback');
        await emulator.waitFor('boot 2');
        await emulator.waitFor('this bootloader does not roll back');
        await emulator.waitFor('boot 3');
        await emulator.waitFor(`${DRILL}rollback is missing`);
        await emulator.waitFor(`${DRILL}the sector is clear`);
        await emulator.boot(banner);
        await emulator.run('from esp32 import Partition as P');
        expect(await emulator.evaluate('P(P.RUNNING).info()[4]')).toBe("'ota_0'");
      });
      const after = readFileSync(flash).subarray(OTADATA_OFFSET, OTADATA_OFFSET + OTADATA_SIZE);
      expect(parseOtadata(after).sectors[1].empty).toBe(true);
    });

    test.skipIf(chip !== 'esp32c3')(
      'is not misled by a partition table of an earlier layout: takes the one whose otadata selects it',
      async () => {
        const flash = deviceWithDrill();
        const bytes = readFileSync(flash);
        withTableAt9000(bytes);
        writeFileSync(flash, bytes);
        await withEmulator(chip, flash, async (emulator) => {
          await emulator.waitFor('ota_1 at 0x1d0000, otadata sector 1 says seq 2');
          await emulator.waitFor(`${DRILL}the sector is clear`);
          await emulator.boot(banner);
        });
        const after = readFileSync(flash).subarray(OTADATA_OFFSET, OTADATA_OFFSET + OTADATA_SIZE);
        expect(parseOtadata(after).sectors[1].empty).toBe(true);
      },
    );
  });
}

/**
 * Makes an ESP32-C3's bootloader read its table at 0x9000, and has a stale one at 0x8000: the same slots, with otadata
 * elsewhere.
 */
function withTableAt9000(flash: Buffer): void {
  const where = flash.indexOf(Buffer.from('216506ce26ca', 'hex')); // c.lui a0, 0x8
  expect(where).toBeGreaterThan(0);
  flash[where] = 0x25; // c.lui a0, 0x9
  resealEspImage(flash.subarray(0, 0x8000)).copy(flash);
  const { partitions } = parsePartitionTable(flash.subarray(0x8000, 0x9000));
  const moved = (name: string, offset: number, size: number) =>
    encodePartitionTable(
      partitions.map((row) => (row.name === name ? { ...row, offset, size } : row)),
    );
  moved('nvs', 0xa000, 0x3000).copy(flash, 0x9000);
  moved('otadata', 0x3fe000, OTADATA_SIZE).copy(flash, 0x8000);
}

function build(directory: string, args: readonly string[]): void {
  const main = join(ROOT, 'dist', 'main.js');
  execFileSync(process.execPath, [main, ...args, '--sign', '--key', 'dev', '--quiet'], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

async function waitForLine(emulator: Emulator, start: string): Promise<string> {
  await emulator.waitFor(start);
  return emulator.waitFor('\n');
}
