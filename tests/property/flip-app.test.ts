import { describe, expect, test } from 'vitest';
import { esp32 } from '../../builder/chip/esp32.ts';
import { esp32c6 } from '../../builder/chip/esp32c6.ts';
import type { Chip, SignatureScheme } from '../../builder/chip/chip.ts';
import { securePadEspImage } from '../../builder/format/esp-image.ts';
import { keyDigestOfPublicKey } from '../../builder/format/signature-key.ts';
import { encodeSignatureSector } from '../../builder/format/signature-sector.ts';
import { checkAppImage } from '../../builder/verify/app-image.ts';
import { makeApp } from '../support/firmware.ts';
import { bitAt } from '../support/flips.ts';
import { aPrivateKey, aSignedBlock } from '../support/signature-blocks.ts';

type SignedApp = {
  readonly title: string;
  readonly chip: Chip;
  readonly scheme: SignatureScheme;
  readonly pageSizeLog2: number;
  readonly appSize: number;
  /** Every how many bytes of the image one is flipped; of the signature sector every byte is. */
  readonly stride: number;
};

// An app that was built for MMU pages of 8 KiB is small enough to flip every single byte of.
const APPS: readonly SignedApp[] = [
  {
    title: 'an ESP32-C6 app signed with RSA, 8 KiB and a sector',
    ...{ chip: esp32c6, scheme: 'rsa3072', pageSizeLog2: 13, appSize: 0x1000, stride: 1 },
  },
  {
    title: 'an ESP32-C6 app signed with ECDSA, 8 KiB and a sector',
    ...{ chip: esp32c6, scheme: 'ecdsa256', pageSizeLog2: 13, appSize: 0x1000, stride: 7 },
  },
  {
    title: 'an ESP32 app signed with RSA, 64 KiB and a sector',
    ...{ chip: esp32, scheme: 'rsa3072', pageSizeLog2: 0, appSize: 0x9000, stride: 53 },
  },
];

describe.each(APPS)('$title', ({ chip, scheme, pageSizeLog2, appSize, stride }) => {
  const key = aPrivateKey(scheme);
  const trustedKeys = [keyDigestOfPublicKey(key)];
  const image = securePadEspImage(
    makeApp({ chip, appSize, mmuPageSizeLog2: pageSizeLog2 }),
    pageSizeLog2 === 0 ? 0x10000 : 2 ** pageSizeLog2,
  );
  const app = Buffer.concat([image, encodeSignatureSector([aSignedBlock(scheme, image, key)])]);
  const offsets = [...app.keys()].filter((at) => at >= image.length || at % stride === 0);

  const errorsOf = (bytes: Buffer, options: { trustedKeys?: readonly Buffer[] } = {}) =>
    checkAppImage(bytes, { file: 'a.app-bin', chip, ...options }).findings.filter(
      ({ severity }) => severity === 'error',
    );

  test('is accepted as it is, with and without trusted keys', () => {
    expect(checkAppImage(app, { file: 'a.app-bin', chip, trustedKeys }).findings).toEqual([]);
    expect(checkAppImage(app, { file: 'a.app-bin', chip }).findings).toEqual([]);
  });

  test('is refused whichever byte is changed by a bit', () => {
    expect(survivors(app, offsets, (bytes) => errorsOf(bytes))).toEqual([]);
  });

  test('is refused with trusted keys too', () => {
    const some = offsets.filter((_, index) => index % 11 === 0);
    expect(survivors(app, some, (bytes) => errorsOf(bytes, { trustedKeys }))).toEqual([]);
  });

  test('is refused wherever it is cut off', () => {
    const cuts = Array.from({ length: 200 }, (_, index) => Math.floor((app.length * index) / 200));
    const accepted = cuts.filter((length) =>
      checkAppImage(app.subarray(0, length), {
        file: 'a.app-bin',
        signature: 'required',
      }).findings.every(({ severity }) => severity !== 'error'),
    );
    expect(accepted).toEqual([]);
  });
});

/** Offsets at which a flipped bit goes unnoticed, or without the file's name. */
function survivors(
  original: Buffer,
  offsets: readonly number[],
  errorsOf: (bytes: Buffer) => readonly { readonly file?: string; readonly message: string }[],
): number[] {
  const bytes = Buffer.from(original);
  return offsets.filter((at) => {
    bytes.writeUInt8(original.readUInt8(at) ^ bitAt(at), at);
    const errors = errorsOf(bytes);
    bytes.writeUInt8(original.readUInt8(at), at);
    return (
      errors.length === 0 ||
      errors.some(({ file, message }) => file !== 'a.app-bin' || message === '')
    );
  });
}
