import { html, type Html } from './html.ts';
import type { ChannelRelease } from './page-input.ts';
import { webToolsManifestOf } from './names.ts';
import { isInstallable } from './web-tools-manifest.ts';

/** Buttons that write a release onto a board that hangs on this computer, by Web Serial. */
export function installSection(releases: readonly ChannelRelease[]): Html {
  const installable = releases.filter(isInstallable);
  return html`<section>
    <h2>Install from this page</h2>
    ${
      installable.length === 0
        ? html`<p>
            No channel has a full-flash image, which this takes. What there is goes onto boards that
            run already, over the air or with esptool.
          </p>`
        : [
            html`<p>
              Connect the board by USB. This writes the full-flash image and erases NVS; the dialog
              asks whether to erase all else. It does not check signatures: it takes what this
              server sends.
            </p>`,
            installable.map(installButton),
            html`<noscript
              ><p class="note">The button needs JavaScript; esptool, below, does not.</p></noscript
            >`,
          ]
    }
  </section>`;
}

function installButton({ channel, version: { version } }: ChannelRelease): Html {
  return html`<esp-web-install-button manifest="${`./${webToolsManifestOf(channel)}`}">
    <button slot="activate" type="button">Install ${version} (${channel})</button>
    <p slot="unsupported" class="note">
      This browser has no Web Serial, which installing ${version} (${channel}) from here takes.
      Chrome and Edge on a computer have it. Or use esptool, as below.
    </p>
    <p slot="not-allowed" class="note">
      Browsers allow Web Serial only over HTTPS, and this page came without it. Or use esptool, as
      below.
    </p>
  </esp-web-install-button>`;
}
