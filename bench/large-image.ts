import { encodeEspImage } from '../builder/format/esp-image.ts';
import { encodePartitionTable } from '../builder/format/partition-table.ts';

const HEADER = {
  spiMode: 2,
  flashSizeCode: 4,
  flashFrequencyCode: 0,
  entryAddress: 0x40080400,
  wpPin: 0xee,
  spiPinDrive: Buffer.alloc(3),
  chipId: 0,
  minChipRevision: 0,
  minChipRevisionFull: 0,
  maxChipRevisionFull: 0,
  reserved: Buffer.alloc(4),
  hashAppended: true,
};

/** A flash dump of 16 MiB with an app of 6 MiB: what the memory figure is measured on. It is valid, but does nothing. */
export function makeLargeFlashImage(): Buffer {
  const image = Buffer.alloc(0x1000000, 0xff);
  encodeEspImage({
    header: HEADER,
    segments: [{ loadAddress: 0x3fff0000, data: Buffer.alloc(0x4000, 1) }],
  }).copy(image, 0x1000);
  const row = { encrypted: false, readonly: false };
  encodePartitionTable([
    { ...row, name: 'nvs', type: 1, subtype: 2, offset: 0x9000, size: 0x6000 },
    { ...row, name: 'factory', type: 0, subtype: 0, offset: 0x10000, size: 0x700000 },
  ]).copy(image, 0x8000);
  const rodata = Buffer.alloc(0x200000, 2);
  rodata.fill(0, 0, 256);
  rodata.writeUInt32LE(0xabcd5432, 0);
  rodata.write('v5.0.4', 112);
  const padding = Buffer.alloc(0x10000 - 0x30);
  const code = Buffer.alloc(0x3f0000, 3);
  encodeEspImage({
    header: HEADER,
    segments: [
      { loadAddress: 0x3f400020, data: rodata },
      { loadAddress: 0, data: padding },
      { loadAddress: 0x400d0000, data: code.subarray(0, 0x2f0000) },
    ],
  }).copy(image, 0x10000);
  return image;
}
