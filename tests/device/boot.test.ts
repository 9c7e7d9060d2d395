import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAppDescription } from '../../builder/format/app-desc.ts';
import {
  emulatorVariable,
  findEmulator,
  withEmulator,
  type EmulatedChip,
  type Emulator,
} from '../support/emulator.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const FLASH_SIZE = 4 * 1024 * 1024;
/** An emulated ESP32 resets in about four seconds, and a test resets it up to four times, on a machine that may be busy. */
const DEADLINE_MS = 240_000;

type Device = {
  readonly chip: EmulatedChip;
  readonly board: string;
  readonly firmware: string;
  readonly bootloaderOffset: number;
  /** What MicroPython prints when it starts. */
  readonly banner: string;
  /** Whether the released bootloader takes an unconfirmed app back at the next reset. */
  readonly rollsBack: boolean;
};

const DEVICES: readonly Device[] = [
  {
    chip: 'esp32',
    board: 'ESP32_GENERIC',
    firmware: 'ESP32_GENERIC-20240602-v1.23.0.bin',
    bootloaderOffset: 0x1000,
    banner: 'MicroPython v1.23.0 on 2024-06-02; Generic ESP32 module with ESP32',
    rollsBack: true,
  },
  {
    chip: 'esp32c3',
    board: 'ESP32_GENERIC_C3',
    firmware: 'ESP32_C3-st7789-20230610-v1.20.0.bin',
    bootloaderOffset: 0,
    banner: 'MicroPython v1.20.0-dirty on 2023-06-10; ESP32C3 module with ESP32C3',
    rollsBack: false,
  },
];

/** The table of firmware/partitions/ota-4MiB.csv: type, subtype, offset, size, name, encrypted. */
const TABLE = [
  "(0, 16, 65536, 1835008, 'ota_0', False)",
  "(0, 17, 1900544, 1835008, 'ota_1', False)",
  "(1, 2, 36864, 16384, 'nvs', False)",
  "(1, 0, 53248, 8192, 'otadata', False)",
  "(1, 1, 61440, 4096, 'phy_init', False)",
  "(1, 129, 3735552, 458752, 'vfs', False)",
];

/** Flash offset of ota_1. */
const OTHER_SLOT = 0x1d0000;

for (const device of DEVICES) {
  const firmware = join(ROOT, '..', 'shared', 'firmware', device.firmware);
  const reason = whyNot(device, firmware);
  const name = `A signed release on an emulated ${device.chip}${reason === undefined ? '' : ` (skipped: ${reason})`}`;
  describe.skipIf(reason !== undefined)(name, { timeout: DEADLINE_MS }, () => {
    let directory = '';
    let release = '';

    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'ota-build-device-'));
      buildRelease(device, firmware, directory);
      release = join(directory, 'out', `${device.board}-4.5.6`);
    });

    afterAll(() => {
      rmSync(directory, { recursive: true, force: true });
    });

    test('boots from the full-flash image, with our table, stamp and file system', async () => {
      const flash = flashFile(device, release, join(directory, 'boot.flash'));
      await withEmulator(device.chip, flash, async (emulator) => {
        await emulator.boot(device.banner);
        await emulator.run('import os, machine; from esp32 import Partition as P');

        expect(await runningSlot(emulator)).toBe("'ota_0'");
        expect(await emulator.evaluate('P.find(P.TYPE_APP)[0].info() == P(P.RUNNING).info()')).toBe(
          'True',
        );
        expect(await partitions(emulator)).toEqual(TABLE);

        const description = await descriptionIn(emulator, 'P(P.RUNNING)');
        expect(description).toMatchObject({
          version: '4.5.6',
          projectName: 'device-test',
          secureVersion: 3,
          time: '01:46:40',
          date: 'Sep  9 2001',
        });

        expect(await emulator.evaluate("os.listdir('/')")).toBe("['boot.py']");
        await emulator.run("f = open('kept.txt', 'w'); f.write('kept'); f.close()");
        await reset(emulator, device);
        expect(await emulator.evaluate("__import__('os').listdir('/')")).toBe(
          "['boot.py', 'kept.txt']",
        );
      });
    });

    test('is the same flash when its parts are written one by one as flash_args says', () => {
      const whole = readFileSync(flashFile(device, release, join(directory, 'whole.flash')));
      const parts = Buffer.alloc(FLASH_SIZE, 0xff);
      const [, ...lines] = readFileSync(join(release, 'flash_args'), 'utf8').trim().split('\n');
      for (const line of lines) {
        const [offset = '', file = ''] = line.split(' ');
        readFileSync(join(release, file)).copy(parts, Number(offset));
      }
      expect(lines).toHaveLength(4);
      expect(parts.equals(whole)).toBe(true);
    });

    test(
      device.rollsBack
        ? 'starts the other slot on trial, comes back when nobody confirms, and stays when somebody does'
        : 'starts the other slot and stays there, as its bootloader knows no rollback',
      async () => {
        const flash = flashFile(device, release, join(directory, 'update.flash'));
        putIntoOtherSlot(flash, appOf(device, release));
        await withEmulator(device.chip, flash, async (emulator) => {
          await emulator.boot(device.banner);
          await emulator.run('from esp32 import Partition as P');
          await emulator.run('other = P(P.RUNNING).get_next_update()');
          expect((await descriptionIn(emulator, 'other')).version).toBe('4.5.6');
          await emulator.run('other.set_boot()');

          await reset(emulator, device);
          expect(await runningSlot(emulator)).toBe("'ota_1'");
          await reset(emulator, device);
          expect(await runningSlot(emulator)).toBe(device.rollsBack ? "'ota_0'" : "'ota_1'");
          if (!device.rollsBack) return;

          await emulator.run("P.find(label='ota_1')[0].set_boot()");
          await reset(emulator, device);
          expect(await runningSlot(emulator)).toBe("'ota_1'");
          await emulator.run('P.mark_app_valid_cancel_rollback()');
          await reset(emulator, device);
          expect(await runningSlot(emulator)).toBe("'ota_1'");
        });
      },
    );

    test('is refused by the chip after a single bit of it was flipped, and still boots what it had', async () => {
      const flash = flashFile(device, release, join(directory, 'damaged.flash'));
      const app = readFileSync(join(release, `${device.board}-4.5.6.app-bin`));
      const bytes = readFileSync(flash);
      const other = 0x1d0000;
      app.copy(bytes, other);
      const at = other + Math.floor(app.length / 3);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at);
      writeFileSync(flash, bytes);
      await withEmulator(device.chip, flash, async (emulator) => {
        await emulator.boot(device.banner);
        await emulator.run('from esp32 import Partition as P');
        await expect(emulator.run("P.find(label='ota_1')[0].set_boot()")).rejects.toThrow(
          /OSError/,
        );
        await reset(emulator, device);
        expect(await runningSlot(emulator)).toBe("'ota_0'");
      });
    });
  });
}

function whyNot({ chip }: Device, firmware: string): string | undefined {
  if (findEmulator(chip) === undefined) return `${emulatorVariable(chip)} names no emulator`;
  return existsSync(firmware) ? undefined : 'the released firmware is not in ../shared/firmware';
}

/** What the README's command makes, with a development key of the test's own. */
function buildRelease({ board }: Device, firmware: string, directory: string): void {
  const flags = ['--board', board, '--sign', '--firmware', firmware];
  const says = ['--app-version', '4.5.6', '--secure-version', '3', '--project-name', 'device-test'];
  execFileSync(
    process.execPath,
    [join(ROOT, 'dist', 'main.js'), ...flags, ...says, '--out', 'out', '--quiet'],
    {
      cwd: directory,
      env: { ...process.env, CI: '', SOURCE_DATE_EPOCH: '1000000000' },
      stdio: 'pipe',
    },
  );
}

/** An erased flash of 4 MiB with the release's full-flash image in its place. */
function flashFile({ board, bootloaderOffset }: Device, release: string, path: string): string {
  const flash = Buffer.alloc(FLASH_SIZE, 0xff);
  readFileSync(join(release, `${board}-4.5.6.bin`)).copy(flash, bootloaderOffset);
  writeFileSync(path, flash);
  return path;
}

/** What a device takes over the air. */
function appOf({ board }: Device, release: string): Buffer {
  return readFileSync(join(release, `${board}-4.5.6.app-bin`));
}

/** Leaves an app in ota_1, where an update over the air would have written it. */
function putIntoOtherSlot(flash: string, app: Buffer): void {
  const bytes = readFileSync(flash);
  app.copy(bytes, OTHER_SLOT);
  writeFileSync(flash, bytes);
}

/** Resets the chip, waits for the prompt and brings back what the tests need. */
async function reset(emulator: Emulator, { banner }: Device): Promise<void> {
  emulator.send('import machine; machine.reset()');
  await emulator.boot(banner);
  await emulator.run('from esp32 import Partition as P');
}

async function runningSlot(emulator: Emulator): Promise<string> {
  return emulator.evaluate('P(P.RUNNING).info()[4]');
}

async function partitions(emulator: Emulator): Promise<readonly string[]> {
  const apps = await emulator.evaluate('[p.info() for p in P.find(P.TYPE_APP)]');
  const data = await emulator.evaluate('[p.info() for p in P.find(P.TYPE_DATA)]');
  return `${apps}${data}`.match(/\([^)]*\)/g) ?? [];
}

/** The app description that the chip reads out of a partition. */
async function descriptionIn(
  emulator: Emulator,
  partition: string,
): Promise<ReturnType<typeof parseAppDescription>> {
  await emulator.run('x = bytearray(4096)');
  await emulator.run(`${partition}.readblocks(0, x)`);
  const hex = await emulator.evaluate("__import__('binascii').hexlify(x[32:288])");
  return parseAppDescription(Buffer.from(hex.slice(2, -1), 'hex'));
}
