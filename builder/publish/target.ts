import type { Signer } from '../keys/signer.ts';
import type { Publishable } from './publishable.ts';

/** What a target has already for one board and variant: the gates compare with it. */
export type KnownReleases = {
  /**
   * Every version there, with the secure_version of its app where that is known. A version that is in two channels is
   * listed for each.
   */
  readonly versions: readonly {
    readonly version: string;
    readonly channel: string;
    readonly secureVersion?: number;
  }[];
  /** There is an index, and somebody signed it. */
  readonly hasSignedIndex?: boolean;
};

/** A release on its way: what was checked, and the channel that it goes to. */
export type Publication = {
  readonly release: Publishable;
  readonly channel: string;
  /** Gives the channel this version although it was published long ago and the channel has gone on: on purpose only. */
  readonly repoint?: boolean;
  /**
   * Throws when what the target has now forbids it. A target that others publish to at the same time asks once more when it
   * has locked them out.
   */
  readonly admit?: (known: KnownReleases) => void;
};

/** What became of one release. */
export type PublishedRelease = {
  readonly stem: string;
  readonly channel: string;
  /** Where it can be had: a path or an address. */
  readonly place: string;
  /** The same bytes were there already. */
  readonly already: boolean;
};

/** What publishing did, for the terminal and for --json. */
export type Published = {
  readonly target: string;
  readonly releases: readonly PublishedRelease[];
};

/** Somewhere that releases are published to. */
export type Target = {
  /** As the user wrote it: `dir:…`, `github:…`. */
  readonly name: string;
  /** It writes an index, which needs signatures of its own. */
  readonly signsIndex?: boolean;
  /** Refuses what cannot work, before anything is changed: a directory that is read-only, a token without the right. Throws PublishError. */
  readonly preflight: () => Promise<void>;
  /**
   * What is there for a target name (`<BOARD>[-<VARIANT>]`). Throws PublishError, also for an index that these signers
   * must not go on with.
   */
  readonly known: (targetName: string, signers: readonly Signer[]) => Promise<KnownReleases>;
  /**
   * Publishes all of them: each appears whole or not at all, and what is published never changes. `signers` sign what the
   * target writes about its releases; `done` hears of each release that is out. Throws PublishError.
   */
  readonly publish: (
    publications: readonly Publication[],
    signers: readonly Signer[],
    done: (release: PublishedRelease) => void,
  ) => Promise<Published>;
};
