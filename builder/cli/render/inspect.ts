import type { Inspection } from '../../inspect/inspection.ts';
import { hex } from '../../errors/hex.ts';
import { findChipByName } from '../../chip/registry.ts';
import type { Output } from '../output.ts';
import { renderApp, renderBootloader } from './inspect-app.ts';
import { renderBuildDirectory } from './inspect-build.ts';
import { joinParts, renderFacts, renderParagraph, sizeInBytes } from './inspect-facts.ts';
import { renderFlashImage, renderPartitionTable } from './inspect-flash.ts';
import { renderOtadata } from './inspect-otadata.ts';
import { renderRelease } from './inspect-release.ts';
import { signatureSectorFacts } from './inspect-signature.ts';
import { printable } from './printable.ts';

/** What a path is and holds, as a report for people: a title, one line that says what it is, then sections. */
export function renderInspection(inspection: Inspection, output: Output): string {
  const { colours } = output;
  const kind = renderParagraph(describeKind(inspection), output);
  const head = `${colours.bold(printable(inspection.name))}\n${kind}`;
  return `${joinParts([head, ...sectionsOf(inspection, output)])}\n`;
}

function describeKind(inspection: Inspection): string {
  switch (inspection.kind) {
    case 'app-image':
      return `app image, ${sizeInBytes(inspection.size)}`;
    case 'bootloader-image':
      return `bootloader image, ${sizeInBytes(inspection.size)}`;
    case 'flash-image': {
      const chip = findChipByName(inspection.chip)?.title ?? inspection.chip;
      return `full-flash image for ${chip}, ${sizeInBytes(inspection.size)}; its first byte belongs at flash offset ${hex(inspection.start)}`;
    }
    case 'partition-table':
      return `partition table with ${inspection.table.partitions.length} partitions, ${sizeInBytes(inspection.size)}`;
    case 'otadata':
      return `OTA data, ${sizeInBytes(inspection.size)}, explained for a layout with ${inspection.slotCount} slots`;
    case 'signature-sector':
      return `Secure Boot V2 signature sector, ${sizeInBytes(inspection.size)}; without its image, no signature can be checked`;
    case 'build-directory':
      return inspection.state === 'finished'
        ? 'ESP-IDF build directory'
        : 'ESP-IDF build directory, of which no release can be made';
    case 'release':
      return 'release directory';
  }
}

function sectionsOf(inspection: Inspection, output: Output): readonly string[] {
  switch (inspection.kind) {
    case 'app-image':
      return renderApp(inspection, output);
    case 'bootloader-image':
      return renderBootloader(inspection, output);
    case 'flash-image':
      return renderFlashImage(inspection, output);
    case 'partition-table':
      return renderPartitionTable(inspection, output);
    case 'otadata':
      return renderOtadata(inspection, output);
    case 'signature-sector':
      return [renderFacts(signatureSectorFacts(inspection, output.colours), output)];
    case 'build-directory':
      return renderBuildDirectory(inspection, output);
    case 'release':
      return renderRelease(inspection, output);
  }
}
