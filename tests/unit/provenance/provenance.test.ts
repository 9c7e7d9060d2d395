import { describe, expect, test } from 'vitest';
import type { BuildInventory } from '../../../builder/compile/build-inventory.ts';
import type { MicroPythonSource, Plan } from '../../../builder/plan/plan.ts';
import { provenance, type ProvenanceFacts } from '../../../builder/provenance/provenance.ts';
import { lastName } from '../../../builder/provenance/public-plan.ts';
import { aPlan } from '../../support/plans.ts';

const COMMIT = 'e0e9fbb17ed6fd06bb76e266ae554784c9c80804';

const SOURCE: MicroPythonSource = {
  kind: 'micropython',
  directory: '/home/me/.cache/ota-build/sources/micropython-v1.28.0',
  version: 'v1.28.0',
  described: 'v1.28.0',
  commit: COMMIT,
  dirty: false,
  fingerprint: 'ab'.repeat(32),
  builtAt: '2026-04-06T00:00:00Z',
  board: 'ESP32_GENERIC',
  boardManifest: '/home/me/.cache/ota-build/sources/micropython-v1.28.0/ports/esp32/manifest.py',
  idfVersion: 'v5.5.1',
  toolchain: { kind: 'container', image: `espressif/idf@sha256:${'cd'.repeat(32)}` },
  otaExtended: true,
  optimization: 'board',
  verification: 'on-update',
  userModules: ['/home/me/modules/lamp.cmake', 'modules/own.cmake'],
  sdkconfig: [{ file: 'my.sdkconfig', text: 'CONFIG_WIFI_PASSWORD="hunter2"\n' }],
};

const INVENTORY: BuildInventory = {
  schema: 1,
  idf: { commit: 'ef'.repeat(20), dirty: false },
  submodules: [
    { path: 'lib/x', url: 'https://github.com/a/x', commit: '12'.repeat(20) },
    { path: 'lib/unknown' },
  ],
  components: [],
  frozen: [],
};

const GITHUB = {
  GITHUB_ACTIONS: 'true',
  GITHUB_SERVER_URL: 'https://github.com',
  GITHUB_REPOSITORY: 'octo/lamp',
  GITHUB_REPOSITORY_ID: '1',
  GITHUB_REPOSITORY_OWNER_ID: '2',
  GITHUB_WORKFLOW_REF: 'octo/lamp/.github/workflows/release.yml@refs/tags/v1.2.3',
  GITHUB_RUN_ID: '99',
  GITHUB_RUN_ATTEMPT: '2',
  GITHUB_EVENT_NAME: 'push',
  GITHUB_REF: 'refs/tags/v1.2.3',
  GITHUB_SHA: '34'.repeat(20),
  GITHUB_TOKEN: 'ghs_secret',
  RUNNER_ENVIRONMENT: 'github-hosted',
};

const compiled: Plan = { ...aPlan(), source: SOURCE };

const make = (changes: Partial<ProvenanceFacts> = {}) =>
  provenance({
    plan: compiled,
    environment: {},
    otaBuildVersion: '0.1.0',
    startedOn: new Date('2026-11-22T10:00:00.123Z'),
    finishedOn: new Date('2026-11-22T10:05:00.987Z'),
    ...changes,
  });

const URI = /^[a-z][a-z0-9+.-]*:\S+$/;
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** Field rules of SLSA provenance v1 and of in-toto's ResourceDescriptor that a document breaks. */
function brokenRules(document: unknown): string[] {
  type Fields = Record<string, unknown>;
  const { buildDefinition: build, runDetails: run, ...others } = document as Record<string, Fields>;
  const broken: string[] = [];
  const rule = (name: string, holds: boolean): void => {
    if (!holds) broken.push(name);
  };
  const isObject = (value: unknown): value is Fields =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const isUri = (value: unknown): boolean => typeof value === 'string' && URI.test(value);
  const only = (name: string, value: Fields, allowed: readonly string[]): void => {
    rule(
      `${name}: unknown field`,
      Object.keys(value).every((key) => allowed.includes(key)),
    );
  };
  rule('fields of the predicate', Object.keys(others).length === 0);
  if (!isObject(build) || !isObject(run)) return [...broken, 'buildDefinition and runDetails'];
  only('buildDefinition', build, [
    ...['buildType', 'externalParameters', 'internalParameters', 'resolvedDependencies'],
  ]);
  rule('buildType is a TypeURI', isUri(build['buildType']));
  rule('externalParameters is an object', isObject(build['externalParameters']));
  for (const each of build['resolvedDependencies'] as Fields[]) {
    only('ResourceDescriptor', each, [
      ...['uri', 'digest', 'name', 'downloadLocation', 'mediaType', 'content', 'annotations'],
    ]);
    rule('uri or digest', each['uri'] !== undefined || each['digest'] !== undefined);
    rule('uri is one', each['uri'] === undefined || isUri(each['uri']));
    for (const [name, value] of Object.entries((each['digest'] ?? {}) as Fields))
      rule(
        'digest is hex',
        /^(sha256|gitCommit)$/.test(name) && /^[0-9a-f]{40,64}$/.test(value as string),
      );
  }
  only('runDetails', run, ['builder', 'metadata', 'byproducts']);
  rule('builder.id is a TypeURI', isObject(run['builder']) && isUri(run['builder']['id']));
  const metadata = (run['metadata'] ?? {}) as Fields;
  only('metadata', metadata, ['invocationId', 'startedOn', 'finishedOn']);
  for (const name of ['startedOn', 'finishedOn'])
    rule(name, metadata[name] === undefined || TIMESTAMP.test(metadata[name] as string));
  return broken;
}

describe('the provenance of a release', () => {
  test.each([
    ['compiled in a container', {}],
    [
      'compiled here',
      {
        plan: { ...compiled, source: { ...SOURCE, toolchain: { kind: 'local' } } },
        inventory: INVENTORY,
      },
    ],
    ['of a file', { plan: aPlan() }],
    ['on GitHub', { environment: GITHUB }],
    ['with a date that is given', { environment: { SOURCE_DATE_EPOCH: '1' } }],
  ] as [string, Partial<ProvenanceFacts>][])('keeps the field rules of SLSA v1: %s', (_, facts) => {
    expect(brokenRules(make(facts))).toEqual([]);
  });

  test('is judged by rules that see what is wrong', () => {
    const { buildDefinition, runDetails } = make();
    expect(
      brokenRules({ buildDefinition: { ...buildDefinition, buildType: 'x' }, runDetails }),
    ).toEqual(['buildType is a TypeURI']);
    expect(brokenRules({ buildDefinition, runDetails: { ...runDetails, builder: {} } })).toEqual([
      'builder.id is a TypeURI',
    ]);
  });

  test('names the sources by commit, the container by digest, and the layout', () => {
    const { resolvedDependencies } = make({ inventory: INVENTORY }).buildDefinition;
    expect(resolvedDependencies).toEqual([
      {
        name: 'micropython',
        uri: 'git+https://github.com/micropython/micropython@v1.28.0',
        digest: { gitCommit: COMMIT },
      },
      {
        name: 'esp-idf',
        uri: 'docker://espressif/idf',
        digest: { sha256: 'cd'.repeat(32) },
        annotations: { version: 'v5.5.1' },
      },
      {
        name: 'lib/x',
        uri: `git+https://github.com/a/x@${'12'.repeat(20)}`,
        digest: { gitCommit: '12'.repeat(20) },
      },
      { name: 'firmware/partitions/ota-4MiB.csv', digest: { sha256: compiled.layout.sha256 } },
    ]);
  });

  test('does not say of a commit between releases that it is in the repository of MicroPython', () => {
    const source = { ...SOURCE, described: 'v1.28.0-3-g0123456789-dirty', dirty: true };
    const [micropython] = make({ plan: { ...compiled, source } }).buildDefinition
      .resolvedDependencies;
    expect(micropython).toEqual({
      name: 'micropython',
      digest: { gitCommit: COMMIT },
      annotations: { described: 'v1.28.0-3-g0123456789-dirty', localChanges: true },
    });
  });

  test('names the files of a build directory, and a firmware file', () => {
    const pinned = { file: 'micropython.bin', size: 3, sha256: '56'.repeat(32) };
    const source = {
      kind: 'build-directory' as const,
      directory: '/home/me/build',
      files: [{ role: 'app' as const, ...pinned }],
    };
    const { buildDefinition } = make({ plan: { ...compiled, source } });
    expect(buildDefinition.resolvedDependencies[0]).toEqual({
      name: pinned.file,
      digest: { sha256: pinned.sha256 },
    });
    const [file] = make({ plan: aPlan() }).buildDefinition.resolvedDependencies;
    expect(file?.name).toBe('firmware.bin');
  });

  test('says on GitHub which workflow ran, in which run, at which commit', () => {
    const { buildDefinition, runDetails } = make({ environment: GITHUB });
    expect(runDetails).toEqual({
      builder: {
        id: 'https://github.com/octo/lamp/.github/workflows/release.yml@refs/tags/v1.2.3',
        version: { 'ota-build': '0.1.0' },
      },
      metadata: {
        invocationId: 'https://github.com/octo/lamp/actions/runs/99/attempts/2',
        startedOn: '2026-11-22T10:00:00Z',
        finishedOn: '2026-11-22T10:05:00Z',
      },
    });
    expect(buildDefinition.resolvedDependencies[0]).toEqual({
      name: 'octo/lamp',
      uri: 'git+https://github.com/octo/lamp@refs/tags/v1.2.3',
      digest: { gitCommit: '34'.repeat(20) },
    });
    expect(buildDefinition.internalParameters).toEqual({
      github: {
        eventName: 'push',
        repositoryId: '1',
        repositoryOwnerId: '2',
        runnerEnvironment: 'github-hosted',
      },
    });
  });

  test('claims no builder elsewhere, nor where GitHub says too little', () => {
    for (const environment of [
      {},
      { ...GITHUB, GITHUB_ACTIONS: undefined },
      { ...GITHUB, GITHUB_RUN_ID: '' },
    ])
      expect(make({ environment }).runDetails.builder.id).toBe('urn:ota-build:builder:unattested');
  });

  test('is the same for the same inputs with SOURCE_DATE_EPOCH', () => {
    const environment = { SOURCE_DATE_EPOCH: '1717311095' };
    const later = { environment, startedOn: new Date(1), finishedOn: new Date(2) };
    expect(make({ environment })).toEqual(make(later));
    expect(make({ environment }).runDetails).not.toHaveProperty('metadata');
  });

  test('holds no secrets and no places of this machine', () => {
    const signing = {
      scheme: 'rsa3072' as const,
      bootloader: false,
      keys: ['pkcs11:token=t?pin-value=1234', 'command:sign --secret hunter2', '/home/me/key.pem'],
    };
    const text = JSON.stringify(make({ plan: { ...compiled, signing }, environment: GITHUB }));
    expect(text).not.toMatch(/\/home|hunter2|1234|key\.pem|ghs_secret|token=t/);
    expect(text).toContain('"keys":["pkcs11","command","file"]');
    expect(text).toContain('"userModules":["lamp.cmake","modules/own.cmake"]');
  });

  test.each([
    ['/a/b.bin', 'b.bin'],
    ['C:\\a\\b.bin', 'b.bin'],
    ['\\\\server\\share\\b.bin', 'b.bin'],
    ['../a/b.bin', 'b.bin'],
    ['a/b.bin', 'a/b.bin'],
    ['v1.2.3', 'v1.2.3'],
  ])('names %s %s', (path, name) => {
    expect(lastName(path)).toBe(name);
  });
});
