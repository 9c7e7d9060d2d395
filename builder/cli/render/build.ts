import type { Bundle } from '../../bundle/bundle.ts';
import { hex } from '../../errors/hex.ts';
import {
  CHECKSUMS,
  MANIFEST,
  MANIFEST_SIGNATURE,
  stemFiles,
} from '../../manifest/release-files.ts';
import { sizeInSlot } from '../../partition/fit.ts';
import type { LaidOut } from '../../partition/laid-out.ts';
import { flashMap } from '../../partition/flash-map.ts';
import type { Output } from '../output.ts';
import { renderFlashMap } from './flash-map.ts';
import { renderPlan } from './plan.ts';
import { formatSize } from './size.ts';
import { shellWord } from './shell-word.ts';

/** What a build made: the directory, its files, the flash map, and how to get it onto a device. */
export function renderBuild(
  { plan, manifest, chip, layout }: Bundle,
  directory: string,
  output: Output,
): string {
  const { colours } = output;
  const app = manifest.artifacts.find(({ role }) => role === 'app');
  const bootloader = manifest.artifacts.find(({ role }) => role === 'bootloader');
  const map = flashMap({
    chip,
    ...(bootloader === undefined
      ? {}
      : {
          bootloader: { offset: bootloader.offset ?? chip.bootloaderOffset, size: bootloader.size },
        }),
    tableOffset: layout.tableOffset,
    partitions: layout.partitions,
    flashSize: layout.flash.size.bytes,
    usage: new Map([[layout.appSlot.name, app?.size ?? 0]]),
  });
  return [
    '',
    renderFlashMap(map, output),
    '',
    colours.green(colours.bold(directory)),
    ...manifest.artifacts.map(
      ({ file, size, role, offset }) =>
        `  ${file.padEnd(34)} ${formatSize(size).padStart(10)}  ${role}${offset === undefined ? '' : ` at ${hex(offset)}`}`,
    ),
    `  ${besideArtifacts(plan.stem, manifest).join(', ')}`,
    '',
    ...describeSigning(manifest, directory, output),
    ...describeFlashing(manifest, directory, output),
  ].join('\n');
}

/** What a release has beside the artifacts that its manifest lists. */
function besideArtifacts(stem: string, { signing }: Bundle['manifest']): string[] {
  return [
    MANIFEST,
    ...(signing === null ? [] : [MANIFEST_SIGNATURE]),
    stemFiles(stem).zip,
    CHECKSUMS,
  ];
}

function describeSigning(
  { signing, awaitsSignature }: Bundle['manifest'],
  directory: string,
  { colours, command }: Output,
): string[] {
  if (awaitsSignature !== undefined) {
    const sign = `${command} sign ${shellWord(directory)} --key KEY --out DIRECTORY`;
    return [`Not signed yet. Sign it, with ${awaitsSignature.scheme}:  ${colours.cyan(sign)}`];
  }
  if (signing === null) return ['Not signed.'];
  return signing.keys.map(
    ({ digest, development }) =>
      `Signed (${signing.scheme}) by key ${digest}${development === true ? ', a development key' : ''}.`,
  );
}

function describeFlashing(
  manifest: Bundle['manifest'],
  directory: string,
  { colours, command }: Output,
): string[] {
  const place = shellWord(directory);
  const check = `Check it:  ${colours.cyan(`${command} verify ${place}`)}`;
  const flash = `cd ${place} && esptool --chip ${manifest.chip} write-flash @flash_args`;
  if (manifest.artifacts.some(({ role }) => role === 'firmware'))
    return [check, `Flash it:  ${colours.cyan(flash)}`];
  const noBootloader = 'There is no bootloader in it, and so no full-flash image.';
  if (manifest.source.kind !== 'drill') {
    return [
      check,
      `${noBootloader} Send the .app-bin over the air to devices that have the same partition table.`,
    ];
  }
  const app = manifest.artifacts.find(({ role }) => role === 'app');
  return [
    check,
    `${noBootloader} A device that runs gets the drill over the air:`,
    'its firmware writes the .app-bin into the slot that does not run, selects that slot and resets',
    '(firmware/drill/README.md has the lines for MicroPython). Or by cable, with esptool 5 or later:',
    `           ${colours.cyan(flash)}`,
    `This writes over the second slot, at ${hex(app?.offset ?? 0)}: only for a device with this very layout that runs from`,
    'the first one (esp32.Partition(esp32.Partition.RUNNING).info() says). Where the second one runs, write the',
    `.app-bin to the first slot's offset, and the OTA data that \`${command} otadata trial --from slot1 --to slot0\` makes.`,
    'The device then comes back by itself, or says on the serial line why not.',
    `${colours.cyan(`${command} publish ${place} --drill --to TARGET --key KEY`)} publishes it, in a channel of its own.`,
  ];
}

/** What a dry run found out. */
export function renderDryRun(
  { plan, chip, layout, app, bootloader, pageSize }: LaidOut,
  output: Output,
): string {
  const map = flashMap({
    chip,
    ...(bootloader === undefined
      ? {}
      : { bootloader: { offset: bootloader.offset, size: bootloader.bytes.length } }),
    tableOffset: layout.tableOffset,
    partitions: layout.partitions,
    flashSize: layout.flash.size.bytes,
    usage: new Map([
      [layout.appSlot.name, sizeInSlot(app, plan.signing === null ? undefined : { pageSize })],
    ]),
  });
  return [
    renderPlan(plan, output),
    '',
    renderFlashMap(map, output),
    '',
    'Dry run: everything up to signing holds; nothing was written.',
  ].join('\n');
}
