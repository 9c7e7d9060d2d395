import type { Signer } from '../keys/signer.ts';
import type { Publishable } from './publishable.ts';

/** What a target has already for one board and variant: the gates compare with it. */
export type KnownReleases = {
  /** Every version there, with the secure_version of its app where that is known. */
  readonly versions: readonly {
    readonly version: string;
    readonly channel: string;
    readonly secureVersion?: number;
  }[];
};

/** A release on its way: what was checked, and the channel that it goes to. */
export type Publication = { readonly release: Publishable; readonly channel: string };

/** What publishing did, for the terminal and for --json. */
export type Published = {
  readonly target: string;
  readonly releases: readonly {
    readonly stem: string;
    readonly channel: string;
    /** Where it can be had: a path or an address. */
    readonly place: string;
    /** The same bytes were there already. */
    readonly already: boolean;
  }[];
};

/** Somewhere that releases are published to. */
export type Target = {
  /** As the user wrote it: `dir:…`, `github:…`. */
  readonly name: string;
  /** Refuses what cannot work, before anything is changed: a directory that is read-only, a token without the right. Throws PublishError. */
  readonly preflight: () => Promise<void>;
  /** What is there for a target name (`<BOARD>[-<VARIANT>]`). Throws PublishError. */
  readonly known: (targetName: string) => Promise<KnownReleases>;
  /**
   * Publishes all of them: each appears whole or not at all, and what is published never changes. `signers` sign what the
   * target writes about its releases. Throws PublishError.
   */
  readonly publish: (
    publications: readonly Publication[],
    signers: readonly Signer[],
  ) => Promise<Published>;
};
