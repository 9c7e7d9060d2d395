import type { Chip } from '../chip/chip.ts';
import { isMapped } from '../chip/memory.ts';
import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { APP_DESC_OFFSET } from '../format/app-desc.ts';
import { alignUp, isFilledWith } from '../format/byte-reader.ts';
import { ESP_IMAGE_MAGIC } from '../format/esp-image-header.ts';
import {
  isIntact,
  parseEspImage,
  requireIntact,
  resealEspImage,
  type EspImage,
} from '../format/esp-image.ts';
import { classifyTrailer, SECTOR_SIZE } from '../format/image-trailer.ts';
import { OTADATA_SIZE, parseOtadata, selectOtadata } from '../format/otadata.ts';
import { isRewrittenHeader } from './rewritten-header.ts';
import {
  parsePartitionTable,
  PARTITION_TABLE_SIZE,
  type Partition,
} from '../format/partition-table.ts';
import { APP_TYPE, isOtaSlot, isOtadata, otaSlotIndex } from '../format/partition-types.ts';

/** Where a table may lie: CONFIG_PARTITION_TABLE_OFFSET is 0x8000 unless a larger bootloader moved it. */
const DEFAULT_TABLE_OFFSET = 0x8000;
const LAST_TABLE_OFFSET = 0x40000;

/** The parts of a full-flash image. Offsets are flash offsets; `bytes` are views of the input, no copies. */
export type FlashImageParts = {
  readonly bootloader: {
    readonly offset: number;
    readonly bytes: Buffer;
    readonly signed: boolean;
    /** A flasher changed its header and left the SHA-256 as it was; `bytes` have it made right. */
    readonly headerRewritten: boolean;
  };
  readonly tableOffset: number;
  readonly partitions: readonly Partition[];
  /** The app that this flash would boot, without what follows it in its slot. */
  readonly app: { readonly partition: Partition; readonly bytes: Buffer; readonly signed: boolean };
  /** Data partitions that hold something, which a release does not carry. */
  readonly filledData: readonly Partition[];
};

export type FlashImageSource = {
  readonly bytes: Buffer;
  /** Flash offset of the first byte of `bytes`. */
  readonly start: number;
  readonly chip: Chip;
  /** The file as messages show it. */
  readonly name: string;
};

/**
 * Takes a full-flash image apart: bootloader, partition table and the app that would boot. Everything is walked and
 * checked as the chip would; throws FormatError, with the offset in the file, for whatever is damaged, missing or not
 * accounted for.
 */
export function splitFlashImage(source: FlashImageSource): FlashImageParts {
  const { bytes, start, chip } = source;
  const bootloaderAt = chip.bootloaderOffset - start;
  const { image, signed, end, headerRewritten } = readBootloader(source, bootloaderAt);
  requireNoApp(source, image, bootloaderAt);
  const bootloader = bytes.subarray(bootloaderAt, bootloaderAt + (signed ? end : image.length));
  const { tableOffset, partitions } = findTable(source, chip.bootloaderOffset + image.length);
  requireErased(
    source,
    bootloaderAt + end,
    tableOffset - start,
    'between the bootloader and the partition table',
  );
  const partition = bootingApp(source, partitions);
  const appAt = appOffset(source, partition);
  const app = readImage(source, appAt, Math.min(bytes.length, appAt + partition.size));
  requireIntact(app.image, `the app in '${partition.name}' of ${source.name}`, appAt);
  requireErased(
    source,
    appAt + app.end,
    Math.min(bytes.length, appAt + partition.size),
    `behind the app in '${partition.name}'`,
  );
  return {
    bootloader: {
      offset: chip.bootloaderOffset,
      bytes: headerRewritten ? resealEspImage(bootloader) : bootloader,
      signed,
      headerRewritten,
    },
    tableOffset,
    partitions,
    app: { partition, bytes: bytes.subarray(appAt, appAt + app.image.length), signed: app.signed },
    filledData: partitions.filter((candidate) => holdsData(source, candidate)),
  };
}

/** Where in the file a partition starts. */
function appOffset({ bytes, start, name }: FlashImageSource, partition: Partition): number {
  const at = partition.offset - start;
  if (at < 0) {
    throw new FormatError(
      'BAD_VALUE',
      `${name}: its app partition '${partition.name}' lies at ${hex(partition.offset)} of flash, in front of the bootloader`,
      { where: { file: name } },
    );
  }
  if (at >= bytes.length) {
    throw new FormatError(
      'TRUNCATED',
      `${name} ends at ${hex(bytes.length)}, before its app partition '${partition.name}' at ${hex(at)}`,
      {
        where: { file: name, offset: bytes.length },
        hint: 'Download or copy the file again.',
      },
    );
  }
  return at;
}

/** A bootloader runs from RAM. Where an app is told by its description, one without looks like a bootloader at first. */
function requireNoApp({ chip, name }: FlashImageSource, image: EspImage, at: number): void {
  if (!image.segments.some(({ loadAddress }) => isMapped(chip, loadAddress))) return;
  throw new FormatError(
    'NO_DESCRIPTION',
    `${name} has an app of ${chip.title} without an app description where a bootloader was expected: ` +
      'an app from before ESP-IDF had descriptions cannot carry a version',
    { where: { file: name, offset: at + APP_DESC_OFFSET } },
  );
}

type ReadImage = {
  readonly image: EspImage;
  readonly signed: boolean;
  readonly end: number;
};

function readBootloader(
  source: FlashImageSource,
  at: number,
): ReadImage & { readonly headerRewritten: boolean } {
  const read = readImage(source, at, source.bytes.length);
  const area = source.bytes.subarray(at);
  const headerRewritten =
    !read.signed && !isIntact(read.image) && isRewrittenHeader(area, read.image);
  if (!headerRewritten) requireIntact(read.image, `the bootloader of ${source.name}`, at);
  return { ...read, headerRewritten };
}

/** Walks one image and its signature; `end` is the offset behind both, relative to the image. */
function readImage({ bytes }: FlashImageSource, at: number, limit: number): ReadImage {
  const area = bytes.subarray(at, limit);
  const image = parseEspImage(area, at);
  const sector = alignUp(image.length, SECTOR_SIZE);
  // Behind a bootloader lies the table and more; only its own signature sector concerns us here.
  const trailer = classifyTrailer(area.subarray(0, sector + SECTOR_SIZE), image.length);
  if (trailer.kind === 'signature-v2') return { image, signed: true, end: trailer.end };
  if (trailer.kind === 'signature-v1') return { image, signed: true, end: trailer.end };
  return { image, signed: false, end: image.length };
}

function findTable(
  source: FlashImageSource,
  bootloaderEnd: number,
): { tableOffset: number; partitions: readonly Partition[] } {
  const { bytes, start, name } = source;
  const candidates = [DEFAULT_TABLE_OFFSET];
  for (
    let offset = alignUp(bootloaderEnd, SECTOR_SIZE);
    offset <= LAST_TABLE_OFFSET;
    offset += SECTOR_SIZE
  ) {
    candidates.push(offset);
  }
  for (const tableOffset of candidates) {
    const at = tableOffset - start;
    if (tableOffset < bootloaderEnd || bytes[at] !== 0xaa || bytes[at + 1] !== 0x50) continue;
    try {
      const { partitions } = parsePartitionTable(bytes.subarray(at, at + PARTITION_TABLE_SIZE));
      return { tableOffset, partitions };
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      const offset = at + (error.where?.offset ?? 0);
      throw new FormatError(
        error.code,
        `${name}: the partition table at ${hex(at)} cannot be used: ${error.message}`,
        {
          where: { file: name, offset },
          cause: error,
        },
      );
    }
  }
  const isBootloaderOnly = bytes.length <= DEFAULT_TABLE_OFFSET - start;
  throw new FormatError(
    isBootloaderOnly ? 'WRONG_KIND' : 'TRUNCATED',
    `${name} has a bootloader of ${source.chip.title}, but no partition table between ${hex(bootloaderEnd)} and ` +
      `${hex(LAST_TABLE_OFFSET)} of flash${isBootloaderOnly ? ': it is a bootloader alone, or cut off' : ''}`,
    {
      where: { file: name, offset: Math.min(bytes.length, DEFAULT_TABLE_OFFSET - start) },
      hint: 'Take the whole .bin of a release, or its .app-bin.',
    },
  );
}

/** The app partition that the bootloader would choose: by otadata, else factory, else the first that holds an image. */
function bootingApp(source: FlashImageSource, partitions: readonly Partition[]): Partition {
  const { name, bytes, start } = source;
  const apps = partitions.filter(({ type }) => type === APP_TYPE);
  const [first] = apps;
  if (first === undefined) {
    throw new FormatError('BAD_VALUE', `${name}: its partition table has no app partition`, {
      where: { file: name },
    });
  }
  const selected = selectedByOtadata(source, partitions);
  if (selected !== undefined) return selected;
  const holdsImage = ({ offset }: Partition): boolean => bytes[offset - start] === ESP_IMAGE_MAGIC;
  const factory = apps.find((partition) => partition.subtype === 0 && holdsImage(partition));
  return factory ?? apps.find(holdsImage) ?? first;
}

function selectedByOtadata(
  { bytes, start }: FlashImageSource,
  partitions: readonly Partition[],
): Partition | undefined {
  const slots = partitions.filter(isOtaSlot);
  const otadata = partitions.find(isOtadata);
  if (otadata === undefined || slots.length === 0) return undefined;
  const at = otadata.offset - start;
  const area = bytes.subarray(at, at + OTADATA_SIZE);
  if (area.length < OTADATA_SIZE) return undefined;
  const selection = selectOtadata(parseOtadata(area), slots.length);
  return slots.find((slot) => otaSlotIndex(slot) === selection.slot);
}

function requireErased(
  { bytes, name }: FlashImageSource,
  from: number,
  to: number,
  where: string,
): void {
  for (let offset = from; offset < Math.min(to, bytes.length); offset++) {
    if (bytes[offset] === 0xff) continue;
    throw new FormatError(
      'TRAILING_DATA',
      `${name} has data ${where}, at ${hex(offset)}, that belongs to neither; erased flash (ff) was expected`,
      { where: { file: name, offset } },
    );
  }
}

function holdsData({ bytes, start }: FlashImageSource, partition: Partition): boolean {
  if (partition.type === APP_TYPE || isOtadata(partition)) return false;
  const at = partition.offset - start;
  // Nothing of what lies in front of the file is in it; a negative index would count from its end.
  const end = Math.max(0, at + partition.size);
  return !isFilledWith(bytes.subarray(Math.max(0, at), end), 0xff);
}
