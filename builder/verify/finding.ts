/** One thing that was checked and does not hold (`error`) or deserves a look (`warning`). */
export type Finding = {
  readonly severity: 'error' | 'warning';
  readonly code: FindingCode;
  readonly message: string;
  readonly file?: string;
  /** From the first byte of `file`. */
  readonly offset?: number;
};

export type FindingCode =
  | 'IMAGE_MALFORMED'
  | 'IMAGE_CHECKSUM'
  | 'IMAGE_DIGEST'
  | 'IMAGE_CHIP'
  | 'IMAGE_REVISION'
  | 'IMAGE_DESCRIPTION'
  | 'IMAGE_SEGMENT'
  | 'IMAGE_ALIGNMENT'
  | 'IMAGE_TRAILING'
  | 'IMAGE_FIT'
  | 'IMAGE_SECURE_VERSION'
  | 'IMAGE_FLASH_HEADER'
  | 'SIGNATURE_MISSING'
  | 'SIGNATURE_UNEXPECTED'
  | 'SIGNATURE_MISPLACED'
  | 'SIGNATURE_MALFORMED'
  | 'SIGNATURE_DIGEST'
  | 'SIGNATURE_INVALID'
  | 'SIGNATURE_KEY'
  | 'SIGNATURE_SCHEME'
  | 'SIGNATURE_BLOCKS'
  | 'SIGNATURE_UNTRUSTED'
  | 'SECURE_PADDING'
  | 'TABLE_MALFORMED'
  | 'TABLE_INVALID'
  | 'TABLE_MISMATCH'
  | 'OTADATA_INVALID'
  | 'FLASH_IMAGE_MISMATCH'
  | 'FLASH_ARGS_MISMATCH'
  | 'FILE_MISSING'
  | 'FILE_UNEXPECTED'
  | 'FILE_MISMATCH'
  | 'MANIFEST_MALFORMED'
  | 'MANIFEST_MISMATCH'
  | 'MANIFEST_SIGNATURE'
  | 'CHECKSUMS_MISMATCH'
  | 'ZIP_MISMATCH'
  | 'SOURCE_FILE_MISMATCH'
  | 'SBOM_MISMATCH'
  | 'DRILL'
  | 'RELEASE_WARNING';

/** A named group of findings, so that a report can also say what was looked at and found in order. */
export type Check = {
  readonly title: string;
  readonly findings: readonly Finding[];
  /** Why there was nothing to check. */
  readonly absent?: string;
};

export function errorFinding(
  code: FindingCode,
  message: string,
  place: Pick<Finding, 'file' | 'offset'> = {},
): Finding {
  return { severity: 'error', code, message, ...place };
}

export function warningFinding(
  code: FindingCode,
  message: string,
  place: Pick<Finding, 'file' | 'offset'> = {},
): Finding {
  return { severity: 'warning', code, message, ...place };
}

/** Every error of a list of checks, in their order. */
export function errorsOf(checks: readonly Check[]): readonly Finding[] {
  return checks.flatMap(({ findings }) => findings.filter(({ severity }) => severity === 'error'));
}
