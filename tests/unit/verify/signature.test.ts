import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c2 } from '../../../builder/chip/esp32c2.ts';
import { esp32c6 } from '../../../builder/chip/esp32c6.ts';
import type { Chip } from '../../../builder/chip/chip.ts';
import { securePadEspImage } from '../../../builder/format/esp-image.ts';
import {
  encodeSignatureBlock,
  type SignatureBlock,
} from '../../../builder/format/signature-block.ts';
import { keyDigestOfPublicKey } from '../../../builder/format/signature-key.ts';
import { encodeSignatureSector } from '../../../builder/format/signature-sector.ts';
import { checkAppImage, type AppImageOptions } from '../../../builder/verify/app-image.ts';
import { makeApp } from '../../support/firmware.ts';
import { aPrivateKey, aSignedBlock, resealed } from '../../support/signature-blocks.ts';

const FILE = 'a.app-bin';
const BLOCK = 1216;
/** Where the sector of a padded app begins. */
const END = 0x10000;

const padded = (chip: Chip): Buffer => securePadEspImage(makeApp({ chip }), 0x10000);
const CONTENTS = padded(esp32);
const C6_CONTENTS = padded(esp32c6);

const rsa = aPrivateKey('rsa3072');
const ec = aPrivateKey('ecdsa256');
const otherEc = aPrivateKey('ecdsa256', 'second');
const rsaBlock = (contents = CONTENTS): SignatureBlock => aSignedBlock('rsa3072', contents, rsa);
const ecBlock = (contents = C6_CONTENTS, key = ec): SignatureBlock =>
  aSignedBlock('ecdsa256', contents, key);

/** An image with a sector that has these 1216 bytes in its three places; undefined leaves one erased. */
function withBlocks(contents: Buffer, ...blocks: readonly (Buffer | undefined)[]): Buffer {
  const sector = Buffer.alloc(0x1000, 0xff);
  for (const [index, block] of blocks.entries()) block?.copy(sector, index * BLOCK);
  return Buffer.concat([contents, sector]);
}

const encoded = encodeSignatureBlock;
const check = (bytes: Buffer, options: Partial<AppImageOptions> = {}) =>
  checkAppImage(bytes, { file: FILE, ...options }).findings;
const trusting = (...keys: readonly (typeof rsa)[]) => ({
  trustedKeys: keys.map((key) => keyDigestOfPublicKey(key)),
});

const finding = (severity: string, code: string, message: RegExp, offset?: number) => ({
  severity,
  code,
  message: expect.stringMatching(message) as string,
  file: FILE,
  ...(offset === undefined ? {} : { offset }),
});
const error = (code: string, message: RegExp, offset?: number) =>
  finding('error', code, message, offset);
const warning = (code: string, message: RegExp, offset?: number) =>
  finding('warning', code, message, offset);

describe('A signature sector', () => {
  test('with one good block has no findings, and names the key', () => {
    const signed = withBlocks(CONTENTS, encoded(rsaBlock()));
    const { findings, signature } = checkAppImage(signed, {
      file: FILE,
      signature: 'required',
      ...trusting(rsa),
    });
    expect(findings).toEqual([]);
    expect(signature?.offset).toBe(END);
    expect(signature?.blocks).toMatchObject([
      { index: 0, valid: true, keyDigest: keyDigestOfPublicKey(rsa) },
    ]);
  });

  test('that has to be there and is not is missed, with a trusted key too', () => {
    expect(check(CONTENTS, { signature: 'required' })).toEqual([
      error('SIGNATURE_MISSING', /^is not signed$/),
    ]);
    expect(check(CONTENTS, trusting(rsa))).toEqual([error('SIGNATURE_MISSING', /^is not signed$/)]);
    expect(check(CONTENTS)).toEqual([]);
  });

  test('that must not be there is unexpected', () => {
    const signed = withBlocks(CONTENTS, encoded(rsaBlock()));
    expect(check(signed, { signature: 'forbidden' })).toEqual([
      error('SIGNATURE_UNEXPECTED', /manifest says that nothing is/, END),
    ]);
  });

  test('a page behind where chips look for it is misplaced, however good it is', () => {
    const tooLong = Buffer.concat([CONTENTS, Buffer.alloc(0x1000, 0xff)]);
    const signed = withBlocks(tooLong, encoded(rsaBlock(tooLong)));
    expect(check(signed, { signature: 'required' })).toEqual([
      error('SIGNATURE_MISPLACED', /at 0x11000; chips look for it at 0x10000 only/, END + 0x1000),
    ]);
  });

  test('around an image that was signed already is misplaced', () => {
    const once = withBlocks(CONTENTS, encoded(rsaBlock()));
    const twice = withBlocks(once, encoded(rsaBlock(once)));
    expect(check(twice)).toEqual([error('SIGNATURE_MISPLACED', /at 0x11000/, END + 0x1000)]);
  });

  test('whose only block is damaged is malformed where the damage shows', () => {
    const signed = withBlocks(CONTENTS, encoded(rsaBlock()));
    signed.writeUInt8(signed.readUInt8(END + 500) ^ 1, END + 500);
    expect(check(signed)).toContainEqual(error('SIGNATURE_MALFORMED', /CRC-32/, END + 1196));
  });

  test('with a damaged block beside a good one is malformed: nobody meant it to be like that', () => {
    const damaged = encoded(ecBlock(C6_CONTENTS, otherEc));
    damaged.writeUInt8(damaged.readUInt8(40) ^ 1, 40);
    const signed = withBlocks(C6_CONTENTS, encoded(ecBlock()), damaged);
    expect(check(signed)).toEqual([
      error('SIGNATURE_MALFORMED', /signature block 1 is damaged/, END + BLOCK + 1196),
    ]);
  });

  test('with bytes behind its three places is malformed at the first of them', () => {
    const signed = withBlocks(CONTENTS, encoded(rsaBlock()));
    signed.writeUInt8(0, END + 4000);
    expect(check(signed)).toContainEqual(
      error('SIGNATURE_MALFORMED', /0x00 at 0x10fa0/, END + 4000),
    );
  });

  test('for other contents has the wrong image digest, and no valid signature', () => {
    const other = Buffer.from(CONTENTS);
    other.writeUInt8(1, 0x200);
    const signed = withBlocks(CONTENTS, encoded(rsaBlock(other)));
    expect(check(signed)).toEqual([
      error('SIGNATURE_DIGEST', /block 0 is for other contents/, END),
      error('SIGNATURE_INVALID', /not one by the embedded key over this image/, END),
    ]);
  });

  test('with a wrong image digest in a block that else verifies is refused, though no chip looks at it', () => {
    const signed = withBlocks(CONTENTS, resealed(encoded(rsaBlock()), { 4: 0, 5: 0, 6: 0 }));
    expect(check(signed)).toEqual([error('SIGNATURE_DIGEST', /image digest is 000000/, END)]);
  });

  test('by another key than the one in the block is invalid', () => {
    const block = rsaBlock();
    const other = aSignedBlock('rsa3072', CONTENTS, aPrivateKey('rsa3072', 'second'));
    if (block.scheme !== 'rsa3072' || other.scheme !== 'rsa3072') throw new Error('not RSA');
    const signed = withBlocks(CONTENTS, encoded({ ...block, signature: other.signature }));
    expect(check(signed)).toEqual([error('SIGNATURE_INVALID', /block 0/, END)]);
  });

  test.each([
    { what: 'R̄', at: 424 },
    { what: "M'", at: 808 },
  ])(
    'with a $what that does not belong to the RSA key would make the chip compute nonsense',
    ({ at }) => {
      const block = encoded(rsaBlock());
      const signed = withBlocks(CONTENTS, resealed(block, { [at]: block.readUInt8(at) ^ 1 }));
      expect(check(signed)).toEqual([
        error('SIGNATURE_KEY', /R̄ or M' do not belong to the RSA key/, END),
      ]);
    },
  );

  test('with a point that is not on the curve has no usable key', () => {
    const block = encoded(ecBlock());
    const signed = withBlocks(C6_CONTENTS, resealed(block, { 40: block.readUInt8(40) ^ 1 }));
    expect(check(signed)).toContainEqual(error('SIGNATURE_KEY', /signature block 0: /, END));
  });

  test('of a scheme that the chip does not know is refused', () => {
    const signed = withBlocks(CONTENTS, encoded(ecBlock(CONTENTS)));
    expect(check(signed)).toEqual([
      error('SIGNATURE_SCHEME', /block 0 is ecdsa256; ESP32 verifies rsa3072 only/, END),
    ]);
    const contents = padded(esp32c2);
    expect(check(withBlocks(contents, encoded(rsaBlock(contents))))).toEqual([
      error('SIGNATURE_SCHEME', /block 0 is rsa3072; ESP32-C2 verifies ecdsa256/, END),
    ]);
  });

  test('of Secure Boot V1 carries no key, and is refused without one', () => {
    const app = makeApp({ chip: esp32 });
    const v1 = Buffer.concat([app, Buffer.alloc(4), Buffer.alloc(64, 0x5a)]);
    expect(check(v1)).toEqual([
      error('SIGNATURE_UNTRUSTED', /Secure Boot V1 .* does not carry its key/, app.length),
      warning('SECURE_PADDING', /not secure-padded/, app.length),
    ]);
  });

  test('of two schemes is worth a look: a device is built for one', () => {
    const signed = withBlocks(C6_CONTENTS, encoded(ecBlock()), encoded(rsaBlock(C6_CONTENTS)));
    expect(check(signed)).toEqual([warning('SIGNATURE_SCHEME', /different schemes/, END)]);
  });

  test('with more blocks than the chip looks at is worth a look', () => {
    const second = aSignedBlock('rsa3072', CONTENTS, aPrivateKey('rsa3072', 'second'));
    const signed = withBlocks(CONTENTS, encoded(rsaBlock()), encoded(second));
    expect(check(signed)).toEqual([
      warning('SIGNATURE_BLOCKS', /ESP32 looks at the first .*no effect/, END),
    ]);
  });

  test('with a block only where the chip does not look is as good as none', () => {
    const signed = withBlocks(CONTENTS, undefined, encoded(rsaBlock()));
    expect(check(signed)).toEqual([
      error('SIGNATURE_BLOCKS', /signature block.* none of them is there/, END),
      warning('SIGNATURE_BLOCKS', /block 1 follows an empty place/, END),
    ]);
  });

  test('with two blocks by one key, or an empty place before a block, is worth a look', () => {
    const twins = withBlocks(C6_CONTENTS, encoded(ecBlock()), encoded(ecBlock()));
    expect(check(twins)).toEqual([
      warning('SIGNATURE_BLOCKS', /blocks 0 and 1 are by the same key/, END),
    ]);
    const gap = withBlocks(C6_CONTENTS, undefined, encoded(ecBlock()));
    expect(check(gap)).toEqual([
      warning('SIGNATURE_BLOCKS', /block 1 follows an empty place/, END),
    ]);
  });
});

describe('Trust', () => {
  test('takes any block that a chip looks at, and warns of the others', () => {
    const signed = withBlocks(
      C6_CONTENTS,
      encoded(ecBlock()),
      encoded(ecBlock(C6_CONTENTS, otherEc)),
    );
    for (const key of [otherEc, ec]) {
      expect(check(signed, trusting(key))).toMatchObject([
        {
          severity: 'warning',
          code: 'SIGNATURE_UNTRUSTED',
          message: expect.stringMatching(/not trusted/) as string,
        },
      ]);
    }
  });

  test('in another key refuses a good signature, and names both keys', () => {
    const signed = withBlocks(C6_CONTENTS, encoded(ecBlock()));
    const found = keyDigestOfPublicKey(ec).toString('hex');
    const wanted = keyDigestOfPublicKey(otherEc).toString('hex');
    expect(check(signed, trusting(otherEc))).toEqual([
      error('SIGNATURE_UNTRUSTED', new RegExp(`signed by ${found}; trusted ${wanted}`), END),
    ]);
    expect(check(signed, { trustedKeys: [] })).toMatchObject([{ code: 'SIGNATURE_UNTRUSTED' }]);
  });

  test('is not given to a trusted key whose signature does not hold', () => {
    const block = resealed(encoded(rsaBlock()), { 900: 0, 901: 0, 902: 0 });
    expect(check(withBlocks(CONTENTS, block), trusting(rsa))).toEqual([
      error('SIGNATURE_INVALID', /block 0/, END),
      error('SIGNATURE_UNTRUSTED', /no valid signature is by a trusted key/, END),
    ]);
  });

  test('is not given to a block that the chip never looks at', () => {
    const second = aPrivateKey('rsa3072', 'second');
    const signed = Buffer.concat([
      CONTENTS,
      encodeSignatureSector([rsaBlock(), aSignedBlock('rsa3072', CONTENTS, second)]),
    ]);
    expect(check(signed, trusting(second))).toContainEqual(
      error('SIGNATURE_UNTRUSTED', /no valid signature/, END),
    );
  });
});
