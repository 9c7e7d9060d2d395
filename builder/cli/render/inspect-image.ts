import { hex } from '../../errors/hex.ts';
import type { Trailer } from '../../format/image-trailer.ts';
import type { HeaderReport } from '../../inspect/image-header.ts';
import type { ImageReport, SegmentReport } from '../../inspect/image.ts';
import type { Colours, Output } from '../output.ts';
import { indent, revisionRange, sizeInBytes, type Fact } from './inspect-facts.ts';
import { signatureFacts, signatureV1Facts } from './inspect-signature.ts';
import { formatSize } from './size.ts';
import { renderTable } from './table.ts';

type WholeImage = Extract<ImageReport, { readonly kind: 'whole' }>;

/** What every image has: header, checksum, SHA-256, signature. */
export function imageFacts(image: ImageReport, output: Output): readonly Fact[] {
  const { colours } = output;
  if (image.kind === 'unreadable') return [['damaged', colours.red(image.problem)]];
  const header = headerFacts(image.header);
  if (image.kind === 'broken') return [...header, ['damaged', colours.red(image.problem)]];
  return [
    ...header,
    ['length', sizeInBytes(image.length)],
    ...integrityFacts(image, colours),
    ...behindFacts(image, colours),
  ];
}

function headerFacts(header: HeaderReport): Fact[] {
  const { flashMode, flashFrequency, flashSize, wpPin, spiPinDrive } = header;
  const pins: Fact[] =
    wpPin === null && /^0+$/.test(spiPinDrive)
      ? []
      : [
          [
            'flash pins',
            `write protect ${wpPin === null ? 'off' : `on pin ${wpPin}`}, drive strengths ${spiPinDrive}`,
          ],
        ];
  return [
    ['chip', `${header.chipTitle}, ${describeRevisions(header)}`],
    ['flash', `${flashMode}, ${flashFrequency}, ${flashSize}`],
    ...pins,
    ['entry point', hex(header.entryAddress, 8)],
  ];
}

function describeRevisions(header: HeaderReport): string {
  const { minChipRevision: min, maxChipRevision: max, legacyMinChipRevision: legacy } = header;
  const isSaid = max !== null || min !== 'v0.0';
  if (isSaid || legacy === null) return revisionRange(min, max);
  return `${revisionRange(legacy, null)} by the older field`;
}

function integrityFacts({ checksum, sha256 }: WholeImage, colours: Colours): Fact[] {
  const sum = checksum.valid
    ? `${colours.green('valid')}, ${hex(checksum.stored, 2)}`
    : `${colours.red('invalid')}: it is ${hex(checksum.stored, 2)} but the contents make ${hex(checksum.computed, 2)}`;
  if (sha256 === null)
    return [
      ['checksum', sum],
      ['SHA-256', 'none appended'],
    ];
  const digest = sha256.valid
    ? `${colours.green('valid')}, ${sha256.stored}`
    : `${colours.red('invalid')}: it is ${sha256.stored} but the contents make ${sha256.computed}`;
  return [
    ['checksum', sum],
    ['SHA-256', digest],
  ];
}

function behindFacts(
  { trailer, signature, signatureV1 }: WholeImage,
  colours: Colours,
): readonly Fact[] {
  if (signature !== null) return signatureFacts(signature, colours);
  if (signatureV1 !== null) return signatureV1Facts(signatureV1);
  return [['signature', describeTrailer(trailer, colours)]];
}

function describeTrailer(trailer: Trailer, colours: Colours): string {
  switch (trailer.kind) {
    case 'none':
    case 'erased':
      return 'none';
    case 'signature-v2':
      return `Secure Boot V2 at ${hex(trailer.offset)}, not looked at: the chip is not known`;
    case 'misplaced-signature-v2':
      return colours.yellow(
        `a signature sector at ${hex(trailer.offset)}, but chips look for it at ${hex(trailer.expectedOffset)} only`,
      );
    case 'signature-v1':
      return `Secure Boot V1 at ${hex(trailer.offset)}`;
    case 'unknown':
      return `none, but ${colours.yellow(`unknown data from ${hex(trailer.offset)} on`)}`;
  }
}

/** The segments of an image as a table; nothing for one that could not be walked. */
export function renderSegments(image: ImageReport, { colours }: Output): string {
  if (image.kind !== 'whole') return '';
  const columns = [
    { title: '#', align: 'right' },
    { title: 'load address' },
    { title: 'length', align: 'right' },
    { title: '' },
    { title: 'offset' },
    { title: 'memory' },
  ] as const;
  const rows = image.segments.map((segment) => [
    String(segment.index),
    hex(segment.loadAddress, 8),
    formatSize(segment.length),
    hex(segment.length),
    hex(segment.offset, 6),
    describeMemory(segment),
  ]);
  return indent(renderTable(columns, rows, colours));
}

function describeMemory({ memory, mapped, padding }: SegmentReport): string {
  if (padding) return 'padding, not loaded';
  const kinds = memory.length === 0 ? 'none that we know' : memory.join(', ');
  return mapped ? `${kinds}, mapped` : kinds;
}
