import type { IdfVersion } from './idf-version.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A program as it has to be started on this machine. */
export type Invocation = {
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Environment;
};

export type InvocationRequest = {
  readonly program: string;
  readonly args: readonly string[];
  readonly directory: string;
  /** Added to the environment of the program. */
  readonly environment: Readonly<Record<string, string>>;
  /** Directories that the program reads, and those that it writes, as absolute paths. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
};

/** ESP-IDF with its compilers, wherever it is. */
export type Toolchain = {
  readonly kind: 'local' | 'container';
  readonly idf: IdfVersion;
  /** What it is, for people: `ESP-IDF v5.5.1 in /opt/esp-idf`. */
  readonly title: string;
  readonly facts: ToolchainFacts;
  /** Looks at all of ESP-IDF's sources, which takes a while: only a build needs it. */
  readonly identify: () => Promise<ToolchainIdentity>;
  /** How `program` of this toolchain is started. */
  readonly invocation: (request: InvocationRequest) => Invocation;
  /** Ends what an interrupted invocation left running elsewhere. */
  readonly stop: () => Promise<void>;
};

export type ToolchainIdentity = {
  /** Equal for toolchains that make the same bytes: a part of the cache's key. */
  readonly identity: string;
  /** What git says of ESP-IDF's sources, where it can be asked. */
  readonly source?: { readonly commit: string; readonly dirty: boolean };
};

/** What a plan keeps of a toolchain, so that another job takes the same one. */
export type ToolchainFacts =
  | { readonly kind: 'local' }
  | {
      readonly kind: 'container';
      /** `espressif/idf@sha256:…`, never a tag. */
      readonly image: string;
    };
