/** The page of a board. */
export const PAGE = 'index.html';
/** ESP Web Tools manifest of the default channel. */
export const WEB_TOOLS_MANIFEST = 'esp-web-tools.json';

/** ESP Web Tools manifest of a channel. */
export function webToolsManifestOf(channel: string): string {
  return `esp-web-tools-${channel}.json`;
}

/** `{firmware, sha, length}` of a channel. */
export function otaJsonOf(channel: string): string {
  return `${channel}.json`;
}

/** True for names whose `<channel>.json` would be another file of the published tree. */
export function isReservedChannel(channel: string): boolean {
  return /^(?:index|esp-web-tools(?:-.*)?)$/.test(channel);
}
