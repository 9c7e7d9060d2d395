import { hex } from '../../errors/hex.ts';
import type { SignatureReport } from '../../inspect/signature.ts';
import type { V1SignatureReport } from '../../inspect/signature-v1.ts';
import type { SignatureSectorReport, SlotReport } from '../../inspect/signature-sector.ts';
import type { Colours } from '../output.ts';
import { printable } from './printable.ts';
import type { Fact } from './inspect-facts.ts';

/** The Secure Boot V2 signature of an image. */
export function signatureFacts(
  { offset, blocks, remarks }: SignatureReport,
  colours: Colours,
): readonly Fact[] {
  const count = blocks.length === 1 ? '1 block' : `${blocks.length} blocks`;
  return [
    ['signature', `Secure Boot V2 at ${hex(offset)}, ${count}`],
    ...blocks.flatMap(
      ({ index, scheme, keyDigest, imageDigestMatches, signatureValid }): Fact[] => {
        const signature = signatureValid
          ? colours.green('signature valid')
          : colours.red('signature invalid');
        const digest = imageDigestMatches
          ? 'image digest matches'
          : colours.red('image digest is of other contents');
        return [
          [`  block ${index}`, `${scheme}, ${signature}, ${digest}`],
          ['    key', keyDigest],
        ];
      },
    ),
    ...remarks.map((remark): Fact => ['  remark', colours.yellow(printable(remark))]),
  ];
}

/** A Secure Boot V1 signature, which only its public key could prove. */
export function signatureV1Facts({
  offset,
  contentsDigest,
  r,
  s,
}: V1SignatureReport): readonly Fact[] {
  return [
    [
      'signature',
      `Secure Boot V1 at ${hex(offset)}; it does not carry its key: verify --trust KEY checks it`,
    ],
    ['  r', r],
    ['  s', s],
    ['  signs', `SHA-256 ${contentsDigest}`],
  ];
}

/** A signature sector by itself. */
export function signatureSectorFacts(
  { slots, tailErased }: SignatureSectorReport,
  colours: Colours,
): readonly Fact[] {
  const tail: Fact[] = tailErased
    ? []
    : [['remark', colours.yellow('there is data behind the blocks, where only ff belongs')]];
  return [...slots.flatMap((slot) => slotFacts(slot, colours)), ...tail];
}

function slotFacts(slot: SlotReport, colours: Colours): Fact[] {
  const label = `block ${slot.index}`;
  if (slot.kind === 'empty') return [[label, 'empty']];
  if (slot.kind === 'damaged') return [[label, colours.red(`damaged: ${slot.problem}`)]];
  const problem: Fact[] =
    slot.keyProblem === undefined ? [] : [['  remark', colours.red(slot.keyProblem)]];
  return [
    [label, slot.scheme],
    ['  key', slot.keyDigest],
    ['  image', slot.imageDigest],
    ...problem,
  ];
}
