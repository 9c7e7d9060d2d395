import type { Written } from '../write/written.ts';
import type { CheckedSignature } from './signature.ts';

declare const passed: unique symbol;

/** Parts that were read back from disk and passed every check. Only verify/stage.ts makes one. */
export type Verified = Written & {
  readonly [passed]: true;
  /** The parts as they were read back: what a release is made of. */
  readonly parts: {
    readonly app: Buffer;
    readonly table: Buffer;
    readonly otadata: Buffer;
    readonly bootloader?: Buffer;
  };
  readonly signature?: CheckedSignature;
};
