import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Chip } from '../../builder/chip/chip.ts';
import { parseAppDescription } from '../../builder/format/app-desc.ts';
import { parseElf } from '../../builder/format/elf.ts';
import { encodeElfImage } from '../../builder/format/elf-image.ts';
import { resealEspImage } from '../../builder/format/esp-image.ts';
import { encodePartitionTable, type Partition } from '../../builder/format/partition-table.ts';
import { anElf, anElfDescription, elfRegionsOf } from './elf.ts';
import { makeBootloader } from './firmware.ts';
import { STOCK_TABLE } from './firmware.ts';
import { someBytes } from './images.ts';

/** A build's configuration: what a test says, on top of what every build has. */
export type Config = Readonly<Record<string, boolean | number | string>>;

export type BuildOptions = {
  readonly chip: Chip;
  /** By name without CONFIG_. */
  readonly config?: Config;
  readonly version?: string;
  readonly projectName?: string;
  readonly secureVersion?: number;
  /** More bytes of code in the ELF file and the app. */
  readonly codeSize?: number;
  /** More bytes at the end of the ELF file, as debug information has. */
  readonly debugSize?: number;
  readonly table?: readonly Partition[];
  readonly tableOffset?: number;
  /** ESP-IDF's version, which decides how its files are written. */
  readonly idf?: 'v5.0' | 'v5.5.1' | 'v6.0';
};

/** Files of a build directory by their path below it. */
export type BuildTree = ReadonlyMap<string, Buffer>;

const hex = (value: number): string => `0x${value.toString(16)}`;

/** Linked like an app of MicroPython: a description, a banner, code and data where the chip has flash and RAM. */
export function makeElf(options: BuildOptions): Buffer {
  const { chip, codeSize = 0x900, debugSize = 0 } = options;
  const { drom, irom, iram, dram } = elfRegionsOf(chip);
  const banner = Buffer.from(
    `MicroPython v1.28.0 on 2026-04-06\0; Test board with ${chip.title.replaceAll('-', '')}\0\0\0`,
  );
  const padded = Buffer.alloc(Math.ceil(banner.length / 4) * 4);
  banner.copy(padded);
  const sections = [
    {
      name: '.flash.appdesc',
      address: drom + 0x20,
      data: Buffer.concat([describe(options), padded]),
    },
    { name: '.flash.text', address: irom + 0x10020, data: someBytes(codeSize) },
    { name: '.iram0.text', address: iram, data: someBytes(64, 3) },
    { name: '.dram0.data', address: dram, data: someBytes(32, 5) },
  ];
  const debug = { name: '.debug_info', address: 0, data: someBytes(debugSize, 9), flags: 0 };
  return anElf({
    machine: chip.machine,
    sections: debugSize === 0 ? sections : [...sections, debug],
    segments: sections.map(({ name }) => ({ of: name })),
    entryAddress: iram,
  });
}

function describe({
  version = '1.28.0',
  projectName = 'micropython',
  secureVersion = 0,
  chip,
}: BuildOptions): Buffer {
  const bytes = anElfDescription(chip.mmuPageSizes.length > 1 ? 16 : 0);
  bytes.fill(0, 16, 112);
  bytes.writeUInt32LE(secureVersion, 4);
  bytes.write(version, 16, 31, 'latin1');
  bytes.write(projectName, 48, 31, 'latin1');
  bytes.write('v5.5.1', 112, 'latin1');
  parseAppDescription(bytes);
  return bytes;
}

/** The configuration of that build, as menuconfig would leave it. */
export function configOf({ chip, config = {}, tableOffset = 0x8000 }: BuildOptions): Config {
  return {
    IDF_TARGET: chip.name,
    PARTITION_TABLE_OFFSET: tableOffset,
    BOOTLOADER_APP_ROLLBACK_ENABLE: true,
    ...config,
  };
}

/** `sdkconfig` as kconfgen writes it. */
export function sdkconfigText(config: Config): string {
  const lines = Object.entries(config).map(([name, value]) => {
    if (value === false) return `# CONFIG_${name} is not set`;
    if (value === true) return `CONFIG_${name}=y`;
    if (typeof value === 'string') return `CONFIG_${name}="${value}"`;
    return `CONFIG_${name}=${name.endsWith('OFFSET') ? hex(value) : value}`;
  });
  const head = ['#', '# Automatically generated file. DO NOT EDIT.', '#'];
  return [...head, ...lines, ''].join('\n');
}

/** A whole, finished build directory: real ELF, the app that elf2image makes of it, bootloader, table, and what idf.py writes. */
export function makeBuildTree(options: BuildOptions): BuildTree {
  const { chip, projectName = 'micropython', version = '1.28.0', tableOffset = 0x8000 } = options;
  const elf = makeElf(options);
  const app = encodeElfImage(parseElf(elf), chip, { header: { spiMode: 2, flashSizeCode: 2 } });
  const config = configOf(options);
  const parts = {
    bootloader: { offset: hex(chip.bootloaderOffset), file: 'bootloader/bootloader.bin' },
    app: { offset: '0x10000', file: `${projectName}.bin` },
    'partition-table': { offset: hex(tableOffset), file: 'partition_table/partition-table.bin' },
  };
  const text = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value, null, 4)}\n`);
  return new Map([
    ['flasher_args.json', text(flasherArgs(options, parts))],
    [
      'project_description.json',
      text({
        version: '1.2',
        project_name: projectName,
        ...(options.idf === 'v5.0' ? {} : { project_version: version }),
        project_path: '/build/machine/project',
        build_dir: '/build/machine/project/build',
        config_file: '/build/machine/project/build/sdkconfig',
        app_elf: `${projectName}.elf`,
        app_bin: `${projectName}.bin`,
        git_revision: 'v5.5.1',
        target: chip.name,
        build_components: ['main', ''],
      }),
    ],
    ['sdkconfig', Buffer.from(sdkconfigText(config))],
    ['config/sdkconfig.json', text(config)],
    [`${projectName}.bin`, app],
    [`${projectName}.elf`, elf],
    [
      `${projectName}.map`,
      Buffer.from('Archive member included to satisfy reference by file (symbol)\n\n'),
    ],
    ['bootloader/bootloader.bin', resealEspImage(makeBootloader(options))],
    ['partition_table/partition-table.bin', encodePartitionTable(options.table ?? STOCK_TABLE)],
  ]);
}

function flasherArgs(
  { chip, idf = 'v5.5.1' }: BuildOptions,
  parts: Readonly<Record<string, { readonly offset: string; readonly file: string }>>,
): unknown {
  const dash = idf === 'v6.0' ? '-' : '_';
  return {
    write_flash_args: [`--flash${dash}mode`, 'dio', `--flash${dash}size`, '4MB'],
    flash_settings: { flash_mode: 'dio', flash_size: '4MB', flash_freq: '40m' },
    flash_files: Object.fromEntries(
      Object.values(parts).map(({ offset, file }) => [offset, file]),
    ) as unknown,
    ...Object.fromEntries(
      Object.entries(parts).map(([name, part]) => [name, { ...part, encrypted: 'false' }]),
    ),
    extra_esptool_args: {
      after: `hard${dash}reset`,
      before: `default${dash}reset`,
      stub: true,
      chip: chip.name,
    },
  };
}

/** Writes a build directory; `changes` replaces files, or takes them away (undefined). */
export async function makeBuildDirectory(
  directory: string,
  options: BuildOptions,
  changes: Readonly<Record<string, Buffer | string | undefined>> = {},
): Promise<void> {
  const tree = new Map<string, Buffer | string | undefined>([
    ...makeBuildTree(options),
    ...Object.entries(changes),
  ]);
  for (const [file, contents] of tree) {
    if (contents === undefined) continue;
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await writeFile(join(directory, file), contents);
  }
}
