import type { Signer } from '../keys/signer.ts';
import type { LaidOut } from '../partition/laid-out.ts';

/** Firmware as devices get it. Unsigned releases pass through here too: `signers` is then empty. */
export type Signed = LaidOut & {
  /** The keys whose blocks the images carry, in order; the first signs the manifest. */
  readonly signers: readonly Signer[];
};
