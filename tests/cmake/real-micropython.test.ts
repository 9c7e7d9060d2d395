import { existsSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configure, nativeToolsMissing, NEEDS_NATIVE_TOOLS } from '../support/native-tools.ts';
import { runTool } from '../support/oracle.ts';
import { OTA_MODULE, StandIn, STUBS } from '../support/stand-in.ts';
import { tempDirectory } from '../support/temp-directory.ts';

// OTA_BUILD_MICROPYTHON names a directory with one MicroPython checkout for each version, named after its tag:
//
//   for tag in v1.22.0 v1.28.0; do
//     mkdir -p "$OTA_BUILD_MICROPYTHON/$tag"
//     git -C micropython archive "$tag" | tar -x -C "$OTA_BUILD_MICROPYTHON/$tag"
//   done
const CHECKOUTS = process.env['OTA_BUILD_MICROPYTHON'] ?? '';
const VERSION = /^v1\.(\d+)(?:\.\d+)?$/;
const tags = existsSync(CHECKOUTS)
  ? readdirSync(CHECKOUTS).filter((name) => VERSION.test(name))
  : [];

/** ESP-IDF as MicroPython's releases are built with it. */
function idfOf(minor: number): readonly [number, number, number] {
  if (minor <= 23) return [5, 0, 4];
  if (minor <= 25) return [5, 2, 2];
  return minor === 26 ? [5, 4, 2] : [5, 5, 1];
}

/** Whatever has to be in a list of collected QSTRs, by the flag. */
const ALWAYS = [
  'app_description',
  'app_state',
  'app_verify',
  'check_rollback_is_possible',
  'verify',
];
const EXTENDED = ['ota_begin', 'ota_write', 'ota_write_with_offset', 'ota_end', 'ota_abort'];

const reason =
  tags.length === 0
    ? 'OTA_BUILD_MICROPYTHON names no directory with MicroPython checkouts'
    : nativeToolsMissing()
      ? NEEDS_NATIVE_TOOLS
      : undefined;

/**
 * A directory of links to a checkout, with an empty lib/berkeley-db-1.xx: the port's CMake files want this submodule to
 * be there, and the names of its sources.
 */
async function withoutSubmodules(checkout: string, directory: string): Promise<void> {
  const berkeley = join(directory, 'lib', 'berkeley-db-1.xx');
  for (const [from, to] of [
    [checkout, directory],
    [join(checkout, 'lib'), join(directory, 'lib')],
  ] as const) {
    await mkdir(to, { recursive: true });
    for (const name of readdirSync(from))
      if (name !== 'lib' && name !== 'berkeley-db-1.xx')
        await symlink(join(from, name), join(to, name));
  }
  const text = await readFile(join(checkout, 'extmod', 'extmod.cmake'), 'utf8');
  const sources = [...text.matchAll(/BERKELEY_DIR\}\/(\w+\/\w+\.c)/g)].map(([, path = '']) => path);
  for (const path of ['README', ...sources]) {
    await mkdir(dirname(join(berkeley, path)), { recursive: true });
    await writeFile(join(berkeley, path), '');
  }
}

describe.skipIf(reason !== undefined)(
  `The graft of a real esp32_partition.c${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  { timeout: 120_000 },
  () => {
    test.each(tags)('%s is known, and compiles with its own headers', async (tag) => {
      const checkout = join(CHECKOUTS, tag);
      const directory = await tempDirectory();
      const port = await StandIn.in(join(directory, 'stand-in'));
      await copyFile(join(checkout, 'ports', 'esp32', 'esp32_partition.c'), port.partitionSource);
      const configured = await port.configure();
      expect(configured.code, configured.output).toBe(0);
      expect(configured.output).toContain(
        'esp32_partition.c is one of a tested MicroPython release',
      );

      const [major, minor, patch] = idfOf(Number(VERSION.exec(tag)?.[1]));
      for (const extended of [1, 0]) {
        const work = join(directory, `work-${extended}`);
        await mkdir(work);
        const { code, output } = await runTool(
          join(import.meta.dirname, 'compile-with-micropython.sh'),
          [
            ...[checkout, port.partitionSource, port.copy, work],
            ...[
              `-DSTUB_IDF_MAJOR=${major}`,
              `-DSTUB_IDF_MINOR=${minor}`,
              `-DSTUB_IDF_PATCH=${patch}`,
            ],
            `-DMICROPY_PY_ESP32_PARTITION_OTA_EXTENDED=${extended}`,
            ...[join(STUBS, 'port'), join(STUBS, 'esp-idf'), OTA_MODULE].map((path) => `-I${path}`),
          ],
          directory,
        );
        expect(code, output).toBe(0);
        const qstrs = await readFile(join(work, 'genhdr', 'qstr.collected'), 'utf8');
        for (const name of ALWAYS) expect(qstrs).toContain(`Q(${name})`);
        for (const name of EXTENDED) expect(qstrs.includes(`Q(${name})`)).toBe(extended === 1);
        const roots = await readFile(join(work, 'genhdr', 'root_pointers.h'), 'utf8');
        expect(roots.includes('*esp32_partition_ota_updates;')).toBe(extended === 1);
      }
    });

    test.each(tags)('%s compiles the copy, once, and not the original', async (tag) => {
      const directory = await tempDirectory();
      const micropython = join(directory, 'micropython');
      await withoutSubmodules(join(CHECKOUTS, tag), micropython);
      const buildDirectory = join(directory, 'build');
      const { code, output } = await configure(
        join(import.meta.dirname, 'real-port'),
        buildDirectory,
        {
          cache: {
            MICROPYTHON: micropython,
            USER_C_MODULES: join(OTA_MODULE, 'micropython.cmake'),
          },
          environment: { IDF_VERSION: idfOf(Number(VERSION.exec(tag)?.[1])).join('.') },
        },
      );
      expect(code, output).toBe(0);
      const copy = join(buildDirectory, 'main', 'ota-module', 'esp32_partition.c');
      const commands = JSON.parse(
        await readFile(join(buildDirectory, 'compile_commands.json'), 'utf8'),
      ) as { readonly file: string; readonly command: string }[];
      const partition = commands.filter(({ file }) => file.endsWith('/esp32_partition.c'));
      expect(partition.map(({ file }) => file)).toEqual([copy]);
      expect(partition[0]?.command).toContain('-DMICROPY_PY_ESP32_PARTITION_OTA_EXTENDED=1');
      expect(partition[0]?.command).toContain(`-I${OTA_MODULE}`);
      expect(commands.length).toBeGreaterThan(200);
      const qstrs = await readFile(join(buildDirectory, 'qstr-sources.txt'), 'utf8');
      expect(qstrs.split(';')).toContain(copy);
    });
  },
);
