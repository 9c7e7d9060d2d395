import { FormatError } from '../errors/families.ts';
import { isFilledWith } from '../format/byte-reader.ts';
import {
  OTADATA_SIZE,
  parseOtadata,
  selectOtadata,
  type OtadataSector,
} from '../format/otadata.ts';
import { errorFinding, warningFinding, type Finding } from './finding.ts';

const SECTOR = OTADATA_SIZE / 2;

/**
 * Checks OTA data: erased, or entries that the bootloader would take at their word. PENDING_VERIFY and sequence 0 are
 * refused: the first is aborted at once, the second selects a slot by accident. Never throws for bad bytes.
 * Source: ESP-IDF bootloader_common_loader.c and bootloader_utility.c.
 */
export function checkOtadata(
  bytes: Buffer,
  options: { readonly file: string; readonly slotCount: number },
): readonly Finding[] {
  const { file, slotCount } = options;
  try {
    return parseOtadata(bytes).sectors.flatMap((sector, index) =>
      checkSector(sector, { file, index, slotCount }),
    );
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return [errorFinding('OTADATA_INVALID', error.message, { file })];
  }
}

/**
 * Checks the OTA data of a release: erased, so that a new device starts with ota_0; for a drill the trial of the second
 * slot with the first to come back to.
 */
export function checkReleaseOtadata(
  bytes: Buffer,
  {
    file,
    isDrill,
    slotCount,
  }: { readonly file: string; readonly isDrill: boolean; readonly slotCount: number },
): readonly Finding[] {
  if (isDrill) return checkTrialOtadata(bytes, { file, slotCount });
  if (bytes.length === OTADATA_SIZE && isFilledWith(bytes, 0xff)) return [];
  const offset = bytes.findIndex((byte) => byte !== 0xff);
  const message = `is not the OTA data of a new device: ${OTADATA_SIZE} bytes of ff were expected`;
  return [errorFinding('OTADATA_INVALID', message, offset === -1 ? { file } : { file, offset })];
}

function checkTrialOtadata(
  bytes: Buffer,
  options: { readonly file: string; readonly slotCount: number },
): readonly Finding[] {
  const { file, slotCount } = options;
  const findings = checkOtadata(bytes, options);
  if (findings.length > 0) return findings;
  const { sectors } = parseOtadata(bytes);
  const selection = selectOtadata({ sectors }, slotCount);
  const [running] = sectors;
  const isTrial =
    selection.kind === 'active' &&
    selection.slot === 1 &&
    sectors[selection.sector].state === 'NEW';
  if (isTrial && running.state === 'VALID' && (running.sequence - 1) % slotCount === 0) return [];
  return [
    errorFinding(
      'OTADATA_INVALID',
      'does not start a trial of the second slot with the first to come back to',
      { file },
    ),
  ];
}

function checkSector(
  sector: OtadataSector,
  {
    file,
    index,
    slotCount,
  }: { readonly file: string; readonly index: number; readonly slotCount: number },
): Finding[] {
  const place = { file, offset: index * SECTOR };
  const findings: Finding[] = [];
  const wrong = (message: string): void =>
    void findings.push(errorFinding('OTADATA_INVALID', `sector ${index}: ${message}`, place));
  if (!sector.tailClean) wrong('there is data behind the entry');
  if (sector.empty) return findings;
  if (!sector.crcValid) wrong('its CRC does not match its sequence');
  if (sector.sequence === 0) wrong('sequence 0 selects a slot by accident');
  if (sector.state === 'PENDING_VERIFY')
    wrong('state PENDING_VERIFY would be aborted at the next boot');
  if (sector.state === 'UNKNOWN') wrong(`state ${sector.stateCode} does not exist`);
  if (slotCount < 1)
    findings.push(
      warningFinding(
        'OTADATA_INVALID',
        `sector ${index} selects a slot, but the table has none`,
        place,
      ),
    );
  return findings;
}
