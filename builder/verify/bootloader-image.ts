import { flashSizeByCode } from '../chip/flash-settings.ts';
import { hex } from '../errors/hex.ts';
import { isAppAt } from '../compile/firmware-input.ts';
import { errorFinding, type Finding } from './finding.ts';
import { checkImage, type CheckedImage, type ImageOptions } from './image.ts';
import { signersOf, type CheckedSignature } from './signature.ts';

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

/**
 * That a bootloader which is signed for hardware Secure Boot starts the app beside it: the keys that a new device trusts are
 * those of its bootloader. Source: ESP-IDF secure_boot_v2/secure_boot.c, first boot.
 */
export function checkStartsApp(
  { signature, chip }: CheckedImage,
  appSignature: CheckedSignature | undefined,
  file: string,
): readonly Finding[] {
  if (signature === undefined || chip === undefined) return [];
  const keys = signersOf(signature, chip);
  if (signersOf(appSignature, chip).some((key) => keys.includes(key))) return [];
  const message =
    'is signed for hardware Secure Boot, but the app is not signed by any of its keys: no device would start it';
  return [errorFinding('SIGNATURE_KEY', message, { file })];
}
