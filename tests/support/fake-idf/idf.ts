// A stand-in for ESP-IDF's idf.py, bundled by tests/support/build-cli.ts: takes the same arguments, prints the same kinds of
// lines and leaves the same files, but compiles nothing. FAKE_IDF says how it should go wrong.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { findChipByName } from '../../../builder/chip/registry.ts';
import type { Chip } from '../../../builder/chip/chip.ts';
import { encodePartitionTable } from '../../../builder/format/partition-table.ts';
import { parsePartitionCsv, placePartitions } from '../../../builder/format/partition-csv.ts';
import { makeApp, makeBootloader } from '../firmware.ts';

const argv = process.argv.slice(2);
const mode = process.env['FAKE_IDF'] ?? '';

/** `-D NAME=VALUE` pairs. */
const definitions = new Map(
  argv.flatMap((arg, index) => {
    if (argv[index - 1] !== '-D') return [];
    const at = arg.indexOf('=');
    return [[arg.slice(0, at), arg.slice(at + 1)] as const];
  }),
);

const after = (flag: string): string => argv[argv.indexOf(flag) + 1] ?? '';
const define = (name: string): string => definitions.get(name) ?? '';
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Ends this program, as a failed step ends idf.py. */
function fail(code: number, ...lines: readonly string[]): never {
  for (const line of lines) say(line);
  // eslint-disable-next-line no-restricted-properties -- this is a program of its own
  process.exit(code);
}

/** Last line wins, as Kconfig has it when defaults are read in order. */
function readSdkconfig(files: readonly string[]): Map<string, string> {
  const options = new Map<string, string>();
  for (const file of files) {
    for (const [, name = '', value = ''] of readFileSync(file, 'utf8').matchAll(
      /^(CONFIG_\w+)=(.*)$/gm,
    ))
      options.set(name, value);
  }
  return options;
}

async function build(): Promise<void> {
  const port = process.cwd();
  const out = resolve(after('-B'));
  record(port, out);
  for (const path of [
    define('CMAKE_PROJECT_micropython_INCLUDE'),
    define('MICROPY_FROZEN_MANIFEST'),
    ...define('USER_C_MODULES').split(';'),
  ]) {
    if (!existsSync(path))
      fail(2, `CMake Error at CMakeLists.txt:1 (include):`, `  no such file: ${path}`);
  }
  const board = define('MICROPY_BOARD');
  const boardFiles = define('MICROPY_BOARD_DIR') || join(port, 'boards', board);
  const target = /set\(IDF_TARGET (\w+)\)/.exec(
    readFileSync(join(boardFiles, 'mpconfigboard.cmake'), 'utf8'),
  )?.[1];
  const chip = findChipByName(target ?? 'esp32');
  if (chip === undefined) fail(2, `unknown target ${target ?? ''}`);
  const options = readSdkconfig([
    join(port, 'boards', 'sdkconfig.base'),
    ...define('OTA_BUILD_SDKCONFIG').split(';'),
  ]);
  options.set('CONFIG_IDF_TARGET', `"${chip.name}"`);
  if (mode === 'drops-rollback') options.set('CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE', 'n');
  // A real build leaves things in its source tree.
  mkdirSync(join(port, 'lockfiles'), { recursive: true });
  appendFileSync(
    join(port, 'lockfiles', `dependencies.lock.${chip.name}`),
    '# changed by the build\n',
  );
  await steps();
  writeOutcome(out, chip, options);
}

/** What the tests want to know of how they were called. */
function record(port: string, out: string): void {
  const file = process.env['FAKE_IDF_RECORD'];
  if (file === undefined) return;
  const names = [
    ...['SOURCE_DATE_EPOCH', 'MICROPY_GIT_TAG', 'MICROPY_GIT_HASH', 'IDF_PATH', 'FROM_EXPORT'],
    ...['CFLAGS', 'IDF_TARGET', 'NINJA_STATUS', 'GIT_DIR', 'MAKEFLAGS'],
    ...['IDF_CCACHE_ENABLE', 'CCACHE_BASEDIR'],
  ];
  const environment = Object.fromEntries(names.map((name) => [name, process.env[name]]));
  const call = {
    argv,
    port,
    out,
    environment,
    definitions: Object.fromEntries(definitions),
    pid: process.pid,
  };
  appendFileSync(file, `${JSON.stringify(call)}\n`);
}

async function steps(): Promise<void> {
  say('Executing action: all (aliases: build)');
  for (let n = 1; n <= 20; n++) {
    if (n === 10) await goWrong();
    say(`[${n}/20] Building C object esp-idf/main/CMakeFiles/__idf_main.dir/py/part${n}.c.obj`);
    if (n === 5)
      say('[1/3] Building C object CMakeFiles/bootloader.elf.dir/project_elf_src_esp32.c.obj');
  }
}

async function goWrong(): Promise<void> {
  const source = join(dirname(dirname(process.cwd())), 'py', 'gc.c');
  if (mode === 'compile-error')
    fail(
      2,
      'FAILED: esp-idf/main/CMakeFiles/__idf_main.dir/py/gc.c.obj',
      `${source}: In function 'gc_init':`,
      // ESP-IDF asks GCC for colours wherever its output goes.
      `\u001b[01m\u001b[K${source}:123:5:\u001b[m\u001b[K \u001b[01;31m\u001b[Kerror: \u001b[m\u001b[Kunknown type name '\u001b[01m\u001b[Knonsense\u001b[m\u001b[K'`,
      '  123 |     nonsense x;',
      ...Array.from({ length: 200 }, (_, n) => `[${n}/200] noise error: not this one`),
      'ninja: build stopped: subcommand failed.',
      'ninja failed with exit code 1',
    );
  if (mode === 'link-error')
    fail(
      2,
      `/opt/xtensa/bin/ld: esp-idf/main/libmain.a(modesp32.c.obj):(.literal+0x4): undefined reference to \`esp_wifi_nothing'`,
      'collect2: error: ld returned 1 exit status',
      'ninja: build stopped: subcommand failed.',
    );
  if (mode === 'overflow')
    fail(
      2,
      'Error: All app partitions are too small for binary micropython.bin size 0x1d0000:',
      "  - Part 'ota_0' 0/16 @ 0x10000 size 0x1c0000 (overflow 0x10000)",
      "  - Part 'ota_1' 0/17 @ 0x1d0000 size 0x1c0000 (overflow 0x10000)",
      'ninja: build stopped: subcommand failed.',
    );
  if (mode === 'cmake-error')
    fail(
      1,
      'CMake Error at /graft.cmake:12 (message):',
      '  The table was not found',
      '',
      '  in esp32_partition.c',
      '',
      'Call Stack (most recent call first):',
      '  x',
    );
  if (mode === 'silent') fail(3);
  if (mode === 'garbage') {
    const output = Buffer.concat([
      Buffer.from([0xff, 0xfe, 0xe9, 0x0a]),
      Buffer.from(`${'x'.repeat(1_000_000)}\n`),
      Buffer.from(Array.from({ length: 60_000 }, (_, n) => `line ${n}\n`).join('')),
      Buffer.from(`${source}:7:1: error: behind sixty thousand lines\n`),
    ]);
    await new Promise((done) => process.stdout.write(output, done));
    fail(2);
  }
  if (mode === 'hang') {
    // Neither it nor its child listens to a polite request.
    process.on('SIGINT', () => undefined);
    process.on('SIGTERM', () => undefined);
    const child = spawn(
      process.execPath,
      ['-e', "process.on('SIGINT',()=>{});setInterval(()=>{},1000)"],
      {
        stdio: 'ignore',
      },
    );
    const pids = process.env['FAKE_IDF_PIDS'];
    if (pids !== undefined) writeFileSync(pids, `${process.pid} ${child.pid ?? 0}\n`);
    say('[10/20] Waiting for ever');
    await sleep(3_600_000);
  }
}

function writeOutcome(out: string, chip: Chip, options: ReadonlyMap<string, string>): void {
  const text = (name: string): string => JSON.parse(options.get(name) ?? '""') as string;
  const tableOffset = Number(options.get('CONFIG_PARTITION_TABLE_OFFSET') ?? '0x8000');
  const csv = readFileSync(text('CONFIG_PARTITION_TABLE_CUSTOM_FILENAME'));
  const rows = placePartitions(parsePartitionCsv(csv, { environment: {} }), {
    tableOffset,
    primaryBootloaderOffset: chip.bootloaderOffset,
  });
  const appOffset = rows.find(({ type }) => type === 0)?.offset ?? 0x10000;
  const has = (name: string): boolean => options.get(name) === 'y';
  // Bundled to node_modules/.cache/fake-idf: the drill's ELF file is a real one.
  const elf = readFileSync(
    join(import.meta.dirname, '../../../firmware/drill', `${chip.name}.elf`),
  );
  const app = makeApp({
    chip,
    version: process.env['MICROPY_GIT_TAG'] ?? '',
    board: 'Fake board',
    tableOffset,
    secureVersion: has('CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK')
      ? Number(options.get('CONFIG_BOOTLOADER_APP_SECURE_VERSION') ?? 0)
      : 0,
    ...(has('CONFIG_APP_EXCLUDE_PROJECT_VER_VAR')
      ? {}
      : { appVersion: mode === 'other-version' ? '9.9.9' : text('CONFIG_APP_PROJECT_VER') }),
    projectName: define('OTA_BUILD_PROJECT_NAME') || 'micropython',
    flashSizeCode: 2,
    elfSha256: createHash('sha256').update(elf).digest(),
  });
  const file = (name: string, bytes: Uint8Array | string): void => {
    mkdirSync(dirname(join(out, name)), { recursive: true });
    writeFileSync(join(out, name), bytes);
  };
  file('micropython.bin', app);
  if (mode !== 'no-elf') file('micropython.elf', elf);
  file('frozen_mpy/asyncio/core.mpy', 'M\x06 compiled');
  file('frozen_mpy/_boot.mpy', 'M\x06 compiled too');
  file('micropython.map', 'Archive member included to satisfy reference by file\n');
  file('bootloader/bootloader.bin', makeBootloader({ chip }));
  file('partition_table/partition-table.bin', encodePartitionTable(rows));
  file(
    'sdkconfig',
    [...options]
      .map(([name, value]) => (value === 'n' ? `# ${name} is not set` : `${name}=${value}`))
      .join('\n'),
  );
  file(
    'project_description.json',
    JSON.stringify({
      project_name: 'micropython',
      target: chip.name,
      app_elf: 'micropython.elf',
      app_bin: 'micropython.bin',
      build_components: ['main', 'espressif__mdns'],
    }),
  );
  const flashed = (offset: number, name: string) => ({
    offset: `0x${offset.toString(16)}`,
    file: name,
    encrypted: 'false',
  });
  file(
    'flasher_args.json',
    JSON.stringify({
      write_flash_args: ['--flash_mode', 'dio', '--flash_size', '4MB', '--flash_freq', '40m'],
      flash_settings: { flash_mode: 'dio', flash_size: '4MB', flash_freq: '40m' },
      flash_files: {
        [`0x${chip.bootloaderOffset.toString(16)}`]: 'bootloader/bootloader.bin',
        [`0x${appOffset.toString(16)}`]: 'micropython.bin',
        [`0x${tableOffset.toString(16)}`]: 'partition_table/partition-table.bin',
      },
      bootloader: flashed(chip.bootloaderOffset, 'bootloader/bootloader.bin'),
      app: flashed(appOffset, 'micropython.bin'),
      'partition-table': flashed(tableOffset, 'partition_table/partition-table.bin'),
      extra_esptool_args: {
        after: 'hard_reset',
        before: 'default_reset',
        stub: true,
        chip: chip.name,
      },
    }),
  );
  say('Project build complete. To flash, run: idf.py flash');
}

if (argv.includes('--version')) say('ESP-IDF v5.5.1');
else if (argv.at(-1) === 'build') await build();
else fail(2, `the fake idf.py does not know: ${argv.join(' ')}`);
