import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nativeToolsMissing, NEEDS_NATIVE_TOOLS, unwrapped } from '../support/native-tools.ts';
import { OTA_MODULE, StandIn } from '../support/stand-in.ts';
import { tempDirectory } from '../support/temp-directory.ts';

const TABLE = 'static const mp_rom_map_elem_t esp32_partition_locals_dict_table[] = {';
const missing = nativeToolsMissing();

async function standIn(name = 'stand-in'): Promise<StandIn> {
  return StandIn.in(join(await tempDirectory(), name));
}

/** Configures with a changed esp32_partition.c, and returns how CMake refused it, in one line. */
async function refusal(change: (text: string) => string): Promise<string> {
  const port = await standIn();
  await port.changePartitionSource(change);
  const { code, output } = await port.configure();
  expect(code, output).toBe(1);
  const text = unwrapped(output);
  expect(text).toContain('The OTA module cannot add its functions to esp32.Partition.');
  expect(text).toContain(`File: ${port.partitionSource}`);
  expect(text).toContain('It knows the file of MicroPython v1.22 to v1.28.');
  await expect(stat(port.copy)).rejects.toThrow('ENOENT');
  return text;
}

describe.skipIf(missing)(`The graft${missing ? ` (skipped: ${NEEDS_NATIVE_TOOLS})` : ''}`, () => {
  test('compiles a copy with the functions in place of the original, which stays as it is', async () => {
    const port = await standIn();
    const before = await readFile(port.partitionSource, 'utf8');
    const configured = await port.configure();
    expect(configured.code, configured.output).toBe(0);
    expect(configured.output).toContain('Found User C Module(s): usermod_esp32_partition_ota');
    expect(await port.compiled()).toEqual([join(port.port, 'main.c'), port.copy]);

    const built = await port.build();
    expect(built.code, built.output).toBe(0);
    expect(await readFile(port.partitionSource, 'utf8')).toBe(before);
    const added = (await readFile(port.copy, 'utf8'))
      .split('\n')
      .filter((line) => !before.split('\n').includes(line));
    expect(added).toEqual([
      expect.stringMatching(/^#include "esp32_partition_ota\.inc" \/\/ [0-9a-f]{64}$/),
      expect.stringMatching(/^#include "esp32_partition_ota_rows\.inc" \/\/ [0-9a-f]{64}$/),
    ]);
  });

  test('has the copy, the flag and the include path reach the collection of QSTRs', async () => {
    const port = await standIn();
    await port.configure();
    expect((await port.readBuilt('qstr-sources.txt')).split('\n')).toContain(port.copy);
    expect(await port.readBuilt('qstr-definitions.txt')).toContain(
      'MICROPY_PY_ESP32_PARTITION_OTA_EXTENDED=1',
    );
    expect(await port.readBuilt('qstr-include-directories.txt')).toContain(`${OTA_MODULE}\n`);
  });

  test('works beside other user modules, given as files or as a directory, and given twice', async () => {
    const port = await standIn();
    const file = join(OTA_MODULE, 'micropython.cmake');
    const extra = join(port.extraModule, 'micropython.cmake');
    const configured = await port.configure({
      USER_C_MODULES: `${extra};${file};${OTA_MODULE}`,
    });
    expect(configured.code, configured.output).toBe(0);
    expect(await port.compiled()).toEqual([
      join(port.port, 'main.c'),
      port.copy,
      join(port.extraModule, 'extra.c'),
    ]);
    const built = await port.build();
    expect(built.code, built.output).toBe(0);
  });

  test('works with the files-only usermod.cmake of MicroPython v1.22 to v1.24', async () => {
    const port = await standIn();
    const { code, output } = await port.configure({ STAND_IN_OLD_USERMOD: 'ON' });
    expect(code, output).toBe(0);
    expect(await port.compiled()).toContain(port.copy);
  });

  test('works in paths with spaces', async () => {
    const port = await standIn('a stand-in (copy)');
    const configured = await port.configure();
    expect(configured.code, configured.output).toBe(0);
    const built = await port.build();
    expect(built.code, built.output).toBe(0);
  });

  test('takes the extended functions out with MICROPY_PY_ESP32_PARTITION_OTA_EXTENDED=0', async () => {
    const port = await standIn();
    const configured = await port.configure({ MICROPY_PY_ESP32_PARTITION_OTA_EXTENDED: '0' });
    expect(configured.code, configured.output).toBe(0);
    expect(await port.readBuilt('qstr-definitions.txt')).toContain(
      'MICROPY_PY_ESP32_PARTITION_OTA_EXTENDED=0',
    );
    const built = await port.build();
    expect(built.code, built.output).toBe(0);
    const { code, output } = await port.configure({
      MICROPY_PY_ESP32_PARTITION_OTA_EXTENDED: 'yes',
    });
    expect(code).toBe(1);
    expect(unwrapped(output)).toContain(
      'MICROPY_PY_ESP32_PARTITION_OTA_EXTENDED is "yes". It has to be 1',
    );
  });

  test('knows STATIC of MicroPython v1.22, and lines that end in CR LF', async () => {
    for (const change of [
      (text: string) => text.replace(TABLE, TABLE.replace('static', 'STATIC')),
      (text: string) => text.replaceAll('\n', '\r\n'),
    ]) {
      const port = await standIn();
      await port.changePartitionSource(change);
      const configured = await port.configure();
      expect(configured.code, configured.output).toBe(0);
      const built = await port.build();
      expect(built.code, built.output).toBe(0);
      expect(await readFile(port.copy, 'utf8')).toMatch(/dict_table\[\] = \{\r?\n#include/);
    }
  });

  test('warns about a file that is in no tested release, with its digest', async () => {
    const port = await standIn();
    const { output } = await port.configure();
    expect(unwrapped(output)).toMatch(
      /The OTA module has not been tested with this MicroPython's esp32_partition\.c .*SHA-256 [0-9a-f]{64}/,
    );
  });
});

describe.skipIf(missing)('The graft refuses an esp32_partition.c', () => {
  test('without the table', async () => {
    const text = await refusal((source) => source.replaceAll('locals_dict_table', 'table'));
    expect(text).toContain(`There is no line "${TABLE}" (or STATIC) in it.`);
  });

  test('with the table twice', async () => {
    const text = await refusal(
      (source) => `${source}\nSTATIC${TABLE.slice('static'.length)}\n};\n`,
    );
    expect(text).toContain(`The line "${TABLE}" (or STATIC) is in it more than once.`);
  });

  test('with the table twice in a row', async () => {
    const text = await refusal((source) => source.replace(TABLE, `${TABLE}\n${TABLE}`));
    expect(text).toContain('more than once');
  });

  test('that has the functions already', async () => {
    const row =
      '    { MP_ROM_QSTR(MP_QSTR_app_state), MP_ROM_PTR(&esp32_partition_app_state_obj) },';
    const text = await refusal((source) => source.replace(TABLE, `${TABLE}\n${row}`));
    expect(text).toContain("This MicroPython's own esp32.Partition already has app_state.");
  });

  test('whose object is another one', async () => {
    const text = await refusal((source) =>
      source.replace('const esp_partition_t *part;', 'esp_partition_t part;'),
    );
    expect(text).toContain('There is no "const esp_partition_t *part;" in it');
    const renamed = await refusal((source) =>
      source.replaceAll('esp32_partition_obj_t', 'machine_partition_obj_t'),
    );
    expect(renamed).toContain('There is no "} esp32_partition_obj_t;" in it');
  });

  test('whose set_boot is another one', async () => {
    const text = await refusal((source) => source.replaceAll('set_boot_obj', 'boot_obj'));
    expect(text).toContain(
      'The row of set_boot, with &esp32_partition_set_boot_obj, was expected once.',
    );
  });

  test('that is not there, as in another port', async () => {
    const port = await standIn();
    await rm(port.partitionSource);
    const { code, output } = await port.configure();
    expect(code).toBe(1);
    expect(unwrapped(output)).toContain('there is no esp32_partition.c in');
  });
});

describe.skipIf(missing)('A build with the graft', () => {
  test('is configured again when the original changes, and refuses it then too', async () => {
    const port = await standIn();
    await port.configure();
    await port.build();
    await port.changePartitionSource((text) =>
      text.replace('// A stand-in', '// A changed stand-in'),
    );
    const changed = await port.build();
    expect(changed.code, changed.output).toBe(0);
    expect(await readFile(port.copy, 'utf8')).toContain('// A changed stand-in');
    await port.changePartitionSource((text) => text.replace(TABLE, '{'));
    const refused = await port.build();
    expect(refused.code).not.toBe(0);
    expect(unwrapped(refused.output)).toContain('There is no line');
  });

  test('does not write the copy again when nothing has changed', async () => {
    const port = await standIn();
    await port.configure();
    await port.build();
    const before = await stat(port.copy, { bigint: true });
    await writeFile(port.partitionSource, await readFile(port.partitionSource));
    await port.configure();
    expect((await stat(port.copy, { bigint: true })).mtimeNs).toBe(before.mtimeNs);
  });
});
