import { hex } from '../../errors/hex.ts';
import type { OtadataChoice, OtadataReport, OtadataSectorReport } from '../../inspect/otadata.ts';
import type { Colours, Output } from '../output.ts';
import { indent, renderFacts, type Fact } from './inspect-facts.ts';
import { renderTable } from './table.ts';

/** OTA data: its two sectors as a table, then what a bootloader makes of them. */
export function renderOtadata(otadata: OtadataReport, output: Output): readonly string[] {
  const { colours } = output;
  const titles = ['sector', 'sequence', 'state', 'CRC', 'slot', 'worth'];
  const rows = otadata.sectors.map((sector) => rowOf(sector, colours));
  const columns = titles.map((title) => ({ title }));
  const table = renderTable(columns, rows, colours);
  return [indent(table), renderFacts([...choiceFacts(otadata), ...remarks(otadata)], output)];
}

function rowOf(
  { index, sequence, state, stateCode, crc, slot, verdict }: OtadataSectorReport,
  colours: Colours,
): string[] {
  if (sequence === null) return [String(index), 'erased', '', '', '', ''];
  const stored = hex(crc.stored, 8);
  const worth = {
    usable: 'usable',
    empty: 'empty',
    'marked-invalid': 'given up',
    'marked-aborted': 'given up',
    'bad-crc': 'damaged',
  }[verdict];
  return [
    String(index),
    String(sequence),
    state === 'UNKNOWN' ? hex(stateCode) : state,
    crc.valid ? stored : `${stored} ${colours.red('(wrong)')}`,
    slot === null ? '' : String(slot),
    worth,
  ];
}

function choiceFacts({ withRollback, withoutRollback }: OtadataReport): Fact[] {
  if (withRollback.slot === withoutRollback.slot && withRollback.why === withoutRollback.why) {
    return [['selects', describeChoice(withRollback)]];
  }
  return [
    ['with rollback', describeChoice(withRollback)],
    ['without', describeChoice(withoutRollback)],
  ];
}

/** What no ESP-IDF writes. */
function remarks({ sectors }: OtadataReport): Fact[] {
  return sectors.flatMap(({ index, sequence, tailErased }): Fact[] => [
    ...(sequence === 0
      ? [['remark', `sector ${index}: sequence 0 selects its slot by an underflow`] as Fact]
      : []),
    ...(tailErased ? [] : [['remark', `sector ${index}: there is data behind the entry`] as Fact]),
  ]);
}

function describeChoice({ slot, why }: OtadataChoice): string {
  return slot === null
    ? `nothing (${why}): factory boots, or without it the first slot that holds an image`
    : `slot ${slot}, as ${why}`;
}
