import { describe, expect, test } from 'vitest';
import { PublishError, VerifyError } from '../../../builder/errors/families.ts';
import { keyDigestOfPublicKey } from '../../../builder/format/signature-key.ts';
import type { Signer } from '../../../builder/keys/signer.ts';
import { createPublicKey } from 'node:crypto';
import type { Manifest } from '../../../builder/manifest/manifest.ts';
import {
  GATES,
  describeAllowed,
  objectionsTo,
  requireAllowed,
  type Candidate,
  type GateName,
} from '../../../builder/publish/gates.ts';
import type { Publishable } from '../../../builder/publish/publishable.ts';
import type { KnownReleases } from '../../../builder/publish/target.ts';
import { errorFinding } from '../../../builder/verify/finding.ts';
import { aPrivateKey } from '../../support/signature-blocks.ts';
import { thrownBy } from '../../support/thrown.ts';

const publicKey = createPublicKey(aPrivateKey('ecdsa256'));
const SIGNER: Signer = {
  reference: 'key.pem',
  scheme: 'ecdsa256',
  publicKey,
  digest: keyDigestOfPublicKey(publicKey),
  development: false,
  sign: () => Promise.reject(new Error('not asked to')),
};

const MANIFEST: Manifest = {
  schema: 1,
  board: 'BOARD',
  chip: 'esp32c6',
  version: '1.2.3',
  secureVersion: 2,
  projectName: 'x',
  source: { kind: 'drill', file: 'x.elf', sha256: '0'.repeat(64) },
  createdAt: '2026-01-01T00:00:00Z',
  flash: { mode: 'dio', freq: '80m', size: '4MB' },
  partitions: [],
  artifacts: [],
  signing: { scheme: 'ecdsa256', keys: [{ digest: '1'.repeat(64), role: 'image' }] },
  warnings: [],
};
const COMPILED: Manifest['source'] = {
  kind: 'micropython',
  version: 'v1.28.0',
  dirty: false,
  board: 'BOARD',
  idfVersion: 'v5.5.1',
  otaExtended: true,
  verification: 'none',
  bootloaderRollback: 'enabled',
};

const PREBUILT: Extract<Manifest['source'], { kind: 'prebuilt' }> = {
  kind: 'prebuilt',
  file: 'x.bin',
  sha256: '0'.repeat(64),
  container: 'app',
  micropython: { version: 'v1.23.0' },
  idfVersion: 'v5.0.4',
};

function aRelease(manifest: Partial<Manifest> = {}): Publishable {
  const whole = { ...MANIFEST, source: COMPILED, ...manifest };
  return {
    directory: '/x',
    name: 'x',
    targetName: 'BOARD',
    stem: `BOARD-${whole.version}`,
    manifest: whole,
    files: [],
    verification: { name: 'x', kind: 'release', ok: true, checks: [], signedBy: [] },
  };
}

const aCandidate = (
  manifest: Partial<Manifest> = {},
  more: Partial<Candidate> = {},
): Candidate => ({
  release: aRelease(manifest),
  channel: 'stable',
  signers: [SIGNER],
  signsIndex: true,
  ...more,
});

const NOTHING: KnownReleases = { versions: [] };
const has = (version: string, secureVersion = 0, channel = 'stable'): KnownReleases => ({
  versions: [{ version, channel, secureVersion }],
});

const gatesOf = (candidate: Candidate, known = NOTHING): readonly GateName[] =>
  objectionsTo(candidate, known).map(({ gate }) => gate);

describe('the gates', () => {
  test('let a release through that nothing speaks against', () => {
    expect(gatesOf(aCandidate())).toEqual([]);
    expect(gatesOf(aCandidate(), has('1.2.2', 2))).toEqual([]);
    expect(gatesOf(aCandidate({ source: PREBUILT }))).toEqual([]);
  });

  test.each<[string, Partial<Manifest>, KnownReleases, readonly GateName[]]>([
    ['no signature', { signing: null }, NOTHING, ['unsigned']],
    ['the drill', { source: MANIFEST.source }, NOTHING, ['drill']],
    [
      'a development key',
      {
        signing: {
          scheme: 'rsa3072',
          keys: [{ digest: '1'.repeat(64), role: 'image', development: true }],
        },
      },
      NOTHING,
      ['development'],
    ],
    ['changed sources', { source: { ...COMPILED, dirty: true } }, NOTHING, ['dirty']],
    [
      'sources that call themselves dirty',
      { source: { ...COMPILED, version: 'v1.28.0-dirty' } },
      NOTHING,
      ['dirty'],
    ],
    [
      'firmware whose MicroPython calls itself dirty',
      { source: { ...PREBUILT, micropython: { version: 'v1.20.0-dirty' } } },
      NOTHING,
      ['dirty'],
    ],
    [
      'firmware whose project calls itself dirty',
      { source: { ...PREBUILT, project: { name: 'x', version: '1.0-2-gabc-dirty' } } },
      NOTHING,
      ['dirty'],
    ],
    ['a version of a dirty tree', { version: '1.2.3-4-gabc-dirty' }, NOTHING, ['dirty']],
    ['a lower secure_version', {}, has('1.2.2', 3), ['secure-version']],
    ['an older version', {}, has('1.2.4', 2), ['not-newer']],
    ['its own release candidate', { version: '1.2.3-rc.1' }, has('1.2.3', 2), ['not-newer']],
    ['the same precedence', { version: '1.2.3+b' }, has('1.2.3+a', 2), ['not-newer']],
    ['no semver', { version: 'nightly' }, NOTHING, ['not-newer']],
  ])('object to %s', (_, manifest, known, gates) => {
    expect(gatesOf(aCandidate(manifest), known)).toEqual(gates);
  });

  test('compare with the highest of the channel, not with the newest or the last', () => {
    const known = {
      versions: [
        { version: '1.0.0', channel: 'stable', secureVersion: 5 },
        { version: '1.1.0', channel: 'stable', secureVersion: 1 },
        { version: '1.10.0', channel: 'stable' },
        { version: 'nightly', channel: 'stable' },
      ],
    };
    const objections = objectionsTo(aCandidate({ version: '1.9.0' }), known);
    expect(objections.map(({ problem }) => problem).join()).toMatch(
      /had 5 already.*than 1\.10\.0/s,
    );
  });

  test('do not mind what other channels have', () => {
    expect(gatesOf(aCandidate(), has('9.0.0', 9, 'beta'))).toEqual([]);
  });

  test('do not mind the same version once more, unless the channel is to go back to it', () => {
    const known = { versions: [...has('1.2.4', 3).versions, ...has('1.2.3', 2).versions] };
    expect(gatesOf(aCandidate(), known)).toEqual([]);
    expect(gatesOf(aCandidate({}, { repoint: true }), known)).toEqual([
      'secure-version',
      'not-newer',
    ]);
  });

  test('want a target with an index to have it signed, by keys that count', () => {
    expect(gatesOf(aCandidate({}, { signers: [] }))).toEqual(['unsigned']);
    expect(gatesOf(aCandidate({}, { signers: [], signsIndex: false }))).toEqual([]);
    const [taken] = objectionsTo(aCandidate({}, { signers: [] }), {
      ...NOTHING,
      hasSignedIndex: true,
    });
    expect(taken?.problem).toMatch(/take the signature/);
    expect(gatesOf(aCandidate({}, { signers: [{ ...SIGNER, development: true }] }))).toEqual([
      'development',
    ]);
    const trust = { trustedKeys: [Buffer.alloc(32)] };
    expect(gatesOf(aCandidate({}, { trust }))).toEqual(['unverified']);
    expect(gatesOf(aCandidate({}, { trust: { trustedKeys: [SIGNER.digest] } }))).toEqual([]);
  });

  test('object to what did not pass the checker, with its findings', () => {
    const findings = [errorFinding('FILE_MISMATCH', 'is torn', { file: 'a.bin' })];
    const release = aRelease();
    const verification = { ...release.verification, ok: false, checks: [{ title: 'x', findings }] };
    const [objection] = objectionsTo(
      aCandidate({}, { release: { ...release, verification } }),
      NOTHING,
    );
    expect(objection?.gate).toBe('unverified');
    expect(objection?.findings).toEqual(['a.bin: is torn']);
  });
});

describe('what is refused', () => {
  const objections = GATES.map((gate) => ({ gate, problem: `has ${gate}` }));

  test('is told all at once, with every flag', async () => {
    const error = await thrownBy(VerifyError, () => {
      requireAllowed([{ stem: 'A-1', objections }], new Set());
    });
    for (const gate of GATES) expect(error.message).toContain(`has ${gate} (--allow-${gate})`);
    expect(error.hint).toContain(GATES.map((gate) => `--allow-${gate}`).join(' '));
  });

  test('is told of all releases, and only as far as it was not allowed', async () => {
    const allow = new Set<GateName>(GATES.filter((gate) => gate !== 'drill'));
    const judged = ['A-1', 'B-1', 'C-1'].map((stem, index) => ({
      stem,
      objections: index === 2 ? [] : objections,
    }));
    const error = await thrownBy(PublishError, () => {
      requireAllowed(judged, allow);
    });
    expect(error.message.split('\n')).toEqual([
      'A-1 is not to be published:',
      '  - it has drill (--allow-drill)',
      'B-1 is not to be published:',
      '  - it has drill (--allow-drill)',
    ]);
  });

  test('has the findings of the checker as a list, and is one line where it was allowed', async () => {
    const findings = ['a.bin: is torn', 'b.bin: is not there'];
    const objection = { gate: 'unverified', problem: 'does not pass', findings } as const;
    const error = await thrownBy(VerifyError, () => {
      requireAllowed([{ stem: 'A-1', objections: [objection] }], new Set());
    });
    expect(error.message.split('\n')).toEqual([
      'A-1 is not to be published:',
      '  - it does not pass:',
      '    - a.bin: is torn',
      '    - b.bin: is not there',
      '    (--allow-unverified)',
    ]);
    expect(describeAllowed('A-1', objection)).toBe(
      'A-1 does not pass (a.bin: is torn; b.bin: is not there); --allow-unverified was given',
    );
  });

  test('is told once where several targets object to the same', async () => {
    const judged = { stem: 'A-1', objections: [{ gate: 'drill', problem: 'is a drill' }] } as const;
    const other = { stem: 'A-1', objections: [{ gate: 'not-newer', problem: 'is old' }] } as const;
    const error = await thrownBy(PublishError, () => {
      requireAllowed([judged, judged, other], new Set());
    });
    expect(error.message.split('\n')).toEqual([
      'A-1 is not to be published:',
      '  - it is a drill (--allow-drill)',
      'A-1 is not to be published:',
      '  - it is old (--allow-not-newer)',
    ]);
  });

  test('is nothing when all of it is allowed', () => {
    expect(() => {
      requireAllowed([{ stem: 'A-1', objections }], new Set(GATES));
    }).not.toThrow();
  });
});
