import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyDigest, type SignatureBlock } from '../../builder/format/signature-block.ts';
import {
  hasConsistentPrecomputedValues,
  keyDigestOfPublicKey,
  publicKeyOf,
} from '../../builder/format/signature-key.ts';
import { SIGNATURE_SCHEMES, type SignatureScheme } from '../../builder/format/signature-scheme.ts';
import {
  encodeSignatureSector,
  looksLikeSignatureSector,
  parseSignatureSector,
} from '../../builder/format/signature-sector.ts';
import { isMissing, NEEDS_ORACLE, oracleTool } from '../support/oracle.ts';
import {
  ALL_SCHEMES,
  aPrivateKey,
  aSignedBlock,
  isSignatureGood,
} from '../support/signature-blocks.ts';

const espsecure = oracleTool('espsecure');
const CONTENTS = Buffer.from(
  Array.from({ length: 8192 }, (_, index) => (index === 0 ? 0xe9 : index % 251)),
);

const COMBINATIONS = ALL_SCHEMES.flatMap((scheme) => [1, 2, 3].map((count) => ({ scheme, count })));

describe.skipIf(isMissing(espsecure))(
  `signature blocks against espsecure (${NEEDS_ORACLE})`,
  () => {
    let directory: string;

    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'ota-build-oracle-'));
    });

    afterAll(() => {
      rmSync(directory, { recursive: true, force: true });
    });

    function run(...args: readonly string[]): string {
      return execFileSync(espsecure ?? '', args, { cwd: directory, encoding: 'utf8' });
    }

    function writePrivateKey(file: string, key: KeyObject): string {
      writeFileSync(join(directory, file), key.export({ type: 'pkcs8', format: 'pem' }), {
        mode: 0o600,
      });
      return file;
    }

    function keysOf(scheme: SignatureScheme, count: number): KeyObject[] {
      return ['first', 'second', 'third'].slice(0, count).map((name) => aPrivateKey(scheme, name));
    }

    /** What espsecure makes of CONTENTS with these keys, signature sector included. */
    function signedByEspsecure(keys: readonly KeyObject[]): Buffer {
      writeFileSync(join(directory, 'data.bin'), CONTENTS);
      const files = keys.map((key, index) => writePrivateKey(`sign-${index}.pem`, key));
      const keyArgs = files.flatMap((file) => ['--keyfile', file]);
      run('sign-data', '--version', '2', ...keyArgs, '--output', 'signed.bin', 'data.bin');
      return readFileSync(join(directory, 'signed.bin'));
    }

    function blocksIn(sector: Buffer): SignatureBlock[] {
      return parseSignatureSector(sector, CONTENTS.length).slots.flatMap((slot) =>
        slot.kind === 'block' ? [slot.block] : [],
      );
    }

    test.each(COMBINATIONS)('reads what $count key(s) of $scheme sign', ({ scheme, count }) => {
      const keys = keysOf(scheme, count);
      const signed = signedByEspsecure(keys);
      expect(signed.subarray(0, CONTENTS.length).equals(CONTENTS)).toBe(true);
      const sector = signed.subarray(CONTENTS.length);
      expect(looksLikeSignatureSector(sector)).toBe(true);

      const blocks = blocksIn(sector);
      expect(blocks.map((block) => block.scheme)).toEqual(keys.map(() => scheme));
      const digest = createHash(SIGNATURE_SCHEMES[scheme].hash).update(CONTENTS).digest();
      for (const [index, block] of blocks.entries()) {
        expect(block.imageDigest.equals(digest)).toBe(true);
        expect(hasConsistentPrecomputedValues(block)).toBe(true);
        expect(isSignatureGood(block, CONTENTS)).toBe(true);
        const key = keys[index];
        expect(key && publicKeyOf(block).equals(createPublicKey(key))).toBe(true);
      }
      expect(encodeSignatureSector(blocks).equals(sector)).toBe(true);
    });

    test.each(ALL_SCHEMES)('agrees on the key digest of a %s key', (scheme) => {
      const key = aPrivateKey(scheme);
      const file = writePrivateKey(`digest-${scheme}.pem`, key);
      run('digest-sbv2-public-key', '--keyfile', file, '--output', `${scheme}.digest`);
      const theirs = readFileSync(join(directory, `${scheme}.digest`)).toString('hex');
      expect(keyDigestOfPublicKey(createPublicKey(key)).toString('hex')).toBe(theirs);
      expect(keyDigest(aSignedBlock(scheme)).toString('hex')).toBe(theirs);
    });

    test.each(COMBINATIONS)(
      'writes what espsecure verifies: $count key(s) of $scheme',
      ({ scheme, count }) => {
        const keys = keysOf(scheme, count);
        const blocks = keys.map((key) => aSignedBlock(scheme, CONTENTS, key));
        const signed = Buffer.concat([CONTENTS, encodeSignatureSector(blocks)]);
        writeFileSync(join(directory, 'ours.bin'), signed);
        for (const key of keys) {
          const file = writePrivateKey('verify.pem', key);
          const output = run('verify-signature', '--version', '2', '--keyfile', file, 'ours.bin');
          expect(output).toMatch(/verification successful/i);
        }
      },
    );
  },
);
