import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { esp32c3 } from '../../../builder/chip/esp32c3.ts';
import { FormatError, SigningError } from '../../../builder/errors/families.ts';
import {
  parseEspImage,
  requireIntact,
  securePadEspImage,
} from '../../../builder/format/esp-image.ts';
import { classifyTrailer } from '../../../builder/format/image-trailer.ts';
import { parseSignatureSector } from '../../../builder/format/signature-sector.ts';
import { pemSigner } from '../../../builder/keys/pem-signer.ts';
import type { Signer } from '../../../builder/keys/signer.ts';
import { signImage } from '../../../builder/sign/sign-image.ts';
import { makeApp, makeBootloader } from '../../support/firmware.ts';
import { anEcKey, pem } from '../../support/key-files.ts';
import { aPrivateKey, isSignatureGood } from '../../support/signature-blocks.ts';
import { anImage } from '../../support/images.ts';
import { thrownBy } from '../../support/thrown.ts';

const APP = makeApp({ chip: esp32c3 });
const BOOTLOADER = makeBootloader({ chip: esp32c3 });
const PAGE = 0x10000;
const AS_APP = { kind: 'app', pageSize: PAGE } as const;
const AS_BOOTLOADER = { kind: 'bootloader' } as const;
const signerOf = (scheme: 'rsa3072' | 'ecdsa192' | 'ecdsa256' | 'ecdsa384', name = 'first') =>
  pemSigner(pem.pkcs8(aPrivateKey(scheme, name)), name, { development: false });
const P256 = signerOf('ecdsa256');
const sign = (bytes: Buffer, signers: readonly Signer[] = [P256]) =>
  signImage(bytes, { secureBoot: AS_APP, signers });

/** The blocks of a signed image, each proven to sign all before the sector. */
function blocksOf(signed: Buffer) {
  const contents = signed.subarray(0, -0x1000);
  const { slots } = parseSignatureSector(signed.subarray(-0x1000));
  const blocks = slots.flatMap((slot) => (slot.kind === 'block' ? [slot] : []));
  for (const { block } of blocks) {
    expect(isSignatureGood(block, contents)).toBe(true);
    const hash = block.scheme === 'ecdsa384' ? 'sha384' : 'sha256';
    expect(block.imageDigest.equals(createHash(hash).update(contents).digest())).toBe(true);
  }
  return blocks;
}

describe('a signed app', () => {
  test.each(['rsa3072', 'ecdsa192', 'ecdsa256', 'ecdsa384'] as const)(
    'is padded to a page and carries a good signature: %s',
    async (scheme) => {
      const signer = signerOf(scheme);
      const signed = await sign(APP, [signer]);
      expect(signed).toHaveLength(PAGE + 0x1000);
      expect(signed.subarray(0, PAGE).equals(securePadEspImage(APP, PAGE))).toBe(true);
      const blocks = blocksOf(signed);
      expect(blocks.map(({ keyDigest }) => keyDigest)).toEqual([signer.digest]);
    },
  );

  test('has its signature where the chip looks for it', async () => {
    const signed = await sign(APP);
    const image = parseEspImage(signed);
    requireIntact(image, 'the app');
    expect(classifyTrailer(signed, image.length)).toEqual({
      kind: 'signature-v2',
      offset: PAGE,
      end: PAGE + 0x1000,
      erasedAfter: 0,
    });
  });

  test('carries a block for each of one to three keys, in their order', async () => {
    const signers = ['first', 'second', 'third'].map((name) => signerOf('ecdsa256', name));
    for (const count of [1, 2, 3]) {
      const some = signers.slice(0, count);
      const digests = blocksOf(await sign(APP, some)).map(({ keyDigest }) => keyDigest);
      expect(digests).toEqual(some.map(({ digest }) => digest));
    }
  });

  test('is the same whether or not erased flash followed the app', async () => {
    const longer = Buffer.concat([APP, Buffer.alloc(0x3000, 0xff)]);
    const [first, second] = [await sign(APP), await sign(longer)];
    expect(second.subarray(0, PAGE).equals(first.subarray(0, PAGE))).toBe(true);
    expect(second).toHaveLength(first.length);
  });

  test('does not change the app that it was made of', async () => {
    const before = Buffer.from(APP);
    await sign(APP);
    expect(APP.equals(before)).toBe(true);
  });
});

describe('a signed bootloader', () => {
  const signBootloader = (bytes: Buffer) =>
    signImage(bytes, { secureBoot: AS_BOOTLOADER, signers: [P256] });

  test('is filled up to a sector with 0xff, and not padded', async () => {
    const signed = await signBootloader(BOOTLOADER);
    const sector = Math.ceil(BOOTLOADER.length / 0x1000) * 0x1000;
    expect(signed).toHaveLength(sector + 0x1000);
    expect(signed.subarray(0, BOOTLOADER.length).equals(BOOTLOADER)).toBe(true);
    expect(signed.subarray(BOOTLOADER.length, sector).every((byte) => byte === 0xff)).toBe(true);
    expect(blocksOf(signed)).toHaveLength(1);
  });

  test('has its signature where the chip looks for it, also when erased flash followed', async () => {
    const signed = await signBootloader(Buffer.concat([BOOTLOADER, Buffer.alloc(0x2000, 0xff)]));
    expect(classifyTrailer(signed, BOOTLOADER.length).kind).toBe('signature-v2');
  });
});

describe('signing is refused', () => {
  test('for an image that is signed already', async () => {
    const signed = await sign(APP);
    const error = await thrownBy(SigningError, () => sign(signed));
    expect(error.code).toBe('IMAGE_NOT_SIGNABLE');
    expect(error.message).toBe('the image is signed already, at 0x10000');
    expect(error.where).toEqual({ offset: PAGE });
  });

  test('for an image with a signature in the wrong place', async () => {
    const signed = await sign(APP);
    const moved = Buffer.concat([
      signed.subarray(0, PAGE),
      Buffer.alloc(0x1000, 0xff),
      signed.subarray(PAGE),
    ]);
    expect((await thrownBy(SigningError, () => sign(moved))).code).toBe('IMAGE_NOT_SIGNABLE');
  });

  test('for an image with a Secure Boot V1 signature', async () => {
    const v1 = Buffer.concat([APP, Buffer.alloc(4), Buffer.alloc(64, 0x12)]);
    expect((await thrownBy(SigningError, () => sign(v1))).message).toContain('signed already');
  });

  test('for an image with other data behind it', async () => {
    const error = await thrownBy(SigningError, () => sign(Buffer.concat([APP, Buffer.from('x')])));
    expect(error.message).toContain('there is other data at');
    expect(error.where).toEqual({ offset: APP.length });
  });

  test('for a damaged image', async () => {
    const damaged = Buffer.from(APP);
    damaged[0x400] = (damaged[0x400] ?? 0) ^ 1;
    expect((await thrownBy(FormatError, () => sign(damaged))).code).toBe('BAD_CHECKSUM');
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a text file', Buffer.from('hello')],
    ['an app without SHA-256', anImage([0x100], { hashAppended: false })],
    ['an app without a segment to spare', anImage(Array<number>(16).fill(4))],
  ])('for %s', async (_, bytes) => {
    await thrownBy(FormatError, () => sign(bytes));
  });

  test('without a key', async () => {
    await thrownBy(FormatError, () => sign(APP, []));
  });

  test('with more keys than a sector has room for', async () => {
    const signers = Array.from({ length: 4 }, () =>
      pemSigner(pem.pkcs8(anEcKey('prime256v1')), 'k', { development: false }),
    );
    expect((await thrownBy(FormatError, () => sign(APP, signers))).code).toBe('TOO_MANY');
  });
});
