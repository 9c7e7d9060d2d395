import { createPublicKey, sign, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FormatError } from '../../builder/errors/families.ts';
import { keyDigestOfPublicKey } from '../../builder/format/signature-key.ts';
import {
  formatIndexSignatures,
  parseIndexSignatures,
  signersOfIndex,
  type IndexSignature,
} from '../../builder/release-index/index-signatures.ts';
import {
  formatReleaseIndex,
  parseReleaseIndex,
  withEntry,
  type IndexEntry,
  type ReleaseIndex,
} from '../../builder/release-index/release-index.ts';
import { channelOf, compareVersions, newestFirst } from '../../builder/release-index/versions.ts';
import { publicPem } from '../support/pem.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';

const SUBJECT = { board: 'BOARD', chip: 'esp32' };

const version = fc.oneof(
  fc
    .tuple(
      fc.nat({ max: 3 }),
      fc.nat({ max: 3 }),
      fc.constantFrom('', '-beta.1', '-rc.2', '+a', '-1'),
    )
    .map(([major, minor, end]) => `${major}.${minor}.0${end}`),
  fc.constantFrom('nightly', 'v1.2.3', '2024-06-02'),
);
const digest = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex'));
const entry: fc.Arbitrary<IndexEntry> = fc.record({
  version,
  // Names that every object has are names of channels as well.
  channel: fc.constantFrom('stable', 'beta', 'constructor', 'valueof', 'x-1'),
  publishedAt: fc.constant('2026-01-02T03:04:05.678Z'),
  secureVersion: fc.nat({ max: 32 }),
  sourceKind: fc.constantFrom('micropython' as const, 'prebuilt' as const, 'drill' as const),
  development: fc.boolean(),
  keys: fc.array(digest, { maxLength: 3 }),
  files: fc.array(fc.record({ file: fc.constant('a.bin'), size: fc.nat(), sha256: digest }), {
    minLength: 1,
    maxLength: 2,
  }),
});

const indexOf = (entries: readonly IndexEntry[]): ReleaseIndex | undefined =>
  entries.reduce<ReleaseIndex | undefined>(
    (index, each) => withEntry(index, SUBJECT, each),
    undefined,
  );

/** What a parser makes of bytes: a value, or a FormatError, and nothing else. */
function isTotal(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    return error instanceof FormatError;
  }
}

/** JSON that looks much like the real thing, with something else somewhere in it. */
const nearly = fc
  .tuple(fc.array(entry, { minLength: 1, maxLength: 3 }), fc.nat(), fc.nat({ max: 255 }))
  .map(([entries, at, byte]) => {
    const [last] = entries;
    if (last === undefined) throw new Error('no entry');
    const bytes = formatReleaseIndex(withEntry(indexOf(entries), SUBJECT, last));
    bytes[at % bytes.length] = byte;
    return bytes;
  });

describe('an index', () => {
  test('of any bytes is a value or a FormatError', () => {
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      nearly,
    );
    fc.assert(
      fc.property(any, (bytes) => {
        expect(isTotal(() => parseReleaseIndex(bytes, 'index.json'))).toBe(true);
        expect(isTotal(() => parseIndexSignatures(bytes, 'index.json.sig'))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('of a size that none has is refused before each of its entries is', () => {
    const index = {
      ...{ ...SUBJECT, schema: 1, sequence: 1, updatedAt: '2026-01-02T03:04:05Z', channels: {} },
      versions: Array(100_000).fill(0),
    };
    const bytes = Buffer.from(JSON.stringify(index));
    expect(() => parseReleaseIndex(bytes, 'index.json')).toThrow(/: versions: too big/);
    const names = Array.from({ length: 2000 }, (_, at) => `"c${at}":0`);
    const channels = Buffer.from(`{"channels":{${names.join(',')}}}`);
    expect(() => parseReleaseIndex(channels, 'index.json')).toThrow(/it has 2000 channels/);
  });

  test('comes back as it was written', () => {
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 8 }), (entries) => {
        const index = indexOf(entries);
        if (index === undefined) throw new Error('no index');
        const bytes = formatReleaseIndex(index);
        expect(parseReleaseIndex(bytes, 'index.json')).toEqual(index);
        expect(formatReleaseIndex(parseReleaseIndex(bytes, 'index.json'))).toEqual(bytes);
      }),
    );
  });

  test('never loses an entry, and counts every change', () => {
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 12 }), (entries) => {
        const index = indexOf(entries);
        const latest = new Map(entries.map((each) => [each.version, each]));
        const sorted = [...latest.keys()].sort(newestFirst);
        expect(index?.versions).toEqual(sorted.map((each) => latest.get(each)));
        const channels = new Map(entries.map((each) => [each.channel, each.version]));
        expect(new Map(Object.entries(index?.channels ?? {}))).toEqual(channels);
        expect(index?.sequence).toBe(entries.length);
      }),
    );
  });
});

describe('versions', () => {
  test('are in one order, however they were before', () => {
    fc.assert(
      fc.property(fc.uniqueArray(version, { maxLength: 10 }), fc.nat(), (versions, turn) => {
        const at = turn % Math.max(1, versions.length);
        const turned = [...versions.slice(at), ...versions.slice(0, at)];
        const sorted = [...versions].sort(newestFirst);
        expect([...turned].sort(newestFirst)).toEqual(sorted);
        sorted.forEach((each, index) => {
          for (const later of sorted.slice(index + 1))
            expect(compareVersions(each, later) ?? 0).toBeGreaterThanOrEqual(0);
        });
      }),
    );
  });

  test('that semver reads have a channel, others have none', () => {
    fc.assert(
      fc.property(version, (each) => {
        expect(channelOf(each) === undefined).toBe(compareVersions(each, each) === undefined);
      }),
    );
  });
});

describe('signatures of an index', () => {
  const KEYS = (['first', 'second', 'third'] as const).map((name) => aPrivateKey('ecdsa256', name));
  const signed = (key: KeyObject, bytes: Buffer): IndexSignature => ({
    key: keyDigestOfPublicKey(createPublicKey(key)).toString('hex'),
    publicKey: publicPem(key),
    signature: sign('sha256', bytes, key),
  });
  const keys = fc.subarray(KEYS, { minLength: 1 });

  test('over the one now and the one before belong to whichever is beside them', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), keys, keys, (one, two, oldKeys, newKeys) => {
        const [old, now] = [Buffer.from(one), Buffer.from(`${two}!`)];
        const both = [
          ...newKeys.map((key) => signed(key, now)),
          ...oldKeys.map((key) => signed(key, old)),
        ];
        const read = parseIndexSignatures(formatIndexSignatures(both), 'index.json.sig');
        expect(read).toEqual(both);
        const names = (list: readonly KeyObject[]) => list.map((key) => signed(key, now).key);
        if (!old.equals(now)) {
          expect(signersOfIndex(now, read)).toEqual(names(newKeys));
          expect(signersOfIndex(old, read)).toEqual(names(oldKeys));
        }
        expect(signersOfIndex(Buffer.concat([now, Buffer.from('x')]), read)).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  test('under the name of another key do not count', () => {
    const bytes = Buffer.from('{}');
    const [first, second] = KEYS.map((key) => signed(key, bytes));
    if (first === undefined || second === undefined) throw new Error('no keys');
    expect(signersOfIndex(bytes, [{ ...first, key: second.key }])).toEqual([]);
    expect(signersOfIndex(bytes, [{ ...first, publicKey: second.publicKey }])).toEqual([]);
    expect(signersOfIndex(bytes, [{ ...first, publicKey: 'junk' }])).toEqual([]);
  });

  test('that are damaged anywhere do not count, and never throw', () => {
    const bytes = Buffer.from('{"schema": 1}');
    const [first] = KEYS.map((key) => signed(key, bytes));
    if (first === undefined) throw new Error('no key');
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const signature = Buffer.from(first.signature);
        const index = at % signature.length;
        signature[index] = (signature[index] ?? 0) ^ flip;
        expect(signersOfIndex(bytes, [{ ...first, signature }])).toEqual([]);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array(), (junk) => {
        expect(signersOfIndex(bytes, [{ ...first, signature: Buffer.from(junk) }])).toEqual([]);
      }),
    );
  });
});
