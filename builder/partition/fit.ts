import type { Where } from '../errors/ota-build-error.ts';
import { LayoutError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import { alignUp } from '../format/byte-reader.ts';
import { parseEspImage, securePaddedLength } from '../format/esp-image.ts';
import { SECTOR_SIZE } from '../format/image-trailer.ts';
import type { Partition } from '../format/partition-table.ts';

/** Bytes that an app needs in its slot: with signing, secure padding and the signature sector are counted. */
export function sizeInSlot(
  app: Buffer,
  signing: { readonly pageSize: number } | undefined,
): number {
  return signing === undefined
    ? app.length
    : signedSize(securePaddedLength(parseEspImage(app), signing.pageSize));
}

/** Bytes of an image with its Secure Boot V2 signature sector behind it. */
export function signedSize(imageLength: number): number {
  return alignUp(imageLength, SECTOR_SIZE) + SECTOR_SIZE;
}

/** Throws LayoutError that names the slots and the shortfall when an app does not fit every OTA slot. */
export function requireFit(
  size: number,
  slots: readonly Partition[],
  options: { readonly signed: boolean; readonly layout: string; readonly where?: Where },
): void {
  const tooSmall = slots.filter((slot) => slot.size < size);
  if (tooSmall.length === 0) return;
  const short = tooSmall
    .map(
      (slot) =>
        `slot '${slot.name}' has ${hex(slot.size)}, ${hex(size - slot.size)} (${size - slot.size} bytes) too few`,
    )
    .join('; ');
  throw new LayoutError(
    'IMAGE_TOO_BIG',
    `the app needs ${hex(size)} bytes${options.signed ? ' with secure padding and signature' : ''}: ${short}`,
    {
      ...(options.where === undefined ? {} : { where: options.where }),
      hint: `Choose a layout with larger slots than '${options.layout}' (--layout); devices that are in the field keep the table they have.`,
      details: {
        needed: size,
        slots: tooSmall.map(({ name, size: has }) => ({ name, size: has })),
      },
    },
  );
}

/** Throws LayoutError when a bootloader reaches into the partition table. */
export function requireBootloaderFit(
  size: number,
  options: { readonly offset: number; readonly tableOffset: number; readonly signed: boolean },
): void {
  const { offset, tableOffset, signed } = options;
  const end = offset + size;
  if (end <= tableOffset) return;
  throw new LayoutError(
    'BOOTLOADER_TOO_BIG',
    `the bootloader needs ${hex(size)} bytes${signed ? ' with its signature' : ''} from ${hex(offset)} on, ` +
      `but the partition table starts at ${hex(tableOffset)}: ${hex(end - tableOffset)} bytes too few`,
    {
      hint: 'The firmware has to be built with a higher CONFIG_PARTITION_TABLE_OFFSET, and the profile to say the same.',
    },
  );
}
