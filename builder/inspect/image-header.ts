import type { Chip } from '../chip/chip.ts';
import { flashFrequencyName, flashModeName, flashSizeByCode } from '../chip/flash-settings.ts';
import { describeChipId } from '../chip/registry.ts';
import type { ImageHeader } from '../format/esp-image-header.ts';
import { formatRevision, formatRevisionLimit } from './revision.ts';

/** WP_PIN_DISABLED of esptool: flash needs no write-protect pin. */
const NO_WP_PIN = 0xee;

/** An image header in words. Codes that nobody has defined appear as `code 9`. */
export type HeaderReport = {
  /** Espressif's target name, `esp32c3`; null for a chip that we have no facts of. */
  readonly chip: string | null;
  /** As people write it, `ESP32-C3`, or what is known of its number. */
  readonly chipTitle: string;
  readonly chipId: number;
  readonly flashMode: string;
  readonly flashFrequency: string;
  readonly flashSize: string;
  readonly entryAddress: number;
  /** `v0.3`; `v0.0` where any will do. */
  readonly minChipRevision: string;
  /** `v3.99`; null where none is set. */
  readonly maxChipRevision: string | null;
  /** What bootloaders looked at before ESP-IDF had the other two; null where it asks for nothing. */
  readonly legacyMinChipRevision: string | null;
  /** null: disabled. */
  readonly wpPin: number | null;
  /** The three bytes of drive strengths, in hex. */
  readonly spiPinDrive: string;
  readonly sha256Appended: boolean;
};

/** Explains an image header; `chip` is the one of its chip id, undefined when we have no facts of it. */
export function describeHeader(header: ImageHeader, chip: Chip | undefined): HeaderReport {
  const { spiMode, flashFrequencyCode, flashSizeCode, wpPin } = header;
  const frequency = chip === undefined ? undefined : flashFrequencyName(chip, flashFrequencyCode);
  return {
    chip: chip?.name ?? null,
    chipTitle: describeChipId(header.chipId),
    chipId: header.chipId,
    flashMode: flashModeName(spiMode) ?? `code ${spiMode}`,
    flashFrequency: frequency ?? `code ${flashFrequencyCode}`,
    flashSize: flashSizeByCode(flashSizeCode)?.name ?? `code ${flashSizeCode}`,
    entryAddress: header.entryAddress,
    minChipRevision: formatRevision(header.minChipRevisionFull),
    maxChipRevision: formatRevisionLimit(header.maxChipRevisionFull),
    legacyMinChipRevision: legacyRevision(header.minChipRevision, chip),
    wpPin: wpPin === NO_WP_PIN ? null : wpPin,
    spiPinDrive: header.spiPinDrive.toString('hex'),
    sha256Appended: header.hashAppended,
  };
}

function legacyRevision(revision: number, chip: Chip | undefined): string | null {
  if (revision === 0 || chip === undefined) return null;
  return chip.legacyRevision === 'major' ? `v${revision}.0` : `v0.${revision}`;
}
