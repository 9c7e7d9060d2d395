import { flashSizeByName } from '../../chip/flash-settings.ts';
import { hex } from '../../errors/hex.ts';
import { isOtaSlot, subtypeName, typeName } from '../../format/partition-types.ts';
import type { Manifest } from '../../manifest/manifest.ts';
import { flashMap, type FlashRegion } from '../../partition/flash-map.ts';
import { html, type Html } from './html.ts';

/** Width of the drawing in its own units: flash from 0 to its end. */
const WIDTH = 1000;
const HEIGHT = 36;

/** Flash as a bar to scale, and as a table of what lies where and how full the release makes it. */
export function flashDrawing(manifest: Manifest): Html {
  const regions = regionsOf(manifest);
  const end = Math.max(1, ...regions.map(({ offset, size }) => offset + size));
  return html`<svg
      class="flash"
      viewBox="0 0 ${WIDTH} ${HEIGHT}"
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      ${regions.map((region) => rectangle(region, end))}
    </svg>
    <div class="scroll" tabindex="0" role="region" aria-label="Flash map">
      <table>
        <thead>
          <tr>
            <th scope="col">region</th>
            <th scope="col">type</th>
            <th scope="col" class="number">offset</th>
            <th scope="col" class="number">size</th>
            <th scope="col">taken by this release</th>
          </tr>
        </thead>
        <tbody>
          ${regions.map(row)}
        </tbody>
      </table>
    </div>`;
}

function rectangle(region: FlashRegion, end: number): Html {
  const { offset, size, used, name } = region;
  const box = (bytes: number, className: string): Html =>
    html`<rect
      x="${scaled(offset, end)}"
      y="0"
      width="${scaled(bytes, end)}"
      height="${HEIGHT}"
      class="${className}"
    >
      <title>${name}: ${hex(offset)}, ${kibibytes(size)}</title>
    </rect>`;
  const filled = used === undefined ? undefined : box(Math.min(used, size), 'used');
  return html`${box(size, colourOf(region))}${filled}`;
}

function row(region: FlashRegion): Html {
  const { name, offset, size, used } = region;
  return html`<tr>
    <th scope="row"><span class="key ${colourOf(region)}"></span>${name}</th>
    <td>${typeOf(region)}</td>
    <td class="number"><code>${hex(offset)}</code></td>
    <td class="number">${kibibytes(size)}</td>
    <td>
      ${
        used === undefined
          ? undefined
          : html`<meter min="0" max="${size}" value="${used}" aria-hidden="true"></meter>
              ${Math.ceil((used / size) * 100)} %`
      }
    </td>
  </tr>`;
}

/** A release says what its own files fill: the bootloader, and the slot that its app is written to. */
function regionsOf({ partitions, artifacts, flash }: Manifest): readonly FlashRegion[] {
  const find = (role: string) => artifacts.find((artifact) => artifact.role === role);
  const [app, bootloader, table] = [find('app'), find('bootloader'), find('partition-table')];
  const size = flashSizeByName(flash.size)?.bytes;
  const slot =
    partitions.find(({ offset }) => offset === app?.offset) ?? partitions.find(isOtaSlot);
  return flashMap({
    ...(bootloader?.offset === undefined
      ? {}
      : { bootloader: { offset: bootloader.offset, size: bootloader.size } }),
    tableOffset: table?.offset ?? 0,
    partitions: partitions.map(({ flags, ...partition }) => ({
      ...partition,
      encrypted: flags.includes('encrypted'),
      readonly: flags.includes('readonly'),
    })),
    ...(size === undefined ? {} : { flashSize: size }),
    usage: new Map(app === undefined || slot === undefined ? [] : [[slot.name, app.size]]),
  });
}

function typeOf(region: FlashRegion): string {
  if (region.kind !== 'partition') return '';
  const { type, subtype, flags } = region;
  return [`${typeName(type)}, ${subtypeName(type, subtype)}`, ...flags].join(', ');
}

function colourOf(region: FlashRegion): string {
  if (region.kind !== 'partition') return region.kind === 'free' ? 'free' : 'boot';
  return isOtaSlot(region) ? 'slot' : typeName(region.type) === 'app' ? 'app' : 'data';
}

function scaled(bytes: number, end: number): string {
  return ((bytes / end) * WIDTH).toFixed(2);
}

function kibibytes(bytes: number): string {
  return `${(bytes / 1024).toLocaleString('en', { maximumFractionDigits: 1 })} KiB`;
}
