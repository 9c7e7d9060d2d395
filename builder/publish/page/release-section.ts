import { fetchFlags } from '../fetch-flags.ts';
import { html, address, type Html } from './html.ts';
import { flashDrawing } from './flash-drawing.ts';
import type { ChannelRelease } from './page-input.ts';

/** All about the release that a channel has. */
export function releaseSection(release: ChannelRelease): Html {
  const { version } = release.version;
  return html`<article aria-label="Version ${version}">
    <h2>Version ${version}</h2>
    ${warnings(release)} ${facts(release)}
    <h3>Flash it with esptool</h3>
    ${esptool(release)}
    <h3>Update devices over the air</h3>
    ${overTheAir(release)}
    <h3>Fetch and verify it</h3>
    ${verifying(release)}
    <h3>Flash map</h3>
    ${flashDrawing(release.manifest)}
    <h3>Files and checksums</h3>
    ${files(release)}
  </article>`;
}

function warnings({ manifest, version }: ChannelRelease): readonly Html[] {
  const drill =
    'This is the rollback drill: firmware that is meant to fail, so that a device shows whether it comes back.';
  const development =
    'Signed with a development key: good for trying things out, and for nothing that leaves the bench.';
  const isDrill = manifest.source.kind === 'drill';
  const isSaid = manifest.warnings.some(({ code }) => code === 'DEVELOPMENT_KEY');
  const others = manifest.warnings.filter(({ code }) => !isDrill || code !== 'DRILL');
  return [
    ...(isDrill ? [drill] : []),
    ...(version.development && !isSaid ? [development] : []),
    ...others.map(({ message }) => message),
  ].map((text) => html`<p class="alert">${text}</p>`);
}

function facts({ manifest, version }: ChannelRelease): Html {
  const { flash, signing, secureVersion, projectName, createdAt } = manifest;
  const rows: readonly (readonly [string, Html | string])[] = [
    ['made from', describeSource(manifest)],
    ['project', projectName],
    ['created', html`<time datetime="${createdAt}">${createdAt}</time>`],
    ['published', html`<time datetime="${version.publishedAt}">${version.publishedAt}</time>`],
    ['secure_version', String(secureVersion)],
    ['flash', `${flash.size}, ${flash.mode}, ${flash.freq}`],
    ['signature', signing === null ? 'none' : signing.scheme],
    ...(signing?.keys ?? []).map(
      ({ digest, development }) =>
        [
          'key digest',
          html`<code class="digest">${digest}</code>${
              development === true ? ' (development)' : undefined
            }`,
        ] as const,
    ),
  ];
  return html`<dl>
    ${rows.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

function describeSource({ source }: ChannelRelease['manifest']): string {
  if (source.kind === 'drill') return 'the built-in rollback drill';
  if (source.kind === 'prebuilt') {
    const { micropython, idfVersion, file } = source;
    const what = micropython === undefined ? '' : `MicroPython ${micropython.version}, `;
    return `${what}ESP-IDF ${idfVersion}, repackaged from ${file}`;
  }
  const { version, commit, dirty, idfVersion } = source;
  const at = commit === undefined ? '' : ` (commit ${commit.slice(0, 10)})`;
  return `MicroPython ${version}${at}${dirty ? ' with local changes' : ''}, compiled with ESP-IDF ${idfVersion}`;
}

function esptool(release: ChannelRelease): Html {
  const { manifest } = release;
  const firmware = manifest.artifacts.find(({ role }) => role === 'firmware');
  const start = `esptool --chip ${manifest.chip} write-flash`;
  if (firmware?.offset !== undefined) {
    return html`<p>
        With <a href="${place(release, firmware.file)}">${firmware.file}</a>, which erases NVS and
        starts the first slot:
      </p>
      ${command(`${start} 0x${firmware.offset.toString(16)} ${firmware.file}`)}
      <p>In the unpacked zip, to leave everything else in flash alone:</p>
      ${command(`${start} @flash_args`)}`;
  }
  return html`<p>
      There is no bootloader in it: it goes onto boards that run already and have this partition
      table.
      ${
        manifest.source.kind === 'drill'
          ? 'It writes the second slot, for a board that runs from the first one.'
          : undefined
      }
      In the unpacked zip:
    </p>
    ${command(`${start} @flash_args`)}`;
}

function overTheAir({ channel, manifest }: ChannelRelease): Html {
  const text = html`<p>
    With the package <code>ota</code> of ota-build, or micropython-esp32-ota, on the device:
  </p>`;
  const python = html`<pre><code>import ota.update
ota.update.from_json("<span data-address="./${channel}.json">ADDRESS/${channel}.json</span>")</code></pre>`;
  const esphome = html`<p>
    ESPHome's <code>update: http_request</code> and ESP Web Tools read
    <a href="./esp-web-tools-${channel}.json">esp-web-tools-${channel}.json</a>.
  </p>`;
  return html`${text}${python}${manifest.source.kind === 'drill' ? undefined : esphome}`;
}

function verifying({ channel, manifest, version }: ChannelRelease): Html {
  if (manifest.signing === null) {
    return html`<p>
      It is not signed: nothing proves who made it. The checksums below say whether it arrived as
      this server has it.
    </p>`;
  }
  const variant = manifest.variant === undefined ? '' : ` --variant ${manifest.variant}`;
  const target = `--board ${manifest.board}${variant}`;
  const zip = version.files.find(({ file }) => file.endsWith('.zip'));
  const options = `--trust release.pub.pem${fetchFlags(manifest)}`;
  return html`<p>
      Fetches the release, and refuses whatever is not signed by a key that you trust, or not whole:
    </p>
    <pre><code>npx ota-build fetch <span data-address="../">ADDRESS</span> ${target} --channel ${channel} ${options}</code></pre>
    <p>Get the public key from whoever signs these releases, not from this server.</p>
    ${
      zip === undefined
        ? undefined
        : html`<p>The same without a network, where its zip is:</p>
            ${command(`npx ota-build fetch ${zip.file} ${target} ${options}`)}`
    }`;
}

function files(release: ChannelRelease): Html {
  const roles = new Map(release.manifest.artifacts.map(({ file, role }) => [file, role]));
  return html`<div
    class="scroll"
    tabindex="0"
    role="region"
    aria-label="Files of version ${release.version.version}"
  >
    <table>
      <thead>
        <tr>
          <th scope="col">file</th>
          <th scope="col" class="number">bytes</th>
          <th scope="col">SHA-256</th>
        </tr>
      </thead>
      <tbody>
        ${release.version.files.map(
          ({ file, size, sha256 }) =>
            html`<tr>
              <th scope="row">
                <a href="${place(release, file)}">${file}</a>
                ${roles.has(file) ? html`<span class="role">${roles.get(file)}</span>` : undefined}
              </th>
              <td class="number">${size.toLocaleString('en')}</td>
              <td><code class="digest">${sha256}</code></td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function place({ version: { version } }: ChannelRelease, file: string): string {
  return address(version, file);
}

function command(text: string): Html {
  return html`<pre><code>${text}</code></pre>`;
}
