import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APP_DESC_OFFSET, parseAppDescription } from '../../builder/format/app-desc.ts';
import { parseEspImage } from '../../builder/format/esp-image.ts';
import { parsePartitionTable, type Partition } from '../../builder/format/partition-table.ts';
import {
  emulatorVariable,
  findEmulator,
  withEmulator,
  type Emulator,
} from '../support/emulator.ts';

// OTA_BUILD_FIRMWARE_ESP32 names a full flash image with the OTA module in it, as MicroPython's build (firmware.bin) and
// ota-build make it, or as it is in flash from offset 0: MicroPython for an ESP32 with the board variant OTA, for example.
const FIRMWARE = process.env['OTA_BUILD_FIRMWARE_ESP32'] ?? '';
// MicroPython's own test, in one of the checkouts that tests/cmake/real-micropython.test.ts uses.
const UPSTREAM_TEST = join(
  process.env['OTA_BUILD_MICROPYTHON'] ?? '',
  'v1.28.0/tests/ports/esp32/partition_ota.py',
);

const FLASH_SIZE = 4 * 1024 * 1024;
const BOOTLOADER_OFFSET = 0x1000;
const TABLE_OFFSET = 0x8000;
const DEADLINE_MS = 400_000;

const NOT_FOUND = '-261';
const INVALID_ARG = '-258';
const INVALID_STATE = '-259';
const INVALID_SIZE = '-260';
const CONFLICT = '-5377';
const VALIDATE_FAILED = '-5379';
const ROLLBACK_FAILED = '-5381';
const NOT_CONFIRMED = '-5382';
const NOT_SUPPORTED = '95';

/** Typed at the prompt first. Lines are short: the chip's buffer for what is typed holds 260 bytes. */
const HELPERS = [
  'import esp32, machine, time; from esp32 import Partition as P',
  String.raw`exec("def r(f,*a,**k):\n try:\n  f(*a,**k)\n  return 'ok'\n except OSError as e:\n  return e.errno\n except Exception as e:\n  return type(e).__name__")`,
  'run=P(P.RUNNING); nxt=run.get_next_update(); nvs=P("nvs"); b=bytearray(4096)',
  String.raw`exec("def copy(h,n):\n for i in range(0,n,4096):\n  run.readblocks(i//4096,b)\n  nxt.ota_write(h,memoryview(b)[:min(4096,n-i)])")`,
  String.raw`exec("def flip(at):\n nxt.readblocks(at//4096,b)\n b[at%4096]^=1\n nxt.writeblocks(at//4096,b)")`,
  // An app of a release that waits for its confirmation refuses updates; one with blank otadata cannot be confirmed.
  'r(P.mark_app_valid_cancel_rollback)',
];

const reason =
  findEmulator('esp32') === undefined
    ? `${emulatorVariable('esp32')} names no emulator`
    : existsSync(FIRMWARE)
      ? undefined
      : 'OTA_BUILD_FIRMWARE_ESP32 names no firmware with the OTA module';
const name = `The OTA module on an emulated esp32${reason === undefined ? '' : ` (skipped: ${reason})`}`;

describe.skipIf(reason !== undefined)(name, { timeout: DEADLINE_MS }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'ota-build-module-'));
  let flash = Buffer.alloc(0);
  let slots: readonly Partition[] = [];
  let app = Buffer.alloc(0);
  let appLength = 0;

  beforeAll(() => {
    const firmware = readFileSync(FIRMWARE);
    flash = Buffer.alloc(FLASH_SIZE, 0xff);
    firmware.copy(flash, firmware[0] === 0xe9 ? BOOTLOADER_OFFSET : 0);
    slots = parsePartitionTable(flash.subarray(TABLE_OFFSET)).partitions.filter(
      ({ type, subtype }) => type === 0 && subtype >= 0x10,
    );
    expect(slots.length).toBe(2);
    app = flash.subarray(offsetOf(0), offsetOf(0) + sizeOf(0));
    appLength = parseEspImage(app).length;
  });

  afterAll(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  function offsetOf(slot: number): number {
    return slots[slot]?.offset ?? 0;
  }
  function sizeOf(slot: number): number {
    return slots[slot]?.size ?? 0;
  }

  /** Boots a device whose other slot begins with these bytes, and types the helpers. */
  async function onDevice(
    other: Uint8Array,
    use: (chip: Emulator) => Promise<void>,
  ): Promise<void> {
    const contents = Buffer.from(flash);
    contents.fill(0xff, offsetOf(1), offsetOf(1) + sizeOf(1));
    contents.set(other, offsetOf(1));
    const file = join(directory, 'flash.bin');
    writeFileSync(file, contents);
    await withEmulator(
      'esp32',
      file,
      async (chip) => {
        await boot(chip);
        await use(chip);
      },
      { watchdogs: false },
    );
  }

  test('says what an app says about itself, and its length', async () => {
    await onDevice(new Uint8Array(), async (chip) => {
      const description = parseAppDescription(app.subarray(APP_DESC_OFFSET));
      const fields = await chip.evaluate('run.app_description()');
      expect(fields).toContain(`secure_version=${description.secureVersion}, version='`);
      expect(await chip.evaluate('run.app_description().version')).toBe(`'${description.version}'`);
      expect(await chip.evaluate('run.app_description()[2]')).toBe(`'${description.projectName}'`);
      expect(await chip.evaluate('run.app_description().idf_ver')).toBe(
        `'${description.idfVersion}'`,
      );
      expect(await chip.evaluate('run.app_description()[6].hex()')).toBe(
        `'${description.elfSha256.toString('hex')}'`,
      );
      expect(await chip.evaluate('len(run.app_description())')).toBe('7');
      expect(await chip.evaluate('run.app_verify()')).toBe(String(appLength));
      expect(
        await chip.evaluate('(P.APP_STATE_NEW,P.APP_STATE_ABORTED,P.APP_STATE_UNDEFINED)'),
      ).toBe('(0, 4, -1)');
      expect(await chip.evaluate('(P.OTA_SIZE_UNKNOWN,P.OTA_WITH_SEQUENTIAL_WRITES)')).toBe(
        '(-1, -2)',
      );
    });
  });

  test('refuses to describe, verify and boot what is no app', async () => {
    await onDevice(new Uint8Array(), async (chip) => {
      for (const method of ['app_description', 'app_verify', 'set_boot']) {
        expect(await chip.evaluate(`r(nxt.${method})`)).toBe(NOT_FOUND);
        expect(await chip.evaluate(`r(nvs.${method})`)).toBe(NOT_SUPPORTED);
      }
      expect(await chip.evaluate('r(nvs.app_state)')).toBe(NOT_SUPPORTED);
      expect(await chip.evaluate('r(nxt.app_state)')).toBe(NOT_FOUND);
      expect(await chip.evaluate('P.check_rollback_is_possible()')).toBe('False');
      // Blank otadata says of no slot that it runs.
      expect(['-1', ROLLBACK_FAILED]).toContain(
        await chip.evaluate('r(P.mark_app_invalid_rollback_and_reboot)'),
      );
      expect(await chip.evaluate('P(P.BOOT).info()==run.info()')).toBe('True');
    });
    // A full flash image in a slot begins with a bootloader, which is an image, and whole.
    await onDevice(flash.subarray(BOOTLOADER_OFFSET, TABLE_OFFSET), async (chip) => {
      for (const method of ['app_description', 'app_verify', 'set_boot'])
        expect(await chip.evaluate(`r(nxt.${method})`)).toBe(NOT_FOUND);
      expect(await chip.evaluate('P(P.BOOT).info()==run.info()')).toBe('True');
    });
  });

  test('refuses to verify and boot an app that is damaged or for another chip', async () => {
    await onDevice(app, async (chip) => {
      expect(await chip.evaluate('nxt.app_verify()')).toBe(String(appLength));
      for (const at of [appLength - 40, appLength >> 1, 12]) {
        await chip.run(`flip(${at})`);
        expect(await chip.evaluate('r(nxt.app_verify)')).toBe(VALIDATE_FAILED);
        expect(await chip.evaluate('r(nxt.set_boot)')).toBe(VALIDATE_FAILED);
        await chip.run(`flip(${at})`);
      }
      expect(await chip.evaluate('r(nxt.set_boot,False)')).toBe("'TypeError'");
      // ESP-IDF v6.1 can skip the verification, and older ones must not pretend to.
      if (
        Number.parseFloat(
          parseAppDescription(app.subarray(APP_DESC_OFFSET)).idfVersion.replace('v', ''),
        ) < 6.1
      )
        expect(await chip.evaluate('r(nxt.set_boot,verify=False)')).toBe(NOT_SUPPORTED);
      expect(await chip.evaluate('P(P.BOOT).info()==run.info()')).toBe('True');
      expect(await chip.evaluate('r(nxt.set_boot)')).toBe("'ok'");
      expect(await chip.evaluate('P(P.BOOT).info()==nxt.info()')).toBe('True');
      expect(await chip.evaluate('nxt.app_state()')).toBe('0');
      expect(await chip.evaluate('r(run.set_boot,verify=True)')).toBe("'ok'");
    });
  });

  test('writes an update, which runs, is confirmed, and is given up again', async () => {
    await onDevice(new Uint8Array(), async (chip) => {
      await chip.run(`h=nxt.ota_begin(${appLength})`);
      await chip.run(`copy(h,${appLength})`);
      expect(await chip.evaluate('r(nxt.ota_end,h)')).toBe("'ok'");
      expect(await chip.evaluate('nxt.app_verify()')).toBe(String(appLength));
      expect(await chip.evaluate('r(nxt.set_boot)')).toBe("'ok'");
      await reset(chip);
      expect(await chip.evaluate('run.info()[4]')).toBe("'ota_1'");
      // The helpers have confirmed it; that it was pending before has been seen by reset().
      expect(await chip.evaluate('run.app_state()')).toBe('2');
      expect(await chip.evaluate('P.check_rollback_is_possible()')).toBe('True');
      chip.send('P.mark_app_invalid_rollback_and_reboot()');
      await boot(chip);
      expect(await chip.evaluate('run.info()[4]')).toBe("'ota_0'");
      expect(await chip.evaluate('nxt.app_state()==P.APP_STATE_INVALID')).toBe('True');
    });
  });

  test('refuses to update itself, what is no slot, and anything while it is not confirmed', async () => {
    await onDevice(app, async (chip) => {
      expect(await chip.evaluate('r(run.ota_begin)')).toBe(CONFLICT);
      expect(await chip.evaluate('r(nvs.ota_begin)')).toBe(INVALID_ARG);
      expect(await chip.evaluate('r(nxt.ota_begin,nxt.info()[3]+1)')).toBe(INVALID_SIZE);
      expect(await chip.evaluate('r(nxt.ota_begin,image_size=-3)')).toBe("'ValueError'");
      // Nothing has been erased by that.
      expect(await chip.evaluate('nxt.app_verify()')).toBe(String(appLength));
      await chip.run('nxt.set_boot()');
      chip.send('machine.reset()');
      await chip.boot('MicroPython v');
      await chip.run('from esp32 import Partition as P');
      await chip.run(HELPERS[1] ?? '');
      expect(await chip.evaluate('P(P.RUNNING).app_state()==P.APP_STATE_PENDING_VERIFY')).toBe(
        'True',
      );
      expect(await chip.evaluate('r(P(P.RUNNING).get_next_update().ota_begin)')).toBe(
        NOT_CONFIRMED,
      );
    });
  });

  test('keeps writes inside the update, and handles with their slot', async () => {
    await onDevice(new Uint8Array(), async (chip) => {
      await chip.run('h=nxt.ota_begin(5000)');
      await chip.run('run.readblocks(0,b)');
      expect(await chip.evaluate('r(run.ota_write,h,b)')).toBe(INVALID_ARG);
      expect(await chip.evaluate('r(nxt.ota_write,h+1,b)')).toBe(NOT_FOUND);
      expect(await chip.evaluate("r(nxt.ota_write,h,b'x')")).toBe(VALIDATE_FAILED);
      expect(await chip.evaluate("r(nxt.ota_write_with_offset,h,b'x',0)")).toBe(VALIDATE_FAILED);
      expect(await chip.evaluate('r(nxt.ota_write_with_offset,h,b,4097)')).toBe(INVALID_SIZE);
      expect(await chip.evaluate('r(nxt.ota_write_with_offset,h,b,-1)')).toBe("'ValueError'");
      expect(await chip.evaluate('r(nxt.ota_write_with_offset,h,b,4096)')).toBe("'ok'");
      expect(await chip.evaluate("r(nxt.ota_write,h,b'')")).toBe("'ok'");
      expect(await chip.evaluate('r(nxt.ota_write,h,5)')).toBe("'TypeError'");
      expect(await chip.evaluate('r(nxt.ota_end,h)')).toBe(VALIDATE_FAILED);
      expect(await chip.evaluate('r(nxt.ota_end,h)')).toBe(NOT_FOUND);
      await chip.run('h=nxt.ota_begin(1)');
      expect(await chip.evaluate('r(nxt.ota_end,h)')).toBe(INVALID_ARG);
      await chip.run('h=nxt.ota_begin(1)');
      expect(await chip.evaluate('(r(nxt.ota_abort,h),r(nxt.ota_abort,h))')).toBe(
        `('ok', ${NOT_FOUND})`,
      );
    });
  });

  test('erases as it writes after a sequential begin, to the end of the slot', async () => {
    await onDevice(new Uint8Array(sizeOf(1)), async (chip) => {
      await chip.run('h=nxt.ota_begin(P.OTA_WITH_SEQUENTIAL_WRITES)');
      expect(await chip.evaluate('r(nxt.ota_write_with_offset,h,b,0)')).toBe(INVALID_STATE);
      await chip.run(`copy(h,${appLength})`);
      expect(await chip.evaluate('nxt.app_verify()')).toBe(String(appLength));
      const left = sizeOf(1) - appLength;
      await chip.run(
        `_=[nxt.ota_write(h,memoryview(b)[:${left}-i]) for i in range(0,${left},4096)]`,
      );
      expect(await chip.evaluate("r(nxt.ota_write,h,b'x')")).toBe(INVALID_SIZE);
      expect(await chip.evaluate('r(nxt.ota_end,h)')).toBe("'ok'");
    });
  });

  test('ends an update that a soft reset finds open', async () => {
    await onDevice(new Uint8Array(), async (chip) => {
      const free = 'sum(i[1] for i in esp32.idf_heap_info(esp32.HEAP_DATA))';
      await softReset(chip);
      const before = Number(await chip.evaluate(free));
      for (let i = 0; i < 3; i++) {
        await chip.run('h=nxt.ota_begin(1); print(h)');
        await softReset(chip);
        expect(await chip.evaluate(`r(nxt.ota_abort,${i + 1})`)).toBe(NOT_FOUND);
      }
      expect(Number(await chip.evaluate(free))).toBe(before);
    });
  });

  test('lets threads and scheduled functions run while it verifies, erases and writes', async () => {
    await onDevice(app, async (chip) => {
      await chip.run('import _thread, micropython; n=0; m=0; on=True');
      await chip.run(
        String.raw`exec("def tick(_):\n global m\n m+=1\ndef spin():\n global n\n while on:\n  n+=1\n  time.sleep_ms(1)\n  try:\n   micropython.schedule(tick,0)\n  except RuntimeError:\n   pass")`,
      );
      await chip.run('_thread.start_new_thread(spin,())');
      await chip.run('n0=n; nxt.app_verify(); n1=n');
      expect(Number(await chip.evaluate('n1-n0'))).toBeGreaterThan(0);
      await chip.run('n0=n; m0=m; h=nxt.ota_begin(); n1=n; m1=m');
      expect(Number(await chip.evaluate('n1-n0'))).toBeGreaterThan(0);
      expect(Number(await chip.evaluate('m1-m0'))).toBeGreaterThan(1);
      await chip.run('run.readblocks(0,b); n0=n; m0=m; nxt.ota_write(h,bytes(b)*8); n1=n; m1=m');
      expect(Number(await chip.evaluate('n1-n0'))).toBeGreaterThan(0);
      expect(Number(await chip.evaluate('m1-m0'))).toBeGreaterThan(1);
      // In a thread, with the main one going on; both verify, one after the other.
      await chip.run(
        'on=False; done=[]; g=lambda: done.append((r(nxt.ota_begin),r(run.app_verify)))',
      );
      await chip.run('_thread.start_new_thread(g,()); x=[run.app_verify() for _ in range(3)]');
      await chip.run('while not done: time.sleep(1)\r');
      expect(await chip.evaluate('(done,len(x))')).toBe("([('ok', 'ok')], 3)");
    });
  });

  const noUpstream = existsSync(UPSTREAM_TEST)
    ? ''
    : ' (skipped: OTA_BUILD_MICROPYTHON has no v1.28.0/tests/ports/esp32/partition_ota.py)';
  test.skipIf(noUpstream !== '')(
    `passes MicroPython's own partition_ota.py${noUpstream}`,
    async () => {
      await onDevice(new Uint8Array(), async (chip) => {
        // The test renames boot.py, and back.
        await chip.run('open("boot.py","w").close()');
        await chip.run('f=open("t.py","w")');
        const text = readFileSync(UPSTREAM_TEST, 'latin1');
        for (let at = 0; at < text.length; at += 100)
          await chip.run(
            `_=f.write(${JSON.stringify(text.slice(at, at + 100)).replaceAll(/\\u00(..)/g, String.raw`\x$1`)})`,
          );
        await chip.run('f.close()');
        chip.send('import t');
        await chip.waitFor('Copying current to next partition');
        await chip.waitFor('SUCCESS!', DEADLINE_MS);
        expect(chip.transcript).not.toContain('\x04FAILED');
        for (const step of [0, 1, 2, 3, 4])
          expect(chip.transcript).toContain(`STEP=${step} EXPECT=`);
      });
    },
  );
});

async function typeHelpers(chip: Emulator): Promise<void> {
  for (const line of HELPERS) await chip.run(line);
}

async function boot(chip: Emulator): Promise<void> {
  await chip.boot('MicroPython v');
  await typeHelpers(chip);
}

async function reset(chip: Emulator): Promise<void> {
  chip.send('machine.reset()');
  await chip.boot('MicroPython v');
  await chip.run('from esp32 import Partition as P');
  expect(await chip.evaluate('P(P.RUNNING).app_state()==P.APP_STATE_PENDING_VERIFY')).toBe('True');
  await typeHelpers(chip);
}

async function softReset(chip: Emulator): Promise<void> {
  chip.send('machine.soft_reset()');
  await chip.waitFor('soft reboot');
  await boot(chip);
}
