import { describe, expect, test } from 'vitest';
import { checkSbom } from '../../../builder/verify/sbom.ts';
import { aManifest } from '../../support/pages.ts';

const FILE = 'X.cdx.json';
const base = aManifest();
const app = base.artifacts.find(({ role }) => role === 'app');
const manifest = {
  ...base,
  artifacts: [
    ...base.artifacts,
    { role: 'sbom' as const, file: FILE, size: 1, sha256: '00'.repeat(32) },
  ],
};

const bill = (changes: object = {}, component: object = {}): string =>
  JSON.stringify({
    bomFormat: 'CycloneDX',
    metadata: {
      component: {
        version: '1.2.3',
        hashes: [{ alg: 'SHA-256', content: app?.sha256 }],
        ...component,
      },
    },
    ...changes,
  });

const messagesOf = (text: string): readonly string[] =>
  checkSbom(manifest, new Map([[FILE, Buffer.from(text)]])).findings.map(({ message }) => message);

describe('a bill of materials', () => {
  test('holds when it is of the app of the release', () => {
    expect(messagesOf(bill())).toEqual([]);
  });

  test.each([
    ['another version', bill({}, { version: '1.2.4' }), 'is of another app'],
    ['another app', bill({}, { hashes: [] }), 'is of another app'],
    [
      'another digest of it',
      bill({}, { hashes: [{ alg: 'MD5', content: app?.sha256 }] }),
      'is of another app',
    ],
    ['another format', bill({ bomFormat: 'SPDX' }), 'is not of CycloneDX: bomFormat'],
    ['no text', '\0', 'is not JSON'],
  ])('is refused with %s', (_, text, message) => {
    expect(messagesOf(text)).toEqual([expect.stringContaining(message)]);
    const { findings } = checkSbom(manifest, new Map([[FILE, Buffer.from(text)]]));
    expect(findings[0]?.code).toBe('SBOM_MISMATCH');
  });

  test('is not asked for of a release that lists none', () => {
    expect(checkSbom(base, new Map())).toMatchObject({
      findings: [],
      absent: 'none in this release',
    });
  });

  test('that is listed but not there is left to the check of the files', () => {
    expect(checkSbom(manifest, new Map()).findings).toEqual([]);
  });
});
