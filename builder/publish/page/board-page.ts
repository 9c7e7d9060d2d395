import { findChipByName } from '../../chip/registry.ts';
import { html, Html } from './html.ts';
import { installSection } from './install-section.ts';
import { channelReleases, type PageInput } from './page-input.ts';
import { releaseSection } from './release-section.ts';
import { STYLE } from './style.ts';
import { channelTable, versionTable } from './version-tables.ts';
import { ASSETS, ENTRY } from './web-assets.ts';

/**
 * Scripts and requests go to the page's own server only. The dialogs of esp-web-tools bring styles of their own, in shadow
 * roots and attributes, which a policy could not list: hence 'unsafe-inline' for styles.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "style-src 'self' 'unsafe-inline'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** index.html of a board: what its channels have, how to get it onto a board, what lies where, and how to check it. */
export function boardPage(input: PageInput): string {
  const releases = channelReleases(input);
  const [first] = releases;
  const others = releases.filter(
    ({ version }, at) => releases.findIndex((each) => each.version === version) === at && at > 0,
  );
  const chip = first === undefined ? undefined : findChipByName(first.manifest.chip);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <title>${input.targetName}: firmware releases</title>
        <link rel="icon" href="data:," />
        <style>
          ${new Html(STYLE)}
        </style>
        <script type="module" src="${`../${ASSETS}/${ENTRY}`}"></script>
      </head>
      <body>
        <header>
          <p class="eyebrow">Firmware${chip === undefined ? '' : ` for ${chip.title}`}</p>
          <h1>${input.targetName}</h1>
          ${channelTable(input)}
        </header>
        <main>
          ${first === undefined ? undefined : [installSection(releases), releaseSection(first)]}
          ${others.map(
            (release) =>
              html`<details class="other">
                <summary>${release.channel}: version ${release.version.version}</summary>
                ${releaseSection(release)}
              </details>`,
          )}
          ${versionTable(input)}
        </main>
        <footer>
          <p>
            Made by ota-build from <a href="./index.json">index.json</a>. What this page says is
            worth as much as the server that it came from: no signature covers it.
            <code>ota-build fetch</code> goes by signatures.
          </p>
        </footer>
      </body>
    </html> `.text.replace(/^[ \t]+/gm, '');
}
