import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatManifestSignatures,
  parseManifestSignatures,
} from '../../builder/manifest/manifest-signatures.ts';

const signature = fc.record({
  key: fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map((bytes) => Buffer.from(bytes).toString('hex')),
  signature: fc.uint8Array({ minLength: 64, maxLength: 384 }).map((bytes) => Buffer.from(bytes)),
});

test('signatures by several keys come back as they were written, a single one as it is', () => {
  fc.assert(
    fc.property(fc.array(signature, { minLength: 1, maxLength: 3 }), (signatures) => {
      const parsed = parseManifestSignatures(formatManifestSignatures(signatures));
      expect(parsed).toEqual(
        signatures.length === 1 ? [{ signature: signatures[0]?.signature }] : signatures,
      );
    }),
  );
});

test('any other bytes are one bare signature', () => {
  const bytes = fc.oneof(
    fc.uint8Array().map((each) => Buffer.from(each)),
    fc.json().map((text) => Buffer.from(`{${text}`)),
    fc.json().map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(bytes, (each) => {
      expect(parseManifestSignatures(each)).toEqual([{ signature: each }]);
    }),
  );
});
