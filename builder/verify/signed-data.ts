import type { Chip } from '../chip/chip.ts';
import { SECTOR_SIZE } from '../format/image-trailer.ts';
import { errorFinding, type Finding } from './finding.ts';
import { checkSignatureSector, type CheckedSignature } from './signature.ts';

export type SignedDataOptions = {
  readonly file: string;
  readonly chip?: Chip;
  readonly trustedKeys?: readonly Buffer[];
};

/**
 * Checks a signed data partition: contents up to a multiple of 4096, then a Secure Boot V2 signature sector, which ends
 * the file. Source: ESP-IDF esp_ota_ops.c, CONFIG_SECURE_SIGNED_DATA_PARTITION.
 */
export function checkSignedData(
  bytes: Buffer,
  options: SignedDataOptions,
): { readonly findings: readonly Finding[]; readonly signature?: CheckedSignature } {
  const { file } = options;
  const offset = bytes.length - SECTOR_SIZE;
  if (offset <= 0 || bytes.length % SECTOR_SIZE !== 0) {
    const message = `has ${bytes.length} bytes; signed data has a multiple of 4096, its last 4096 being the signature sector`;
    return { findings: [errorFinding('SIGNATURE_MISSING', message, { file })] };
  }
  const signature = checkSignatureSector(bytes, { offset }, options);
  return { findings: signature.findings, signature };
}
