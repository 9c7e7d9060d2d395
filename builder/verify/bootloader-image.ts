import { flashSizeByCode } from '../chip/flash-settings.ts';
import { hex } from '../errors/hex.ts';
import { isAppAt } from '../compile/firmware-input.ts';
import { errorFinding, type Finding } from './finding.ts';
import { checkImage, type CheckedImage, type ImageOptions } from './image.ts';

export type BootloaderOptions = ImageOptions & {
  /** Flash offset of the partition table, which the bootloader must not reach. */
  readonly tableOffset?: number;
  /** End of the last partition: the bootloader refuses partitions beyond the flash size of its own header. */
  readonly partitionsEnd?: number;
};

/**
 * Checks a second-stage bootloader: what the boot ROM checks, that it ends before the partition table, and that its
 * header's flash size reaches the end of the table. Returns findings; never throws for bad bytes.
 * Source: ESP-IDF components/bootloader_support/src/flash_partitions.c (partitions beyond the chip size).
 */
export function checkBootloaderImage(bytes: Buffer, options: BootloaderOptions): CheckedImage {
  const checked = checkImage(bytes, { ...options, kind: 'bootloader' });
  if (checked.image === undefined || checked.chip === undefined) return checked;
  const { file, tableOffset, partitionsEnd } = options;
  const findings: Finding[] = [];
  if (isAppAt(bytes, 0))
    findings.push(
      errorFinding('IMAGE_DESCRIPTION', 'is an app, not a bootloader', { file, offset: 32 }),
    );
  const end = checked.chip.bootloaderOffset + bytes.length;
  if (tableOffset !== undefined && end > tableOffset) {
    findings.push(
      errorFinding(
        'IMAGE_FIT',
        `ends at ${hex(end)} of flash, beyond the start of the partition table at ${hex(tableOffset)}`,
        { file },
      ),
    );
  }
  const flashSize = flashSizeByCode(checked.image.header.flashSizeCode);
  if (partitionsEnd !== undefined && flashSize !== undefined && partitionsEnd > flashSize.bytes) {
    findings.push(
      errorFinding(
        'IMAGE_FLASH_HEADER',
        `says ${flashSize.name} of flash, but the last partition ends at ${hex(partitionsEnd)}: it would refuse the table`,
        { file, offset: 3 },
      ),
    );
  }
  return { ...checked, findings: [...checked.findings, ...findings] };
}
