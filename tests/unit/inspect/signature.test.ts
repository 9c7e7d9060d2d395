import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c6 } from '../../../builder/chip/esp32c6.ts';
import { securePadEspImage } from '../../../builder/format/esp-image.ts';
import { encodeSignatureBlock } from '../../../builder/format/signature-block.ts';
import { keyDigestOfPublicKey } from '../../../builder/format/signature-key.ts';
import { encodeSignatureSector } from '../../../builder/format/signature-sector.ts';
import { describeApp } from '../../../builder/inspect/app.ts';
import { bytesTaken } from '../../../builder/inspect/image.ts';
import { describeSignature } from '../../../builder/inspect/signature.ts';
import { describeSignatureSector } from '../../../builder/inspect/signature-sector.ts';
import { makeApp } from '../../support/firmware.ts';
import { sha256 } from '../../support/images.ts';
import { aPrivateKey, aSignedBlock, resealed } from '../../support/signature-blocks.ts';

const CONTENTS = securePadEspImage(makeApp({ chip: esp32c6 }), 0x10000);
const key = aPrivateKey('ecdsa256');
const digest = keyDigestOfPublicKey(key).toString('hex');
const block = aSignedBlock('ecdsa256', CONTENTS, key);
const otherBlock = aSignedBlock('ecdsa256', CONTENTS, aPrivateKey('ecdsa256', 'second'));

describe('The signature of an image', () => {
  test('is told block by block, with what eFuse holds of each key', () => {
    const signed = Buffer.concat([CONTENTS, encodeSignatureSector([block, otherBlock])]);
    const { image, securePadded } = describeApp(signed);
    expect(securePadded).toBe(true);
    expect(bytesTaken(image)).toBe(signed.length);
    if (image.kind !== 'whole') throw new Error('the image is not whole');
    expect(image.signature).toEqual({
      offset: 0x10000,
      blocks: [
        {
          index: 0,
          scheme: 'ecdsa256',
          keyDigest: digest,
          imageDigest: sha256(CONTENTS).toString('hex'),
          imageDigestMatches: true,
          signatureValid: true,
        },
        expect.objectContaining({ index: 1, imageDigestMatches: true, signatureValid: true }),
      ],
      remarks: [],
    });
  });

  test('for other contents has neither a digest nor a signature that match', () => {
    const other = Buffer.from(CONTENTS);
    other.writeUInt8(1, 0x300);
    const bytes = Buffer.concat([other, encodeSignatureSector([block])]);
    const report = describeSignature(bytes, 0x10000, esp32c6);
    expect(report.blocks).toMatchObject([{ imageDigestMatches: false, signatureValid: false }]);
    expect(report.remarks).toEqual([]);
  });

  test('tells a wrong image digest from a wrong signature', () => {
    const wrongDigest = resealed(encodeSignatureBlock(block), { 4: 0, 5: 0, 6: 0 });
    const wrongSignature = resealed(encodeSignatureBlock(otherBlock), { 101: 1, 102: 2 });
    const sector = Buffer.alloc(0x1000, 0xff);
    wrongDigest.copy(sector);
    wrongSignature.copy(sector, 1216);
    const { blocks } = describeSignature(Buffer.concat([CONTENTS, sector]), 0x10000, esp32c6);
    expect(blocks).toMatchObject([
      { imageDigestMatches: false, signatureValid: true },
      { imageDigestMatches: true, signatureValid: false },
    ]);
  });

  test('comes with what the chip makes of it', () => {
    const bytes = Buffer.concat([CONTENTS, encodeSignatureSector([block])]);
    const { remarks } = describeSignature(bytes, 0x10000, esp32);
    expect(remarks).toEqual(['signature block 0 is ecdsa256; ESP32 verifies rsa3072 only']);
  });

  test('may be damaged beyond reading', () => {
    const bytes = Buffer.concat([CONTENTS, encodeSignatureSector([block])]);
    bytes.writeUInt8(0xaa, 0x10000 + 40);
    const { blocks, remarks } = describeSignature(bytes, 0x10000, esp32c6);
    expect(blocks).toEqual([]);
    expect(remarks).toContainEqual(expect.stringMatching(/CRC-32/));
  });
});

describe('A signature sector by itself', () => {
  test('tells its blocks, and that the other places are empty', () => {
    expect(describeSignatureSector(encodeSignatureSector([block]))).toEqual({
      slots: [
        {
          index: 0,
          kind: 'block',
          scheme: 'ecdsa256',
          keyDigest: digest,
          imageDigest: sha256(CONTENTS).toString('hex'),
        },
        { index: 1, kind: 'empty' },
        { index: 2, kind: 'empty' },
      ],
      tailErased: true,
    });
  });

  test('is explained with all of its blocks damaged', () => {
    const sector = encodeSignatureSector([block, otherBlock]);
    sector.writeUInt8(0, 100);
    sector.writeUInt8(0, 1216 + 100);
    sector.writeUInt8(0, 4000);
    const { slots, tailErased } = describeSignatureSector(sector);
    expect(slots.map(({ kind }) => kind)).toEqual(['damaged', 'damaged', 'empty']);
    expect(tailErased).toBe(false);
  });

  test('tells keys that no chip could use', () => {
    const rsa = encodeSignatureBlock(aSignedBlock('rsa3072'));
    const offCurve = encodeSignatureBlock(block);
    const sector = Buffer.alloc(0x1000, 0xff);
    resealed(rsa, { 808: rsa.readUInt8(808) ^ 1 }).copy(sector);
    resealed(offCurve, { 40: offCurve.readUInt8(40) ^ 1 }).copy(sector, 1216);
    expect(describeSignatureSector(sector).slots).toMatchObject([
      { keyProblem: expect.stringMatching(/R̄ or M'/) as string },
      { keyProblem: expect.stringMatching(/not on the curve/) as string },
      { kind: 'empty' },
    ]);
  });
});
