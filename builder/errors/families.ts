import { OtaBuildError } from './ota-build-error.ts';

export type UsageCode =
  'USAGE' | 'INPUT_MISSING' | 'INPUT_UNREADABLE' | 'OUTPUT_EXISTS' | 'OUTPUT_DENIED' | 'DISK_FULL';

/** The call itself, or a file or directory that it names, cannot be used. */
export class UsageError extends OtaBuildError<UsageCode> {
  readonly exit = 2;
}

export type ProfileCode =
  | 'PROFILE_INVALID'
  | 'BOARD_UNKNOWN'
  | 'BOARD_MISMATCH'
  | 'VERSION_INVALID'
  | 'SECURE_VERSION_RANGE'
  | 'DESCRIPTION_TEXT'
  | 'SOURCE_DATE_INVALID'
  | 'SOURCE_CHANGED'
  | 'NOT_AVAILABLE'
  | 'VARIANT_UNKNOWN'
  | 'MICROPYTHON_INVALID'
  | 'BUILD_UNFINISHED'
  | 'BUILD_INCONSISTENT'
  | 'MATRIX_INVALID'
  | 'MATRIX_SIZE';

/** The profile, the flags and the firmware do not make a plan. */
export class ProfileError extends OtaBuildError<ProfileCode> {
  readonly exit = 3;
}

export type ToolchainCode =
  'TOOL_MISSING' | 'TOOL_FAILED' | 'IDF_MISSING' | 'IDF_VERSION' | 'CONTAINER_UNPINNED';

/** A program that a build needs is not there, or has the wrong version. */
export class ToolchainError extends OtaBuildError<ToolchainCode> {
  readonly exit = 4;
}

export type FetchCode =
  | 'SOURCE_UNREACHABLE'
  | 'SOURCE_MISMATCH'
  | 'RELEASE_UNKNOWN'
  | 'DOWNLOAD_MISMATCH'
  | 'DOWNLOAD_TOO_LARGE'
  | 'STATE_INVALID';

/** Something that has to come from elsewhere does not arrive, or is not what it should be. */
export class FetchError extends OtaBuildError<FetchCode> {
  readonly exit = 5;
}

export type CompileCode = 'COMPILE_FAILED' | 'CONFIGURATION_LOST' | 'BUILD_INCOMPLETE';

/** The firmware does not compile, or what came out is not what the plan asked for. */
export class CompileError extends OtaBuildError<CompileCode> {
  readonly exit = 6;
}

export type LayoutCode =
  | 'LAYOUT_UNKNOWN'
  | 'PARTITION_CSV'
  | 'PARTITION_INVALID'
  | 'PARTITION_OVERLAP'
  | 'FLASH_SIZE'
  | 'FLASH_HEADER_SIGNED'
  | 'TABLE_OFFSET'
  | 'IMAGE_TOO_BIG'
  | 'BOOTLOADER_TOO_BIG';

/** What has to go into flash does not fit together. */
export class LayoutError extends OtaBuildError<LayoutCode> {
  readonly exit = 7;
}

export type SigningCode =
  | 'KEY_MISSING'
  | 'KEY_UNREADABLE'
  | 'KEY_LOCKED'
  | 'KEY_WRONG_TYPE'
  | 'KEY_REFERENCE'
  | 'KEY_COUNT'
  | 'KEY_DUPLICATE'
  | 'KEY_EXISTS'
  | 'KEY_PERMISSIONS'
  | 'SCHEME_UNSUPPORTED'
  | 'SCHEME_MISMATCH'
  | 'IMAGE_NOT_SIGNABLE'
  | 'SIGNATURE_SELF_CHECK'
  | 'SIGNING_REQUIRED'
  | 'SIGNATURE_INVALID'
  | 'PASSPHRASE_MISSING'
  | 'PASSPHRASE_WRONG'
  | 'SIGNER_FAILED'
  | 'SIGNER_MISSING';

/** A key cannot be used, or an image cannot be signed with it. */
export class SigningError extends OtaBuildError<SigningCode> {
  readonly exit = 8;
}

export type VerifyCode =
  | 'VERIFICATION_FAILED'
  | 'TRUST_INVALID'
  | 'INDEX_UNTRUSTED'
  | 'INDEX_ROLLED_BACK'
  | 'INDEX_MISMATCH'
  | 'POLICY_REFUSED';

/** Something that was checked does not hold. */
export class VerifyError extends OtaBuildError<VerifyCode> {
  readonly exit = 9;
}

export type PublishCode =
  | 'TARGET_INVALID'
  | 'TARGET_UNREACHABLE'
  | 'TARGET_BUSY'
  | 'RELEASE_EXISTS'
  | 'RELEASE_REFUSED'
  | 'ASSET_MISMATCH'
  | 'TOKEN_MISSING'
  | 'TOKEN_SCOPE';

/** A release cannot be published, or the target did not store what it was given. */
export class PublishError extends OtaBuildError<PublishCode> {
  readonly exit = 10;
}

export type FormatCode =
  | 'TRUNCATED'
  | 'BAD_MAGIC'
  | 'BAD_VALUE'
  | 'BAD_CHECKSUM'
  | 'BAD_DIGEST'
  | 'TRAILING_DATA'
  | 'TOO_MANY'
  | 'CSV_SYNTAX'
  | 'UNKNOWN_CHIP'
  | 'NOT_FIRMWARE'
  | 'WRONG_KIND'
  | 'NO_DESCRIPTION'
  | 'TOO_LARGE'
  | 'CSV_OVERLAP';

/** Bytes that are not what they should be. `where.offset` counts from the first byte of what was parsed. */
export class FormatError extends OtaBuildError<FormatCode> {
  readonly exit = 11;
}

/** SIGINT or SIGTERM arrived: exit 130 or 143, nothing half-written is left. */
export class InterruptedError extends OtaBuildError<'INTERRUPTED'> {
  readonly exit: 130 | 143;
  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super('INTERRUPTED', `interrupted by ${signal}; no release was written`);
    this.exit = signal === 'SIGINT' ? 130 : 143;
  }
}
