import { address, html, type Html } from './html.ts';
import { defaultChannel, type PageInput, type PublishedVersion } from './page-input.ts';

/** Which version each channel has now. */
export function channelTable(input: PageInput): Html {
  const first = defaultChannel(input);
  if (first === undefined) return html`<p>Nothing has been published yet.</p>`;
  const names = Object.keys(input.channels).sort((a, b) =>
    a === first ? -1 : b === first ? 1 : a < b ? -1 : 1,
  );
  return html`<ul class="channels">
    ${names.map((channel) => {
      const version = input.versions.find((each) => each.version === input.channels[channel]);
      return html`<li>
        <span class="channel">${channel}</span> <strong>${input.channels[channel]}</strong>
        ${version === undefined ? undefined : [day(version.publishedAt), badges(version)]}
      </li>`;
    })}
  </ul>`;
}

/** Every version that was published. */
export function versionTable({ versions }: PageInput): Html {
  return html`<section>
    <h2>All versions</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="All versions">
      <table>
        <thead>
          <tr>
            <th scope="col">version</th>
            <th scope="col">channel</th>
            <th scope="col">published</th>
            <th scope="col" class="number">secure_version</th>
            <th scope="col">signed by</th>
            <th scope="col"></th>
          </tr>
        </thead>
        <tbody>
          ${versions.map(
            (each) =>
              html`<tr>
                <th scope="row">
                  <a href="${address(each.version, 'manifest.json')}">${each.version}</a>
                </th>
                <td>${each.channel}</td>
                <td>${day(each.publishedAt)}</td>
                <td class="number">${each.secureVersion}</td>
                <td>
                  ${
                    each.keys.length === 0
                      ? 'nobody'
                      : each.keys.map(
                          (key) => html`<code title="${key}">${key.slice(0, 12)}…</code> `,
                        )
                  }
                </td>
                <td>${badges(each)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

/** What a user has to know before anything else. */
export function badges({ sourceKind, development, keys }: PublishedVersion): readonly Html[] {
  return [
    ...(sourceKind === 'drill' ? [html`<span class="badge bad">rollback drill</span> `] : []),
    ...(development ? [html`<span class="badge bad">development key</span> `] : []),
    ...(keys.length === 0 ? [html`<span class="badge warn">not signed</span> `] : []),
  ];
}

function day(time: string): Html {
  return html`<time datetime="${time}">${time.slice(0, 10)}</time> `;
}
