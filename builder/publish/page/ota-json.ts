import type { ChannelRelease } from './page-input.ts';

/** What micropython-esp32-ota and our own package `ota` read. */
export type OtaJson = { readonly firmware: string; readonly sha: string; readonly length: number };

/**
 * The app of a channel for `ota.update.from_json(".../stable.json")`: the app's address relative to the file's own, its
 * SHA-256 in lower-case hex and its length in bytes. Source: micropython-esp32-ota, README and mip/ota/update.py. Throws
 * Error for a release without app, which no release is.
 */
export function otaJson({ manifest, version: { version } }: ChannelRelease): OtaJson {
  const app = manifest.artifacts.find(({ role }) => role === 'app');
  if (app === undefined) throw new Error(`release ${version} has no app`);
  return { firmware: `${version}/${app.file}`, sha: app.sha256, length: app.size };
}
