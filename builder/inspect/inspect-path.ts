import { stat } from 'node:fs/promises';
import { FormatError } from '../errors/families.ts';
import { ESP_IMAGE_MAGIC } from '../format/esp-image-header.ts';
import { readInput } from '../files/read-input.ts';
import { OTADATA_SIZE } from '../format/otadata.ts';
import {
  endsInSignatureSector,
  looksLikeSignatureSector,
  SIGNATURE_SECTOR_SIZE,
} from '../format/signature-sector.ts';
import { flashMap } from '../partition/flash-map.ts';
import { isBuildDirectory } from '../esp-idf/build-place.ts';
import { describeBuildDirectory } from './build-directory.ts';
import { DEFAULT_TABLE_OFFSET } from './find-table.ts';
import { inspectFirmware } from './firmware.ts';
import type { Inspection, TableInspection } from './inspection.ts';
import { describeOtadata, type OtadataReport } from './otadata.ts';
import { describeTable, type ReadTable, type TablePlace } from './partition-table.ts';
import { describeRelease } from './release.ts';
import { describeSignatureSector } from './signature-sector.ts';

/** OTA slots that OTA data by itself is explained for: the fewest with which it means anything, and the usual number. */
const ASSUMED_SLOTS = 2;

/**
 * Explains a file, a release directory or an ESP-IDF build directory, whose kind is told from its bytes. `name` is the path as its user wrote it.
 * `slotCount` is the number of OTA slots that OTA data by itself is explained for. Damage is part of the answer. Throws UsageError when the path cannot be read or is another directory, FormatError for
 * what cannot be recognised.
 */
export async function inspectPath(
  path: string,
  name: string,
  slotCount = ASSUMED_SLOTS,
): Promise<Inspection> {
  const isDirectory = await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  if (isDirectory && (await isBuildDirectory(path)))
    return { kind: 'build-directory', name, ...(await describeBuildDirectory(path, name)) };
  if (isDirectory) return { kind: 'release', name, ...(await describeRelease(path, name)) };
  return inspectBytes(await readInput(path, 'something to inspect'), name, slotCount);
}

/** The same for the contents of a file. */
export function inspectBytes(bytes: Buffer, name: string, slotCount = ASSUMED_SLOTS): Inspection {
  const file = { name, size: bytes.length };
  if (bytes[0] === 0xaa && bytes[1] === 0x50) return inspectTable(bytes, name);
  if (bytes.length === SIGNATURE_SECTOR_SIZE && looksLikeSignatureSector(bytes)) {
    return { kind: 'signature-sector', ...file, ...describeSignatureSector(bytes) };
  }
  const otadata = asOtadata(bytes, slotCount);
  if (otadata !== undefined) return { kind: 'otadata', ...file, ...otadata };
  return inspectFirmware(bytes, name);
}

function inspectTable(bytes: Buffer, name: string): TableInspection {
  const place = { offset: DEFAULT_TABLE_OFFSET, flashSize: undefined };
  const { report, partitions } = readTable(bytes, place, name);
  const map = flashMap({ tableOffset: DEFAULT_TABLE_OFFSET, partitions });
  return { kind: 'partition-table', name, size: bytes.length, table: report, flashMap: map };
}

function readTable(bytes: Buffer, place: TablePlace, name: string): ReadTable {
  try {
    return describeTable(bytes, place);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(error.code, `${name}: ${error.message}`, {
      where: { ...error.where, file: name },
      cause: error,
    });
  }
}

/** OTA data has no magic: its size, and that only the start of each sector is written, have to do. */
function asOtadata(bytes: Buffer, slotCount: number): OtadataReport | undefined {
  if (bytes.length !== OTADATA_SIZE || bytes[0] === ESP_IMAGE_MAGIC) return undefined;
  if (endsInSignatureSector(bytes)) return undefined;
  const report = describeOtadata(bytes, slotCount);
  return report.sectors.some(({ tailErased }) => tailErased) ? report : undefined;
}
