import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nativeToolsMissing, NEEDS_NATIVE_TOOLS } from '../support/native-tools.ts';
import { runTool } from '../support/oracle.ts';
import { HOST_TESTS, OTA_MODULE, StandIn, STUBS } from '../support/stand-in.ts';
import { tempDirectory } from '../support/temp-directory.ts';

const missing = nativeToolsMissing();

/** ESP-IDF versions where the module's code differs, or the functions below it do, with a MicroPython of their time. */
const VERSIONS = [
  { idf: [5, 0, 4], micropython: 22 },
  { idf: [5, 3, 0], micropython: 25 },
  { idf: [5, 5, 1], micropython: 28 },
  { idf: [6, 1, 0], micropython: 28 },
] as const;

describe.skipIf(missing)(
  `The module's functions on the host${missing ? ` (skipped: ${NEEDS_NATIVE_TOOLS})` : ''}`,
  { timeout: 240_000 },
  () => {
    for (const { idf, micropython } of VERSIONS)
      for (const extended of [1, 0])
        for (const antiRollback of [1, 0]) {
          const name = `ESP-IDF ${idf.join('.')}, extended ${extended}, anti-rollback ${antiRollback}`;
          test(`do what they should: ${name}`, async () => {
            const directory = await tempDirectory();
            const port = await StandIn.in(join(directory, 'stand-in'));
            const configured = await port.configure();
            expect(configured.code, configured.output).toBe(0);

            const program = join(directory, 'host-tests');
            await mkdir(join(directory, 'out'));
            const sources = (await readdir(HOST_TESTS)).filter((file) => file.endsWith('.c'));
            const compiled = await runTool(
              'cc',
              [
                ...['-std=gnu17', '-O1', '-g', '-Wall', '-Wextra', '-Werror', '-Wno-clobbered'],
                ...['-fsanitize=undefined', '-fno-sanitize-recover=all'],
                ...[`-DSTUB_IDF_MAJOR=${idf[0]}`, `-DSTUB_IDF_MINOR=${idf[1]}`],
                ...[`-DSTUB_IDF_PATCH=${idf[2]}`, `-DSTUB_MICROPYTHON_MINOR=${micropython}`],
                `-DMICROPY_PY_ESP32_PARTITION_OTA_EXTENDED=${extended}`,
                `-DCONFIG_BOOTLOADER_APP_ANTI_ROLLBACK=${antiRollback}`,
                ...[OTA_MODULE, join(STUBS, 'micropython'), join(STUBS, 'esp-idf'), HOST_TESTS].map(
                  (path) => `-I${path}`,
                ),
                ...[port.copy, ...sources.map((file) => join(HOST_TESTS, file)), '-o', program],
              ],
              directory,
            );
            expect(compiled.code, compiled.output).toBe(0);

            const { code, output } = await runTool(program, [], directory);
            expect(code, output).toBe(0);
            const lines = output.trim().split('\n');
            expect(lines.filter((line) => !line.endsWith(': ok'))).toEqual([]);
            expect(lines).toHaveLength(13 + antiRollback + 15 * extended);
          });
        }
  },
);

test('Every test of tests.c is run', async () => {
  const text = await readFile(join(HOST_TESTS, 'tests.c'), 'utf8');
  const written = [...text.matchAll(/^static void (\w+_\w+_\w+_\w+)\(void\) \{$/gm)].map(
    ([, name]) => name,
  );
  const run = [...text.matchAll(/^ {4}RUN\((\w+)\);$/gm)].map(([, name]) => name);
  expect(run).toEqual(written);
  expect(run.length).toBeGreaterThan(25);
});
