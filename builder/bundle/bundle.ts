import type { Manifest } from '../manifest/manifest.ts';
import type { Verified } from '../verify/verified.ts';

/** A release directory that exists, whole and verified. */
export type Bundle = Pick<
  Verified,
  'plan' | 'chip' | 'layout' | 'description' | 'signature' | 'inventory'
> & {
  readonly directory: string;
  readonly manifest: Manifest;
};
