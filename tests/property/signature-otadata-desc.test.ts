import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAppDescription, patchAppDescription } from '../../builder/format/app-desc.ts';
import { parseBootloaderDescription } from '../../builder/format/bootloader-desc.ts';
import {
  encodeOtadata,
  nextSequence,
  parseOtadata,
  selectOtadata,
  type OtadataEntry,
} from '../../builder/format/otadata.ts';
import {
  encodeSignatureBlock,
  keyDigest,
  parseSignatureBlock,
  type SignatureBlock,
} from '../../builder/format/signature-block.ts';
import {
  hasConsistentPrecomputedValues,
  publicKeyOf,
  rsaPrecomputed,
} from '../../builder/format/signature-key.ts';
import { SIGNATURE_SCHEMES, type EcdsaScheme } from '../../builder/format/signature-scheme.ts';
import {
  encodeSignatureSector,
  looksLikeSignatureSector,
  parseSignatureSector,
} from '../../builder/format/signature-sector.ts';
import { throwsFormatError } from '../support/format-error.ts';
import { ALL_SCHEMES, aSignedBlock, resealed } from '../support/signature-blocks.ts';

const bytesOf = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes));
const u32 = fc.nat({ max: 0xffffffff });

const rsaBlock: fc.Arbitrary<SignatureBlock> = fc.record({
  scheme: fc.constant('rsa3072' as const),
  imageDigest: bytesOf(32),
  modulus: bytesOf(384),
  exponent: u32,
  rBar: bytesOf(384),
  mPrime: u32,
  signature: bytesOf(384),
});

const ecdsaBlock: fc.Arbitrary<SignatureBlock> = fc
  .constantFrom<EcdsaScheme>('ecdsa192', 'ecdsa256', 'ecdsa384')
  .chain((scheme) => {
    const { coordinateLength: k, digestLength } = SIGNATURE_SCHEMES[scheme];
    return fc.record({
      scheme: fc.constant(scheme),
      imageDigest: bytesOf(digestLength),
      publicKey: fc.record({ x: bytesOf(k), y: bytesOf(k) }),
      signature: fc.record({ r: bytesOf(k), s: bytesOf(k) }),
    });
  });

const anyBlock = fc.oneof(rsaBlock, ecdsaBlock);

/** Bytes that get past magic, version and CRC, so that what lies behind is reached too. */
const sealedJunk = fc
  .tuple(bytesOf(1216), fc.constantFrom(2, 3), fc.nat({ max: 2 }), fc.nat({ max: 4 }))
  .map(([junk, version, hash, curve]) => {
    junk.fill(0, 1200);
    const header = { 0: 0xe7, 1: version, 2: hash, 3: 0 };
    return resealed(junk, { ...header, 36: curve, 52: curve });
  });

describe('signature blocks', () => {
  test('any block is read as it was written', () => {
    fc.assert(
      fc.property(anyBlock, (block) => {
        expect(parseSignatureBlock(encodeSignatureBlock(block))).toEqual(block);
      }),
    );
  });

  test('any bytes are a block that encodes to the same bytes, or a FormatError', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 2000 }), sealedJunk), (bytes) => {
        let block: SignatureBlock | undefined;
        if (throwsFormatError(() => (block = parseSignatureBlock(bytes)))) return;
        expect(block && encodeSignatureBlock(block).equals(bytes)).toBe(true);
      }),
    );
  });

  test.each(ALL_SCHEMES)('no flipped byte of a %s block goes unnoticed', (scheme) => {
    const valid = encodeSignatureBlock(aSignedBlock(scheme));
    for (let at = 0; at < valid.length; at++) {
      const flipped = Buffer.from(valid);
      flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << (at % 8)), at);
      expect(throwsFormatError(() => parseSignatureBlock(flipped))).toBe(true);
    }
  });

  test.each(ALL_SCHEMES)(
    'a flipped byte of a %s block with its CRC mended is refused or another block',
    (scheme) => {
      const original = aSignedBlock(scheme);
      const valid = encodeSignatureBlock(original);
      fc.assert(
        fc.property(fc.nat({ max: 1195 }), fc.integer({ min: 1, max: 255 }), (at, mask) => {
          const bytes = resealed(valid, { [at]: valid.readUInt8(at) ^ mask });
          if (throwsFormatError(() => parseSignatureBlock(bytes))) return;
          const block = parseSignatureBlock(bytes);
          expect(block).not.toEqual(original);
          expect(encodeSignatureBlock(block).equals(bytes)).toBe(true);
        }),
      );
    },
  );

  test('the precomputed values of any odd modulus of 3072 bits satisfy their definitions', () => {
    fc.assert(
      fc.property(bytesOf(384), (modulus) => {
        modulus.writeUInt8(modulus.readUInt8(0) | 0x80, 0);
        modulus.writeUInt8(modulus.readUInt8(383) | 1, 383);
        const n = BigInt(`0x${modulus.toString('hex')}`);
        const { rBar, mPrime } = rsaPrecomputed(modulus);
        expect((n * BigInt(mPrime)) % 2n ** 32n).toBe(2n ** 32n - 1n);
        expect(BigInt(`0x${rBar.toString('hex')}`)).toBe(2n ** 6144n % n);
      }),
    );
  });

  test('the key of any block is a key or a FormatError, and its digest has 32 bytes', () => {
    fc.assert(
      fc.property(anyBlock, (block) => {
        const refused = throwsFormatError(() => publicKeyOf(block));
        if (!refused) expect(publicKeyOf(block).type).toBe('public');
        expect(keyDigest(block)).toHaveLength(32);
        expect(hasConsistentPrecomputedValues(block)).toBe(block.scheme !== 'rsa3072');
      }),
    );
  });
});

describe('signature sectors', () => {
  test('any one to three blocks are read as they were written', () => {
    fc.assert(
      fc.property(fc.array(anyBlock, { minLength: 1, maxLength: 3 }), (blocks) => {
        const sector = encodeSignatureSector(blocks);
        const found = parseSignatureSector(sector).slots.flatMap((slot) =>
          slot.kind === 'block' ? [slot.block] : [],
        );
        expect(found).toEqual(blocks);
        expect(looksLikeSignatureSector(sector)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test('any bytes are a sector or a FormatError', () => {
    const junkSector = fc
      .tuple(fc.constantFrom(0, 1, 2), sealedJunk, fc.constantFrom(0xff, 0))
      .map(([slot, block, fill]) => {
        const bytes = Buffer.alloc(4096, fill);
        block.copy(bytes, slot * 1216);
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 5000 }), junkSector), (bytes) => {
        if (throwsFormatError(() => parseSignatureSector(bytes))) return;
        const { slots } = parseSignatureSector(bytes);
        expect(slots.some(({ kind }) => kind === 'block')).toBe(true);
        expect(looksLikeSignatureSector(bytes)).toBe(true);
      }),
    );
  });
});

describe('otadata', () => {
  const entry: fc.Arbitrary<OtadataEntry> = fc.record({
    sequence: fc.integer({ min: 1, max: 0xfffffffe }),
    state: fc.constantFrom('NEW', 'VALID', 'INVALID', 'ABORTED', 'UNDEFINED'),
  });

  test('any two entries are read as they were written', () => {
    fc.assert(
      fc.property(entry, entry, (first, second) => {
        fc.pre(first.sequence !== second.sequence);
        const { sectors } = parseOtadata(encodeOtadata([first, second]));
        expect(sectors[0]).toMatchObject({ ...first, crcValid: true, empty: false });
        expect(sectors[1]).toMatchObject({ ...second, crcValid: true, empty: false });
        expect(sectors.every(({ tailClean }) => tailClean)).toBe(true);
      }),
    );
  });

  test('any 8192 bytes have a reading, and at most an existing slot is selected', () => {
    const sparse = fc.tuple(bytesOf(32), bytesOf(32)).map(([first, second]) => {
      const bytes = Buffer.alloc(0x2000, 0xff);
      first.copy(bytes, 0);
      second.copy(bytes, 0x1000);
      return bytes;
    });
    fc.assert(
      fc.property(sparse, fc.nat({ max: 16 }), (bytes, slotCount) => {
        const { slot } = selectOtadata(parseOtadata(bytes), slotCount);
        expect(slot === undefined || slot < slotCount).toBe(true);
      }),
    );
  });

  test('other sizes are a FormatError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        expect(throwsFormatError(() => parseOtadata(bytes))).toBe(true);
      }),
    );
  });

  test('the next sequence is the smallest one above the current that selects the slot', () => {
    const slots = fc
      .integer({ min: 1, max: 16 })
      .chain((count) => fc.tuple(fc.nat({ max: count - 1 }), fc.constant(count)));
    fc.assert(
      fc.property(fc.nat({ max: 0xffffff00 }), slots, (current, [slot, count]) => {
        let expected = current + 1;
        while ((expected - 1) % count !== slot) expected++;
        expect(nextSequence(current, slot, count)).toBe(expected);
      }),
    );
  });

  test('an entry with the next sequence is the one that boots', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0xffffff00 }), fc.nat({ max: 3 }), (current, slot) => {
        const next = nextSequence(current, slot, 4);
        const bytes = encodeOtadata([
          { sequence: current, state: 'VALID' },
          { sequence: next, state: 'NEW' },
        ]);
        expect(selectOtadata(parseOtadata(bytes), 4)).toMatchObject({ sector: 1, slot });
      }),
    );
  });
});

describe('descriptions', () => {
  const magic = Buffer.from('3254cdab', 'hex');
  const text = (maxLength: number) =>
    fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength }).map((found) => found.trim());

  test('any bytes behind the magic are an app description or a FormatError', () => {
    fc.assert(
      fc.property(bytesOf(252), fc.boolean(), (junk, readable) => {
        const body = readable ? junk.map((byte) => byte & 0x7f) : junk;
        const bytes = Buffer.concat([magic, body]);
        if (throwsFormatError(() => parseAppDescription(bytes))) return;
        expect(parseAppDescription(bytes).version.length).toBeLessThan(32);
      }),
    );
  });

  test('any bytes are an app description or a FormatError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        if (throwsFormatError(() => parseAppDescription(bytes))) return;
        expect(magic.equals(bytes.subarray(0, 4))).toBe(true);
      }),
    );
  });

  test('any fitting change is read back, and nothing else changes', () => {
    const changes = fc.record({
      version: text(31).filter((version) => version !== ''),
      projectName: text(31),
      time: text(15),
      date: text(15),
      secureVersion: u32,
    });
    fc.assert(
      fc.property(bytesOf(252), changes, (junk, wanted) => {
        const bytes = Buffer.concat([magic, junk]);
        bytes.fill(0, 112, 144);
        const patched = patchAppDescription(bytes, wanted);
        expect(parseAppDescription(patched)).toMatchObject(wanted);
        expect(patched.subarray(8, 16).equals(bytes.subarray(8, 16))).toBe(true);
        expect(patched.subarray(112).equals(bytes.subarray(112))).toBe(true);
      }),
    );
  });

  test('any bytes are a bootloader description with texts in it, or none', () => {
    const behindMagic = bytesOf(79).map((junk) =>
      Buffer.concat([Buffer.from([0x50]), junk.map((byte) => (byte < 0x80 ? byte : 0))]),
    );
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), behindMagic), (bytes) => {
        const description = parseBootloaderDescription(bytes);
        if (description === undefined) return;
        expect(description.idfVersion).toMatch(/^[\x20-\x7e]{1,31}$/);
        expect(description.dateTime).toMatch(/^[\x20-\x7e]{0,23}$/);
      }),
    );
  });
});
