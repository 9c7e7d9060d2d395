import { findChipByName } from '../../chip/registry.ts';
import { hex } from '../../errors/hex.ts';
import type { SigningRequest } from '../../sign/detached/signing-request.ts';
import type { SignReport } from '../../sign/run-sign.ts';
import { printable } from './printable.ts';

const KINDS = {
  app: 'app',
  bootloader: 'bootloader',
  'partition-table': 'partition table',
  data: 'data',
} as const;

/** What was signed, by whom, and where the signatures are. */
export function renderSigned(report: SignReport): string {
  const { output, kind, chip, scheme, offset, keys } = report;
  const title = scheme === 'v1' ? 'Secure Boot V1' : `Secure Boot V2, ${scheme}`;
  return [
    printable(
      `${output}: ${KINDS[kind]} for ${titleOf(chip)}, ${title}, signature at ${hex(offset)}`,
    ),
    ...keys.map(({ digest, reference }, index) =>
      printable(`  block ${index}  ${digest}  ${reference ?? '(was there)'}`),
    ),
  ].join('\n');
}

/** What to do with a digest that was written for somebody else to sign. */
export function renderRequest(request: SigningRequest, digestFile: string): string {
  const { algorithm, keyType, hash, saltLength, digest, paddedLength } = request;
  const how =
    saltLength === undefined ? algorithm : `${algorithm}, MGF1, salt of ${saltLength} bytes`;
  return [
    printable(`${digestFile}: ${digest}`),
    `${hash} of ${hex(paddedLength)} bytes, to be signed with ${keyType}: ${how}`,
    printable(`${digestFile}.json says the same for programs.`),
    'Put the signature in with: ota-build sign IMAGE --signature FILE --public-key FILE --out FILE, and the same options.',
  ].join('\n');
}

/** What remains of a file whose signatures were taken away. */
export function renderStripped(
  { kind, size }: { readonly kind: keyof typeof KINDS; readonly size: number },
  output: string,
): string {
  return printable(`${output}: ${KINDS[kind]} without signature, ${hex(size)} bytes`);
}

function titleOf(chip: string): string {
  return findChipByName(chip)?.title ?? chip;
}
