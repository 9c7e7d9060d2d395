import type { Manifest } from '../../manifest/manifest.ts';

/** A published version, as the index of its board lists it. */
export type PublishedVersion = {
  readonly version: string;
  readonly channel: string;
  /** ISO 8601 in UTC. */
  readonly publishedAt: string;
  readonly secureVersion: number;
  readonly sourceKind: 'micropython' | 'prebuilt' | 'drill';
  /** Signed with a development key. */
  readonly development: boolean;
  /** Digests (hex) of the keys that signed the app. */
  readonly keys: readonly string[];
  /** Every file of the release directory. */
  readonly files: readonly {
    readonly file: string;
    readonly size: number;
    readonly sha256: string;
  }[];
};

/** What only the release directory itself tells. */
export type PageRelease = {
  readonly manifest: Manifest;
  /** MD5 (hex) of the app: ESPHome compares with it what it has downloaded. It guards against accidents only. */
  readonly appMd5: string;
};

/** All that the files of a page are made from. */
export type PageInput = {
  /** `<BOARD>[-<VARIANT>]`. */
  readonly targetName: string;
  /** Newest first. */
  readonly versions: readonly PublishedVersion[];
  /** The version that each channel has now. */
  readonly channels: Readonly<Record<string, string>>;
  /** Of every version that a channel has, by version. */
  readonly releases: ReadonlyMap<string, PageRelease>;
};

/** A file to be written: its path below the folder that the function names, with forward slashes. */
export type PageFile = { readonly file: string; readonly bytes: Buffer };

/** What one channel offers. */
export type ChannelRelease = PageRelease & {
  readonly channel: string;
  readonly version: PublishedVersion;
};

/** The channel that most people want: `stable`, else the one with the newest version. Undefined when there is none. */
export function defaultChannel({ channels, versions }: PageInput): string | undefined {
  if (Object.hasOwn(channels, 'stable')) return 'stable';
  const newest = versions.find(({ version }) => Object.values(channels).includes(version));
  return Object.keys(channels)
    .sort()
    .find((channel) => channels[channel] === newest?.version);
}

/** What the channels offer, the default one first, then by name. Throws Error when a version or its release is not there. */
export function channelReleases(input: PageInput): readonly ChannelRelease[] {
  const first = defaultChannel(input);
  const names = Object.keys(input.channels).sort((a, b) =>
    a === first ? -1 : b === first ? 1 : a < b ? -1 : 1,
  );
  return names.map((channel) => {
    const wanted = input.channels[channel];
    const version = input.versions.find((each) => each.version === wanted);
    const release = input.releases.get(wanted ?? '');
    if (version === undefined || release === undefined)
      throw new Error(`channel ${channel} has a version that was not handed over`);
    return { channel, version, ...release };
  });
}
