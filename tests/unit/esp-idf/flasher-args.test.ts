import { describe, expect, test } from 'vitest';
import { esp32c3 } from '../../../builder/chip/esp32c3.ts';
import { esp32p4 } from '../../../builder/chip/esp32p4.ts';
import { FormatError } from '../../../builder/errors/families.ts';
import { parseFlasherArgs } from '../../../builder/esp-idf/flasher-args.ts';
import { makeBuildTree } from '../../support/build-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

const NAME = 'build/flasher_args.json';
const parse = (value: unknown) => parseFlasherArgs(Buffer.from(JSON.stringify(value)), NAME);

/** As ESP-IDF v5.3 wrote it for MicroPython with an OTA table, spaces and all. */
const REAL = `{
    "write_flash_args" : [ "--flash_mode", "dio",
                           "--flash_size", "4MB",
                           "--flash_freq", "40m" ],
    "flash_settings" : {
        "flash_mode": "dio",
        "flash_size": "4MB",
        "flash_freq": "40m"
    },
    "flash_files" : {
        "0x1000" : "bootloader/bootloader.bin",
        "0x10000" : "micropython.bin",
        "0x8000" : "partition_table/partition-table.bin",
        "0xd000" : "ota_data_initial.bin"
    },
    "bootloader" : { "offset" : "0x1000", "file" : "bootloader/bootloader.bin", "encrypted" : "false" },
    "app" : { "offset" : "0x10000", "file" : "micropython.bin", "encrypted" : "false" },
    "partition-table" : { "offset" : "0x8000", "file" : "partition_table/partition-table.bin", "encrypted" : "false" },
    "otadata" : { "offset" : "0xd000", "file" : "ota_data_initial.bin", "encrypted" : "false" },
    "extra_esptool_args" : {
        "after"  : "hard_reset",
        "before" : "default_reset",
        "stub"   : true,
        "chip"   : "esp32"
    }
}
`;

const SOUND = JSON.parse(REAL) as Record<string, unknown>;

describe('flasher_args.json', () => {
  test('is read as ESP-IDF writes it', () => {
    expect(parseFlasherArgs(Buffer.from(REAL), NAME)).toEqual({
      chip: 'esp32',
      settings: { mode: 'dio', size: '4MB', frequency: '40m' },
      app: { offset: 0x10000, file: 'micropython.bin' },
      bootloader: { offset: 0x1000, file: 'bootloader/bootloader.bin' },
      partitionTable: { offset: 0x8000, file: 'partition_table/partition-table.bin' },
      otherFiles: [],
      encrypted: false,
    });
  });

  test.each(['v5.0', 'v5.5.1', 'v6.0'] as const)('is read as %s writes it', (idf) => {
    for (const chip of [esp32c3, esp32p4]) {
      const bytes = makeBuildTree({ chip, idf }).get('flasher_args.json') ?? Buffer.alloc(0);
      const args = parseFlasherArgs(bytes, NAME);
      expect(args.chip).toBe(chip.name);
      expect(args.bootloader?.offset).toBe(chip.bootloaderOffset);
    }
  });

  test('may list files of its own for other partitions', () => {
    const args = parse({
      ...SOUND,
      flash_files: { '0x10000': 'micropython.bin', '0x110000': 'storage.bin' },
      storage: { offset: '0x110000', file: 'storage.bin', encrypted: 'false' },
    });
    expect(args.otherFiles).toEqual(['storage.bin']);
  });

  test('has no bootloader where Secure Boot keeps idf.py from flashing it, and no app in a build for RAM', () => {
    const { bootloader, app, ...rest } = SOUND;
    expect(bootloader).toBeDefined();
    expect(app).toBeDefined();
    const args = parse(rest);
    expect(args).not.toHaveProperty('bootloader');
    expect(args).not.toHaveProperty('app');
  });

  test.each(['true', true])('says that something is written encrypted: %j', (encrypted) => {
    const app = { offset: '0x10000', file: 'micropython.bin', encrypted };
    expect(parse({ ...SOUND, app }).encrypted).toBe(true);
  });

  test.each([
    ['cut off', REAL.slice(0, -40), 'is not JSON'],
    ['empty', '', 'is not JSON'],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 'is not JSON'],
    ['a list', '[]', 'expected object'],
    ['of another tool', '{"app":{}}', 'flash_settings: missing'],
  ])('that is %s is refused', async (_, text, words) => {
    const error = await thrownBy(FormatError, () => parseFlasherArgs(Buffer.from(text), NAME));
    expect(error.code).toBe('BAD_VALUE');
    expect(error.message).toContain(NAME);
    expect(error.message).toContain(words);
  });

  test.each([
    ['words', 'somewhere'],
    ['a negative number', '-0x1000'],
    ['more than flash can have', '0x100000000'],
    ['more digits than an offset has', '99999999999'],
    ['a number', 0x1000],
    ['nothing', undefined],
  ])('whose app has %s for an offset is refused', async (_, offset) => {
    const app = { offset, file: 'micropython.bin' };
    const error = await thrownBy(FormatError, () => parse({ ...SOUND, app }));
    expect(error.message).toContain('app.offset');
  });

  test('with a file name of a megabyte is refused, and the name is not quoted', async () => {
    const app = { offset: '0x10000', file: 'a'.repeat(1024 * 1024) };
    const error = await thrownBy(FormatError, () => parse({ ...SOUND, app }));
    expect(error.message.length).toBeLessThan(300);
  });
});
