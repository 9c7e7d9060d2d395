import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { describe, expect, test } from 'vitest';
import type { BuildInventory } from '../../../builder/compile/build-inventory.ts';
import type { MicroPythonFacts, SourceFacts } from '../../../builder/compile/compiled.ts';
import { firmwareParts, type FirmwarePart } from '../../../builder/sbom/firmware-parts.ts';
import { releaseSbom, type SbomRequest } from '../../../builder/sbom/release-sbom.ts';
import { sha256 } from '../../support/images.ts';
import { aPlan } from '../../support/plans.ts';

const COMMIT = 'e0e9fbb17ed6fd06bb76e266ae554784c9c80804';

const MICROPYTHON: MicroPythonFacts = {
  kind: 'micropython',
  version: 'v1.28.0',
  commit: COMMIT,
  dirty: false,
  board: 'ESP32_GENERIC',
  idfVersion: 'v5.5.1',
  otaExtended: true,
  verification: 'none',
  bootloaderRollback: 'enabled',
};

const INVENTORY: BuildInventory = {
  schema: 1,
  idf: { commit: 'ab'.repeat(20), dirty: false },
  submodules: [
    {
      path: 'lib/berkeley-db-1.xx',
      url: 'https://github.com/pfalcon/berkeley-db-1.xx',
      commit: 'cd'.repeat(20),
    },
    { path: 'lib/elsewhere', url: 'https://example.com/x.git' },
  ],
  components: [{ name: 'espressif/mdns', version: '1.1.0', hash: 'a6'.repeat(32) }],
  frozen: [{ file: 'asyncio/core.mpy', sha256: 'ee'.repeat(32) }],
};

const PREBUILT: SourceFacts = {
  kind: 'prebuilt',
  file: 'firmware.bin',
  sha256: '12'.repeat(32),
  container: 'bootloader-first',
  micropython: { version: 'v1.23.0' },
  idfVersion: 'v5.0.4',
};

const DRILL: SourceFacts = { kind: 'drill', file: 'esp32.elf', sha256: '34'.repeat(32) };

const APP = Buffer.from('the app');
const FILES = [
  { role: 'otadata', file: 'otadata.bin', bytes: Buffer.alloc(1) },
  { role: 'firmware', file: 'X-1.2.3.bin', bytes: Buffer.from('the image') },
  { role: 'app', file: 'X-1.2.3.app-bin', bytes: APP },
];

const make = (changes: Changes = {}): Promise<Buffer> =>
  releaseSbom({
    plan: aPlan(),
    source: MICROPYTHON,
    inventory: INVENTORY,
    files: FILES,
    ...changes,
  } as SbomRequest);

/** `inventory: undefined` takes it away. */
type Changes = { readonly source?: SourceFacts; readonly inventory?: undefined };

type Json = Readonly<Record<string, unknown>>;
const read = async (made: Promise<Buffer>): Promise<Json> =>
  JSON.parse((await made).toString()) as Json;

const partsOf = (source: SourceFacts, inventory?: BuildInventory): readonly FirmwarePart[] =>
  firmwareParts({ source, inventory, otaBuildVersion: '0.1.0' });
const partOf = (ref: string, ...from: Parameters<typeof partsOf>): FirmwarePart | undefined =>
  partsOf(...from).find((part) => part.ref === ref);

describe('the bill of materials of a release', () => {
  const kinds: readonly (readonly [string, Changes])[] = [
    ['compiled firmware', {}],
    ['finished firmware', { source: PREBUILT, inventory: undefined }],
    ['the drill', { source: DRILL, inventory: undefined }],
  ];

  test.each(kinds)('is valid CycloneDX 1.6, by its strict schema: %s', async (_, changes) => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    expect(await validator.validate((await make(changes)).toString())).toBeNull();
  });

  test('is refused by that schema when it is not: the validator sees', async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    const text = (await make()).toString().replace('"type": "firmware"', '"type": "nonsense"');
    expect(await validator.validate(text)).not.toBeNull();
  });

  test('names the app by its SHA-256, and every image of the release', async () => {
    const { metadata } = await read(make());
    const digest = sha256(APP).toString('hex');
    expect(metadata).toMatchObject({
      timestamp: '2024-06-02T06:51:35.000Z',
      lifecycles: [{ phase: 'build' }],
      component: {
        type: 'firmware',
        name: 'ESP32_GENERIC',
        version: '1.2.3',
        hashes: [{ alg: 'SHA-256', content: digest }],
        components: [
          { name: 'X-1.2.3.app-bin', hashes: [{ content: digest }] },
          { name: 'X-1.2.3.bin' },
        ],
      },
    });
  });

  test('is the same bytes for the same release, and another serial number for another', async () => {
    const first = await make();
    expect(await make()).toEqual(first);
    const { serialNumber } = await read(make());
    expect(serialNumber).toMatch(
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-/,
    );
    const other = await read(make({ source: { ...MICROPYTHON, version: 'v1.27.0' } }));
    expect(other['serialNumber']).not.toBe(serialNumber);
  });

  test('says what the firmware depends on', async () => {
    const { dependencies } = await read(make());
    expect(dependencies).toContainEqual({
      ref: 'firmware',
      dependsOn: expect.arrayContaining([
        'micropython',
        'esp-idf',
        'component:espressif/mdns',
      ]) as unknown,
    });
  });
});

describe('the parts of a firmware', () => {
  test('are, compiled: MicroPython, ESP-IDF, our module, submodules, components and frozen files', () => {
    const parts = partsOf({ ...MICROPYTHON, container: 'espressif/idf@sha256:00' }, INVENTORY);
    expect(parts.map(({ ref, purl }) => [ref, purl])).toEqual([
      ['micropython', `pkg:github/micropython/micropython@${COMMIT}`],
      ['esp-idf', 'pkg:github/espressif/esp-idf@v5.5.1'],
      ['ota-build:firmware', undefined],
      ['submodule:lib/berkeley-db-1.xx', `pkg:github/pfalcon/berkeley-db-1.xx@${'cd'.repeat(20)}`],
      ['submodule:lib/elsewhere', undefined],
      ['component:espressif/mdns', undefined],
      ['frozen:asyncio/core.mpy', undefined],
    ]);
    expect(parts[1]?.facts).toEqual({
      commit: 'ab'.repeat(20),
      container: 'espressif/idf@sha256:00',
    });
    expect(parts[5]).toMatchObject({
      group: 'espressif',
      name: 'mdns',
      version: '1.1.0',
      facts: { 'component-hash': 'a6'.repeat(32) },
    });
  });

  test.each([
    ['local changes', { dirty: true }],
    ['a commit between releases', { version: 'v1.28.0-3-g0123456789' }],
  ])('are not said to be a release of MicroPython with %s', (_, changes) => {
    const part = partOf('micropython', { ...MICROPYTHON, ...changes });
    expect(part).not.toHaveProperty('purl');
    expect(part?.facts['commit']).toBe(COMMIT);
  });

  test('are, of finished firmware, the file and what it says of itself', () => {
    expect(partsOf(PREBUILT).map(({ ref, purl }) => [ref, purl])).toEqual([
      ['file:firmware.bin', undefined],
      ['micropython', 'pkg:github/micropython/micropython@v1.23.0'],
      ['esp-idf', 'pkg:github/espressif/esp-idf@v5.0.4'],
    ]);
  });

  test('are, of the drill, its ELF file', () => {
    expect(partsOf(DRILL)).toEqual([
      expect.objectContaining({ name: 'esp32.elf', sha256: DRILL.sha256 }),
    ]);
  });
});
