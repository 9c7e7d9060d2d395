import { UsageError } from '../../errors/families.ts';
import { boardPage } from './board-page.ts';
import {
  isReservedChannel,
  otaJsonOf,
  PAGE,
  WEB_TOOLS_MANIFEST,
  webToolsManifestOf,
} from './names.ts';
import { otaJson } from './ota-json.ts';
import { channelReleases, type PageFile, type PageInput } from './page-input.ts';
import { webToolsManifest } from './web-tools-manifest.ts';

/**
 * What a board's folder has beside our own index and releases: index.html for people, `<channel>.json` for devices with
 * micropython-esp32-ota or our package `ota`, and `esp-web-tools.json` (default channel) and
 * `esp-web-tools-<channel>.json` for ESP Web Tools and ESPHome. Paths are below that folder. The same input gives the same
 * bytes. Throws UsageError for a channel whose file would take the place of another.
 */
export function pageFiles(input: PageInput): readonly PageFile[] {
  const releases = channelReleases(input);
  const reserved = releases.find(({ channel }) => isReservedChannel(channel));
  if (reserved !== undefined) {
    throw new UsageError(
      'USAGE',
      `'${reserved.channel}' cannot be the name of a channel: ${reserved.channel}.json is another file there`,
    );
  }
  const [first] = releases;
  return [
    { file: PAGE, bytes: Buffer.from(boardPage(input)) },
    ...(first === undefined ? [] : [json(WEB_TOOLS_MANIFEST, webToolsManifest(first))]),
    ...releases.flatMap((release) => [
      json(otaJsonOf(release.channel), otaJson(release)),
      json(webToolsManifestOf(release.channel), webToolsManifest(release)),
    ]),
  ];
}

function json(file: string, value: unknown): PageFile {
  return { file, bytes: Buffer.from(`${JSON.stringify(value, null, 2)}\n`) };
}
