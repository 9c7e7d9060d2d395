import type { Verification } from '../verify/verify-path.ts';

/** What somebody wants to have, and what they accept. */
export type FetchRequest = {
  /** As the user wrote it: `dir:…`, a path, `https://…`, `github:OWNER/REPO`. */
  readonly source: string;
  readonly board: string;
  readonly variant?: string;
  /** A channel, or one version of any channel. */
  readonly wanted: Wanted;
  readonly trust?: string;
  /** Directory that the release directory goes into; absolute. */
  readonly out: string;
  readonly allow: Allowances;
};

export type Wanted =
  | { readonly kind: 'channel'; readonly channel: string }
  | { readonly kind: 'version'; readonly version: string };

/** What is taken on purpose although it should not leave the house. */
export type Allowances = {
  readonly unsigned: boolean;
  readonly development: boolean;
  readonly drill: boolean;
};

/** A release that is in its place, verified. */
export type Fetched = {
  /** Absolute. */
  readonly directory: string;
  readonly stem: string;
  /** Without any password. */
  readonly source: string;
  /** The channel that was asked for; absent when a version was. */
  readonly channel?: string;
  /** It was there already, with the same bytes. */
  readonly already: boolean;
  readonly verification: Verification;
};

/** `<BOARD>[-<VARIANT>]`: what a release is published under. */
export function targetNameOf({
  board,
  variant,
}: {
  readonly board: string;
  readonly variant?: string | undefined;
}): string {
  return variant === undefined ? board : `${board}-${variant}`;
}

/** The channel that a request asks for, if it does not ask for a version. */
export function channelOfRequest({ wanted }: Pick<FetchRequest, 'wanted'>): {
  readonly channel?: string;
} {
  return wanted.kind === 'channel' ? { channel: wanted.channel } : {};
}
