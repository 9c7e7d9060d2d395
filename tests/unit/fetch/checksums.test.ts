import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../../builder/errors/families.ts';
import { parseChecksums } from '../../../builder/fetch/checksums.ts';
import { formatChecksums } from '../../../builder/manifest/checksums.ts';

const digest = fc.stringMatching(/^[0-9a-f]{64}$/);
const file = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._+-]{0,30}$/);

describe('SHA256SUMS of a release', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.record({ file, sha256: digest }), {
          selector: (each) => each.file,
          maxLength: 20,
        }),
        (checksums) => {
          const sorted = [...checksums].sort((a, b) => (a.file < b.file ? -1 : 1));
          expect(parseChecksums(Buffer.from(formatChecksums(checksums)), 'sums')).toEqual(sorted);
        },
      ),
    );
  });

  const LINE = `${'a'.repeat(64)} *file\n`;
  test.each([
    ['a path', LINE.replace('file', '../file'), 1],
    ['a hidden file', LINE.replace('file', '.file'), 1],
    ['text mode', LINE.replace('*', ' '), 1],
    ['a digest in capitals', LINE.replaceAll('a', 'A'), 1],
    ['an empty line', `${LINE}\n`, 2],
    ['no end', LINE.trimEnd(), 1],
    ['too many lines', LINE.repeat(65), 64],
  ])('is not one with %s', (_, text, line) => {
    try {
      parseChecksums(Buffer.from(text), 'sums');
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(FormatError);
      expect((error as FormatError).where).toEqual({ file: 'sums', line });
    }
  });

  test('is read or refused, for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          parseChecksums(Buffer.from(bytes), 'sums');
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
    );
  });
});
