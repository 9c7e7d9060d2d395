import { hex } from '../../errors/hex.ts';
import type { FlashImageInspection, TableInspection } from '../../inspect/inspection.ts';
import type { PartitionContents } from '../../inspect/partition-contents.ts';
import type { TableReport } from '../../inspect/partition-table.ts';
import type { Output } from '../output.ts';
import { renderApp, renderBootloader } from './inspect-app.ts';
import {
  placeOf,
  renderFacts,
  renderIndentedMap,
  renderParagraph,
  renderSection,
  renderWarnings,
  type Fact,
} from './inspect-facts.ts';
import { renderOtadata } from './inspect-otadata.ts';
import { signatureV1Facts } from './inspect-signature.ts';
import { printable } from './printable.ts';

/** Everything in a full-flash image, as sections. */
export function renderFlashImage(flash: FlashImageInspection, output: Output): readonly string[] {
  const { bootloader, table, partitions, otadata, boot, warnings } = flash;
  const starts = boot.partition === null ? 'Boots nothing' : `Boots '${printable(boot.partition)}'`;
  const room = flash.flashMap.find(({ kind }) => kind === 'bootloader');
  return [
    renderParagraph(`${starts}: ${printable(boot.why)}.`, output),
    renderWarnings(
      warnings.map(({ message }) => message),
      output,
    ),
    renderSection(['Flash map', ''], [renderIndentedMap(flash.flashMap, output)], output),
    ...partitions.flatMap((partition) => renderAppPartition(partition, output)),
    ...(otadata === null
      ? []
      : [renderSection(['OTA data', ''], renderOtadata(otadata, output), output)]),
    renderSection(
      ['Bootloader', room === undefined ? '' : `at ${hex(room.offset)}`],
      renderBootloader(bootloader, output),
      output,
    ),
    renderSection(
      ['Partition table', `at ${hex(table.offset)}`],
      [renderFacts(tableFacts(table, output), output)],
      output,
    ),
  ];
}

function renderAppPartition(
  { name, offset, size, contents }: PartitionContents,
  output: Output,
): string[] {
  if (contents.kind !== 'image') return [];
  return [
    renderSection(
      [`App in '${printable(name)}'`, placeOf(offset, size)],
      renderApp(contents.app, output),
      output,
    ),
  ];
}

/** A partition table by itself. */
export function renderPartitionTable(
  { table, flashMap }: TableInspection,
  output: Output,
): readonly string[] {
  return [
    renderSection(
      ['Flash map', `with the table at ${hex(table.offset)}, which is assumed`],
      [renderIndentedMap(flashMap, output)],
      output,
    ),
    renderFacts(tableFacts(table, output), output),
  ];
}

function tableFacts(
  table: Omit<TableReport, 'partitions'> & Partial<TableReport>,
  { colours }: Output,
): Fact[] {
  const md5 = {
    valid: colours.green('valid'),
    absent: 'none: damage would go unnoticed',
    unknown: 'not known',
  }[table.md5];
  return [
    ['MD5', md5],
    ...(table.problem === undefined
      ? []
      : [['damaged', colours.red(printable(table.problem))] as Fact]),
    ...(table.dataBehind ? [['remark', 'there is data behind the table'] as Fact] : []),
    ...(table.signatureV1 === null ? [] : signatureV1Facts(table.signatureV1)),
    ...table.remarks.map((remark): Fact => ['remark', colours.yellow(printable(remark))]),
  ];
}
