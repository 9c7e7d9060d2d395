import type { Chip } from '../chip/chip.ts';
import { isMapped, memoryKindsAt } from '../chip/memory.ts';
import { mmuPageSize } from '../chip/mmu-page.ts';
import { flashSizeByCode } from '../chip/flash-settings.ts';
import { FormatError } from '../errors/families.ts';
import { hex } from '../errors/hex.ts';
import {
  APP_DESC_OFFSET,
  APP_DESC_SIZE,
  DRILL_IDF_VERSION,
  parseAppDescription,
  type AppDescription,
} from '../format/app-desc.ts';
import type { EspImage } from '../format/esp-image.ts';
import { V1_SIGNATURE_ROOM } from '../format/signature-v1.ts';
import { errorFinding, warningFinding, type Finding } from './finding.ts';
import { checkImage, type CheckedImage, type ImageOptions } from './image.ts';

/** Segments below this address are not loaded: padding, and what secure padding appends. */
const FIRST_LOADED_ADDRESS = 0x10000000;

export type AppImageOptions = ImageOptions & {
  /** Size in bytes of the smallest slot that has to hold it, signature sector included. */
  readonly slotSize?: number;
};

export type CheckedApp = CheckedImage & { readonly description?: AppDescription };

/**
 * Checks an app as the second-stage bootloader and esp_ota_end() would: header, chip, segments, where they load and how
 * they map, checksum, SHA-256, description, signature sector. Returns findings; never throws for bad bytes.
 * Source: ESP-IDF components/bootloader_support/src/esp_image_format.c.
 */
export function checkAppImage(bytes: Buffer, options: AppImageOptions): CheckedApp {
  const checked = checkImage(bytes, { ...options, kind: 'app' });
  const { image, chip } = checked;
  if (image === undefined || chip === undefined) return checked;
  const { description, findings } = readDescription(bytes, chip, options.file);
  const flashSize = flashSizeByCode(image.header.flashSizeCode)?.bytes ?? 0;
  const pageSize = mmuPageSize(chip, description?.mmuPageSizeLog2 ?? 0, flashSize);
  const more = [
    ...findings,
    ...checkSegments(image, chip, pageSize, options.file),
    ...checkSecurePadding(checked, pageSize, options.file),
    ...checkSlot(bytes.length, options),
  ];
  return {
    ...checked,
    findings: [...checked.findings, ...more],
    ...(description === undefined ? {} : { description }),
  };
}

function readDescription(
  bytes: Buffer,
  chip: Chip,
  file: string,
): { readonly description?: AppDescription; readonly findings: readonly Finding[] } {
  try {
    const area = bytes.subarray(APP_DESC_OFFSET, APP_DESC_OFFSET + APP_DESC_SIZE);
    const description = parseAppDescription(area, APP_DESC_OFFSET);
    return { description, findings: checkDescription(description, chip, file) };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const message = `no usable app description: ${error.message}; a bootloader or a full-flash image is not an app`;
    return {
      findings: [errorFinding('IMAGE_DESCRIPTION', message, { file, offset: APP_DESC_OFFSET })],
    };
  }
}

function checkDescription(description: AppDescription, chip: Chip, file: string): Finding[] {
  const findings: Finding[] = [];
  const place = { file, offset: APP_DESC_OFFSET };
  if (description.idfVersion === DRILL_IDF_VERSION)
    findings.push(
      warningFinding('DRILL', 'is the rollback drill: it is meant to fail on the device', place),
    );
  if (description.secureVersion > chip.secureVersionBits) {
    findings.push(
      errorFinding(
        'IMAGE_SECURE_VERSION',
        `secure_version is ${description.secureVersion}; ${chip.title} has ${chip.secureVersionBits} eFuse bits for it`,
        place,
      ),
    );
  }
  const { minEfuseBlockRevisionFull: min, maxEfuseBlockRevisionFull: max } = description;
  if (chip.checksEfuseBlockRevision && max !== 0 && max !== 0xffff && min > max) {
    findings.push(
      errorFinding(
        'IMAGE_REVISION',
        `asks for an eFuse block revision of at least ${min} and at most ${max}: no chip has that`,
        place,
      ),
    );
  }
  const page = description.mmuPageSizeLog2;
  if (page !== 0 && !chip.mmuPageSizes.includes(2 ** page)) {
    findings.push(
      errorFinding(
        'IMAGE_DESCRIPTION',
        `was built for MMU pages of 2^${page} bytes, which ${chip.title} does not have`,
        place,
      ),
    );
  }
  return findings;
}

function checkSegments(
  { segments }: EspImage,
  chip: Chip,
  pageSize: number,
  file: string,
): Finding[] {
  const findings: Finding[] = [];
  for (const { index, loadAddress, dataOffset, length } of segments) {
    const place = { file, offset: dataOffset };
    const mapped = isMapped(chip, loadAddress);
    // An empty segment for RAM loads nothing; a mapped one is checked by the bootloader all the same.
    if (loadAddress < FIRST_LOADED_ADDRESS || (length === 0 && !mapped)) continue;
    const last = loadAddress + Math.max(length, 1) - 1;
    if (!isForApps(chip, loadAddress) || !isForApps(chip, last)) {
      const range = `${hex(loadAddress, 8)} to ${hex(loadAddress + length, 8)}`;
      findings.push(
        errorFinding(
          'IMAGE_SEGMENT',
          `segment ${index} loads to ${range}, where ${chip.title} has no memory for an app`,
          place,
        ),
      );
    } else if (mapped && dataOffset % pageSize !== loadAddress % pageSize) {
      findings.push(
        errorFinding(
          'IMAGE_ALIGNMENT',
          `segment ${index} for ${hex(loadAddress, 8)} lies at ${hex(dataOffset)}: the MMU cannot map it with pages of ${hex(pageSize)}`,
          place,
        ),
      );
    }
  }
  return findings;
}

/** RAM that only the boot ROM fills is no place for an app: the second-stage bootloader runs from it, or refuses it. */
function isForApps(chip: Chip, address: number): boolean {
  return memoryKindsAt(chip, address).some((kind) => kind !== 'OTHER_RAM');
}

function checkSecurePadding(
  { image, signature, v1 }: CheckedImage,
  pageSize: number,
  file: string,
): Finding[] {
  if (image === undefined || (signature === undefined && v1 === undefined)) return [];
  // Padding for Secure Boot V1 leaves its signature room in the last page.
  const room = v1 === undefined ? 0 : V1_SIGNATURE_ROOM;
  if ((image.length + room) % pageSize === 0) return [];
  return [
    warningFinding(
      'SECURE_PADDING',
      `is signed but not secure-padded: flash behind ${hex(image.length)} in the same ${hex(pageSize)} page can be executed without being signed`,
      { file, offset: image.length },
    ),
  ];
}

function checkSlot(length: number, { slotSize, file }: AppImageOptions): Finding[] {
  if (slotSize === undefined || length <= slotSize) return [];
  const excess = hex(length - slotSize);
  return [
    errorFinding(
      'IMAGE_FIT',
      `has ${hex(length)} bytes; the smallest slot has ${hex(slotSize)}: ${excess} too many`,
      { file },
    ),
  ];
}
