import type { Chip } from '../../builder/chip/chip.ts';
import { encodeEspImage } from '../../builder/format/esp-image.ts';
import { encodePartitionTable, type Partition } from '../../builder/format/partition-table.ts';

/** What a made-up firmware should look like; everything has a sensible default. */
export type FirmwareOptions = {
  readonly chip: Chip;
  /** As MicroPython's banner has it. */
  readonly version?: string;
  readonly board?: string;
  readonly appSize?: number;
  readonly secureVersion?: number;
  readonly flashSizeCode?: number;
  readonly tableOffset?: number;
  readonly mmuPageSizeLog2?: number;
  /** In the description; MicroPython's releases leave both empty. */
  readonly appVersion?: string;
  readonly projectName?: string;
  /** SHA-256 of the ELF file that it is said to be made of. */
  readonly elfSha256?: Buffer;
  /** As `git describe` names ESP-IDF; a release that knows the chip, unless said. */
  readonly idfVersion?: string;
};

/** Chips that ESP-IDF 5.0 does not know. */
const NEWER_CHIPS = ['esp32c5', 'esp32c61', 'esp32p4'];

const MOST_IN_RAM = 0x10000;

const header = ({ chip, flashSizeCode = 2 }: FirmwareOptions) => ({
  spiMode: 2,
  flashSizeCode,
  flashFrequencyCode: 0,
  entryAddress: ramOf(chip),
  wpPin: 0xee,
  spiPinDrive: Buffer.alloc(3),
  chipId: chip.chipId,
  minChipRevision: 0,
  minChipRevisionFull: 0,
  maxChipRevisionFull: 0,
  reserved: Buffer.alloc(4),
  hashAppended: true,
});

function ramOf({ memory }: Chip): number {
  const ram = memory.find(({ kind, mapped }) => !mapped && (kind === 'IRAM' || kind === 'DRAM'));
  if (ram === undefined) throw new Error('a chip without RAM');
  return ram.range[0] + 0x400;
}

function mappedOf({ memory }: Chip): number {
  const flash = memory.find(({ mapped }) => mapped);
  if (flash === undefined) throw new Error('a chip without mapped flash');
  return flash.range[0];
}

/** An app as ESP-IDF lays it out: description first in mapped flash, then code for RAM. It is valid, but does nothing. */
export function makeApp(options: FirmwareOptions): Buffer {
  const { version = 'v1.23.0', board = 'Generic test module', appSize = 0x9000, chip } = options;
  const banner = `MicroPython ${version} on 2024-06-02\0; ${board} with ${chip.title.replaceAll('-', '')}\0`;
  const rodata = Buffer.alloc(Math.ceil((0x200 + banner.length) / 4) * 4);
  describe(options).copy(rodata);
  rodata.write(banner, 0x110, 'latin1');
  // What would not fit into RAM lies in flash, as in any real app.
  const inFlash = Math.max(0, appSize - MOST_IN_RAM);
  const code = Buffer.alloc(Math.max(16, appSize - inFlash - rodata.length));
  for (let offset = 0; offset < code.length; offset++)
    code[offset] = (offset * 7 + (offset >> 8)) & 0xff;
  return encodeEspImage({
    header: header(options),
    segments: [
      {
        loadAddress: mappedOf(chip) + 0x20,
        data: Buffer.concat([rodata, Buffer.alloc(Math.ceil(inFlash / 4) * 4, 0x22)]),
      },
      { loadAddress: ramOf(chip), data: code },
    ],
  });
}

/** esp_app_desc_t as MicroPython's releases have it: no version, no project name. */
function describe({
  chip,
  secureVersion = 0,
  mmuPageSizeLog2 = 0,
  idfVersion = NEWER_CHIPS.includes(chip.name) ? 'v5.5.1' : 'v5.0.4',
  appVersion = '',
  projectName = '',
  elfSha256 = Buffer.alloc(32, 0x5a),
}: FirmwareOptions): Buffer {
  const bytes = Buffer.alloc(256);
  bytes.writeUInt32LE(0xabcd5432, 0);
  bytes.writeUInt32LE(secureVersion, 4);
  bytes.write(appVersion.slice(0, 31), 16, 'latin1');
  bytes.write(projectName.slice(0, 31), 48, 'latin1');
  bytes.write('06:51:35', 80, 'latin1');
  bytes.write('Jun  2 2024', 96, 'latin1');
  bytes.write(idfVersion, 112, 'latin1');
  elfSha256.copy(bytes, 144);
  bytes.writeUInt8(mmuPageSizeLog2, 180);
  return bytes;
}

/** A second-stage bootloader: RAM segments only, no description. */
export function makeBootloader(options: FirmwareOptions, size = 0x4000): Buffer {
  return encodeEspImage({
    header: header(options),
    segments: [{ loadAddress: ramOf(options.chip), data: Buffer.alloc(size, 0x11) }],
  });
}

/** MicroPython's table without OTA: nvs, phy_init, factory, vfs. */
export const STOCK_TABLE: readonly Partition[] = [
  {
    name: 'nvs',
    type: 1,
    subtype: 2,
    offset: 0x9000,
    size: 0x6000,
    encrypted: false,
    readonly: false,
  },
  {
    name: 'phy_init',
    type: 1,
    subtype: 1,
    offset: 0xf000,
    size: 0x1000,
    encrypted: false,
    readonly: false,
  },
  {
    name: 'factory',
    type: 0,
    subtype: 0,
    offset: 0x10000,
    size: 0x1f0000,
    encrypted: false,
    readonly: false,
  },
  {
    name: 'vfs',
    type: 1,
    subtype: 0x81,
    offset: 0x200000,
    size: 0x200000,
    encrypted: false,
    readonly: false,
  },
];

/** A release image in MicroPython's convention: its first byte belongs at the bootloader's offset. */
export function makeRelease(options: FirmwareOptions): Buffer {
  return makeMerged(options).subarray(options.chip.bootloaderOffset);
}

/** The same as a merged image that starts at flash offset 0. */
export function makeMerged(options: FirmwareOptions): Buffer {
  const { chip, tableOffset = 0x8000 } = options;
  const app = makeApp(options);
  const shift = tableOffset - 0x8000;
  const partitions = STOCK_TABLE.map((row) => ({
    ...row,
    offset: row.offset + (row.offset < 0x10000 ? shift : shift === 0 ? 0 : 0x10000),
  }));
  const appOffset = partitions.find(({ type }) => type === 0)?.offset ?? 0x10000;
  const image = Buffer.alloc(appOffset + app.length, 0xff);
  makeBootloader(options).copy(image, chip.bootloaderOffset);
  encodePartitionTable(partitions).copy(image, tableOffset);
  app.copy(image, appOffset);
  return image;
}
