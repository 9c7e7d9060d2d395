import type { Signer } from '../keys/signer.ts';
import { checkAppImage } from '../verify/app-image.ts';
import { checkBootloaderImage } from '../verify/bootloader-image.ts';
import type { Finding } from '../verify/finding.ts';
import { signersOfImage } from '../verify/image.ts';
import { signersOf } from '../verify/signature.ts';
import { checkSignedData } from '../verify/signed-data.ts';
import { checkTable } from '../verify/table.ts';
import type { Prepared } from './prepare.ts';

export type CheckedSigned = {
  readonly findings: readonly Finding[];
  /** Digests (hex) of the keys whose signatures hold. */
  readonly signedBy: readonly string[];
};

/** Where tables usually lie: what a table is checked against that does not say where it belongs. */
const DEFAULT_TABLE_OFFSET = 0x8000;

/** What verify/ finds in a file that was signed by these signers: the second opinion on our own work. */
export function checkSigned(
  bytes: Buffer,
  { kind, chip, name }: Pick<Prepared, 'kind' | 'chip' | 'name'>,
  signers: readonly Signer[],
): CheckedSigned {
  const publicKeys = signers.map(({ publicKey }) => publicKey);
  const options = { file: name, chip, publicKeys, signature: 'required' } as const;
  switch (kind) {
    case 'app': {
      const checked = checkAppImage(bytes, options);
      return { findings: checked.findings, signedBy: signersOfImage(checked) };
    }
    case 'bootloader': {
      const checked = checkBootloaderImage(bytes, options);
      return { findings: checked.findings, signedBy: signersOfImage(checked) };
    }
    case 'partition-table': {
      const { findings, v1 } = checkTable(bytes, {
        ...options,
        tableOffset: DEFAULT_TABLE_OFFSET,
        flashSize: undefined,
      });
      return {
        findings,
        signedBy: v1?.keyDigest === undefined ? [] : [v1.keyDigest.toString('hex')],
      };
    }
    case 'data': {
      const { findings, signature } = checkSignedData(bytes, { file: name, chip });
      return { findings, signedBy: signersOf(signature) };
    }
  }
}
