import type { Compiled } from '../compile/compiled.ts';
import type { AppDescription } from '../format/app-desc.ts';

/** Firmware whose app says who it is. */
export type Stamped = Compiled & {
  /** The description as read back from the stamped app. */
  readonly description: AppDescription;
  /** Bytes of a flash page as the MMU maps this app: what secure padding goes by. */
  readonly pageSize: number;
};
