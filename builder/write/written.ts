import type { StagingDirectory } from '../files/staging-directory.ts';
import type { Signed } from '../sign/signed.ts';

/** Parts on disk, in a directory that nobody takes for a release yet. */
export type Written = Omit<Signed, 'app' | 'bootloader'> & {
  readonly staging: StagingDirectory;
  /** Where the release will be. */
  readonly target: string;
  readonly hasBootloader: boolean;
  readonly bootloaderSigned: boolean;
};
