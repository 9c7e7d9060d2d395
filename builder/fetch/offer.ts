import type { Trust } from '../verify/trust.ts';
import type { HoldingRelease } from './check-arrived.ts';
import type { ListedFile } from './choose-version.ts';
import type { OpenListed } from './receive.ts';

/** A release that a source has, before any of it has been received. */
export type Offer = {
  /** The source, without any password. */
  readonly source: string;
  readonly version: string;
  /** The channel that was asked for and has it; absent where a version was asked for, or there are no channels. */
  readonly channel?: string;
  /** As messages name it. */
  readonly subject: string;
  /** Every file of its directory. */
  readonly files: readonly ListedFile[];
  readonly open: OpenListed;
  /** The keys that signed are remembered, and count from now on where no trust file says so. */
  readonly remembersKeys: boolean;
  /** Whose signatures on the release count where no trust file says so: those that counted before. */
  readonly remembered?: Trust;
  /** What the source said about the release, held against what arrived. Throws VerifyError. */
  readonly check: (release: HoldingRelease) => void;
  /** Done once it has been verified, before it gets its name. */
  readonly accept: (release: HoldingRelease) => Promise<void>;
};
