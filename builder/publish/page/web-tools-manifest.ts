import { findChipByName } from '../../chip/registry.ts';
import type { Manifest } from '../../manifest/manifest.ts';
import type { ChannelRelease } from './page-input.ts';

/** A build of an ESP Web Tools manifest, with the block that ESPHome reads. */
export type WebToolsBuild = {
  readonly chipFamily: string;
  readonly parts?: readonly { readonly path: string; readonly offset: number }[];
  readonly ota?: { readonly path: string; readonly md5: string; readonly summary: string };
};

export type WebToolsManifest = {
  readonly name: string;
  readonly version: string;
  readonly new_install_prompt_erase: boolean;
  readonly new_install_improv_wait_time: number;
  readonly builds: readonly WebToolsBuild[];
};

/**
 * What esp-web-tools installs by cable and ESPHome's `update: http_request` over the air. Paths are relative to the file
 * itself. A release without full-flash image has nothing to install by cable (esp-web-tools may erase the chip first, and
 * with it the bootloader that such a release does not bring), so its build has no `parts`; a drill is not offered at all.
 * MicroPython does not speak Improv, and an erase is for the user to decide, so that files on the board survive.
 * Sources: esp-web-tools src/const.ts and README; ESPHome, "Managed Updates via HTTP Request", Update Manifest Format.
 */
export function webToolsManifest({
  manifest,
  version: { version },
  appMd5,
}: ChannelRelease): WebToolsManifest {
  const chip = findChipByName(manifest.chip);
  const place = (file: string): string => `${version}/${file}`;
  const firmware = manifest.artifacts.find(({ role }) => role === 'firmware');
  const app = manifest.artifacts.find(({ role }) => role === 'app');
  const isOffered = manifest.source.kind !== 'drill' && chip !== undefined;
  return {
    name: boardOf(manifest),
    version,
    new_install_prompt_erase: true,
    new_install_improv_wait_time: 0,
    builds: isOffered
      ? [
          {
            chipFamily: chip.title,
            ...(firmware?.offset === undefined
              ? {}
              : { parts: [{ path: place(firmware.file), offset: firmware.offset }] }),
            ...(app === undefined || looksAbsolute(place(app.file))
              ? {}
              : { ota: { path: place(app.file), md5: appMd5, summary: summaryOf(manifest) } }),
          },
        ]
      : [],
  };
}

/** True when a browser can install it: there is a full-flash image, and it is meant to stay. */
export function isInstallable({ manifest }: ChannelRelease): boolean {
  return (
    manifest.source.kind !== 'drill' &&
    manifest.artifacts.some(({ role, offset }) => role === 'firmware' && offset !== undefined)
  );
}

/** ESPHome takes a path for a whole address when "http" is anywhere in it (http_request_update.cpp). */
function looksAbsolute(path: string): boolean {
  return path.includes('http');
}

function boardOf({ board, variant }: Manifest): string {
  return variant === undefined ? board : `${board}-${variant}`;
}

function summaryOf({ source, signing, secureVersion }: Manifest): string {
  const what =
    source.kind === 'drill'
      ? 'Rollback drill'
      : source.kind === 'micropython'
        ? `MicroPython ${source.version}`
        : source.micropython === undefined
          ? 'Firmware'
          : `MicroPython ${source.micropython.version}`;
  const signed = signing === null ? 'not signed' : `signed (${signing.scheme})`;
  return `${what}, ${signed}, secure_version ${secureVersion}`;
}
