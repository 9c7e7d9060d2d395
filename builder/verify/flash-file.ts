import {
  splitFlashImage,
  type FlashImageParts,
  type FlashImageSource,
} from '../compile/flash-image.ts';
import { FormatError } from '../errors/families.ts';
import { parseEspImage } from '../format/esp-image.ts';
import { classifyTrailer } from '../format/image-trailer.ts';
import { PARTITION_TABLE_SIZE } from '../format/partition-table.ts';
import { isFilledWith } from '../format/byte-reader.ts';
import { OTADATA_SIZE } from '../format/otadata.ts';
import { APP_TYPE, isOtadata, isOtaSlot } from '../format/partition-types.ts';
import { checkAppImage } from './app-image.ts';
import { checkBootloaderImage, checkStartsApp } from './bootloader-image.ts';
import { errorFinding, type Check, type Finding } from './finding.ts';
import { checkOtadata } from './otadata.ts';
import { signersOfImage, type ImageOptions } from './image.ts';
import { checkTable } from './table.ts';

export type FlashFile = FlashImageSource &
  Pick<ImageOptions, 'trustedKeys' | 'refusedKeys' | 'publicKeys'>;

export type CheckedFlashFile = {
  readonly kind: 'flash-image' | 'bootloader';
  readonly checks: readonly Check[];
  /** Digests (hex) of the keys whose signatures on the app, or on the bootloader alone, hold. */
  readonly signedBy: readonly string[];
};

/** Checks a full-flash image and what lies in it; or a bootloader alone, which looks alike up to its end. */
export function checkFlashFile(file: FlashFile): CheckedFlashFile {
  try {
    return checkParts(file, splitFlashImage(file));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    if (error.code === 'WRONG_KIND' || isBootloaderAlone(file)) return checkBootloaderAlone(file);
    const place = {
      file: file.name,
      ...(error.where?.offset === undefined ? {} : { offset: error.where.offset }),
    };
    const findings = [errorFinding('IMAGE_MALFORMED', error.message, place)];
    return { kind: 'flash-image', signedBy: [], checks: [{ title: 'full-flash image', findings }] };
  }
}

function checkParts(
  { bytes, start, chip, name, trustedKeys, refusedKeys, publicKeys }: FlashFile,
  parts: FlashImageParts,
): CheckedFlashFile {
  const { bootloader, tableOffset, partitions } = parts;
  const app = parts.app.partition;
  const slotBytes = bytes.subarray(app.offset - start, app.offset - start + app.size);
  const tableBytes = bytes.subarray(
    tableOffset - start,
    tableOffset - start + PARTITION_TABLE_SIZE,
  );
  const checkedApp = checkAppImage(slotBytes, {
    file: `${name} (app in '${app.name}')`,
    chip,
    slotSize: Math.min(app.size, ...partitions.filter(isOtaSlot).map(({ size }) => size)),
    ...(trustedKeys === undefined ? {} : { trustedKeys }),
    ...(refusedKeys === undefined ? {} : { refusedKeys }),
    ...(publicKeys === undefined ? {} : { publicKeys }),
  });
  const bootloaderName = `${name} (bootloader)`;
  const checkedBootloader = checkBootloaderImage(bootloader.bytes, {
    file: bootloaderName,
    chip,
    tableOffset,
    partitionsEnd: Math.max(...partitions.map(({ offset, size }) => offset + size)),
    ...(trustedKeys === undefined || !bootloader.signed ? {} : { trustedKeys }),
    ...(refusedKeys === undefined ? {} : { refusedKeys }),
  });
  const startsApp = checkStartsApp(checkedBootloader, checkedApp.signature, bootloaderName);
  const unproved = trustedKeys === undefined ? [] : [unprovedFinding(name)];
  const checkedTable = checkTable(tableBytes, {
    file: `${name} (partition table)`,
    tableOffset,
    flashSize: undefined,
  });
  return {
    kind: 'flash-image',
    signedBy: signersOfImage(checkedApp),
    checks: [
      { title: 'bootloader', findings: [...checkedBootloader.findings, ...startsApp] },
      { title: 'partition table', findings: checkedTable.findings },
      { title: 'app image and signature', findings: [...checkedApp.findings, ...unproved] },
      {
        title: 'other slots and OTA data',
        findings: checkRest({ bytes, start, chip, name }, parts),
      },
    ],
  };
}

/** A signature covers its image and nothing else: bootloader, table and data could be anybody's. */
function unprovedFinding(file: string): Finding {
  const message =
    'no signature covers what lies outside the app (bootloader, partition table, data): verify the release directory, whose manifest is signed';
  return errorFinding('SIGNATURE_MISSING', message, { file });
}

/** What does not boot now but could: the apps in the other slots, and the OTA data that chooses among them. */
function checkRest(
  { bytes, start, chip, name }: FlashFile,
  { partitions, app }: FlashImageParts,
): readonly Finding[] {
  const slotCount = partitions.filter(isOtaSlot).length;
  return partitions.flatMap((partition): readonly Finding[] => {
    const area = bytes.subarray(
      Math.max(0, partition.offset - start),
      Math.max(0, partition.offset - start + partition.size),
    );
    if (isFilledWith(area, 0xff)) return [];
    const file = `${name} ('${partition.name}')`;
    if (isOtadata(partition) && area.length >= OTADATA_SIZE) {
      return checkOtadata(area.subarray(0, OTADATA_SIZE), { file, slotCount });
    }
    if (partition.type !== APP_TYPE || partition.name === app.partition.name) return [];
    return checkAppImage(area, { file, chip, slotSize: partition.size }).findings;
  });
}

/** An image, its signature perhaps, and nothing behind it: a bootloader that reaches beyond where tables usually lie. */
function isBootloaderAlone({ bytes, start, chip }: FlashFile): boolean {
  if (start !== chip.bootloaderOffset) return false;
  try {
    return classifyTrailer(bytes, parseEspImage(bytes).length).kind !== 'unknown';
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

function checkBootloaderAlone({
  bytes,
  chip,
  name,
  trustedKeys,
  refusedKeys,
  publicKeys,
}: FlashFile): CheckedFlashFile {
  const checked = checkBootloaderImage(bytes, {
    file: name,
    chip,
    ...(trustedKeys === undefined ? {} : { trustedKeys }),
    ...(refusedKeys === undefined ? {} : { refusedKeys }),
    ...(publicKeys === undefined ? {} : { publicKeys }),
  });
  return {
    kind: 'bootloader',
    signedBy: signersOfImage(checked),
    checks: [{ title: 'bootloader', findings: checked.findings }],
  };
}
