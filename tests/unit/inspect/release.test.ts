import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { FormatError } from '../../../builder/errors/families.ts';
import { keyDigestOfPublicKey } from '../../../builder/format/signature-key.ts';
import { inspectPath } from '../../../builder/inspect/inspect-path.ts';
import type { ReleaseInspection } from '../../../builder/inspect/inspection.ts';
import type { Manifest } from '../../../builder/manifest/manifest.ts';
import { aRelease, stemOf, type Files } from '../../support/release.ts';
import { aPrivateKey } from '../../support/signature-blocks.ts';
import { tempProject } from '../../support/temp-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

const key = aPrivateKey('rsa3072');
const digest = keyDigestOfPublicKey(key).toString('hex');
const APP = `${stemOf('ESP32_GENERIC')}.app-bin`;

let signed: Files;

beforeAll(async () => {
  signed = await aRelease({ board: 'ESP32_GENERIC', chip: esp32, keys: [key] });
});

const writeRelease = (files: Files = signed): Promise<string> =>
  tempProject(Object.fromEntries(files));

async function inspectRelease(directory: string): Promise<ReleaseInspection> {
  const inspection = await inspectPath(directory, 'a-release');
  if (inspection.kind !== 'release') throw new Error(`it is ${inspection.kind}`);
  return inspection;
}

async function editManifest(
  directory: string,
  edit: (manifest: Manifest) => unknown,
): Promise<void> {
  const path = join(directory, 'manifest.json');
  const manifest = JSON.parse(await readFile(path, 'utf8')) as Manifest;
  await writeFile(path, JSON.stringify(edit(manifest)));
}

describe('A release directory', () => {
  test('is told by its manifest, with every artifact as listed', async () => {
    const { name, manifest, artifacts } = await inspectRelease(await writeRelease());
    expect(name).toBe('a-release');
    expect(manifest).toMatchObject({
      board: 'ESP32_GENERIC',
      chip: 'esp32',
      version: '1.2.3',
      secureVersion: 2,
      signing: { scheme: 'rsa3072', keys: [{ digest }] },
    });
    expect(manifest).not.toHaveProperty('artifacts');
    expect(new Set(artifacts.map(({ state }) => state))).toEqual(new Set(['as-listed']));
    expect(artifacts.find(({ role }) => role === 'app')).toMatchObject({
      file: APP,
      offset: 0x10000,
    });
  });

  test('shows the app with its signature', async () => {
    const { app } = await inspectRelease(await writeRelease());
    expect(app).toMatchObject({
      description: { version: '1.2.3', secureVersion: 2 },
      securePadded: true,
      image: {
        signature: {
          blocks: [{ keyDigest: digest, imageDigestMatches: true, signatureValid: true }],
        },
      },
    });
  });

  test('shows flash with the app in its slot', async () => {
    const { flashMap, artifacts } = await inspectRelease(await writeRelease());
    const app = artifacts.find(({ role }) => role === 'app');
    expect(flashMap.find(({ name }) => name === 'ota_0')).toMatchObject({ used: app?.size });
    expect(flashMap.find(({ name }) => name === 'ota_1')).not.toHaveProperty('used');
    expect(flashMap[1]).toMatchObject({ kind: 'bootloader', offset: 0x1000 });
    const last = flashMap.at(-1);
    expect((last?.offset ?? 0) + (last?.size ?? 0)).toBe(0x400000);
  });

  test('tells files that are missing, and files that are others', async () => {
    const directory = await writeRelease();
    await rm(join(directory, APP));
    await writeFile(join(directory, 'otadata.bin'), 'other');
    const { artifacts, app } = await inspectRelease(directory);
    expect(app).toBeNull();
    const states = Object.fromEntries(artifacts.map(({ role, state }) => [role, state]));
    expect(states).toMatchObject({ app: 'missing', otadata: 'differs', bootloader: 'as-listed' });
  });

  test('is explained for a chip and a flash size that we do not know, and without its parts', async () => {
    const directory = await writeRelease();
    await editManifest(directory, (manifest) => ({
      ...manifest,
      chip: 'esp99',
      flash: { ...manifest.flash, size: '3MB' },
      artifacts: [],
      signing: null,
    }));
    const { flashMap, app, artifacts } = await inspectRelease(directory);
    expect([app, artifacts]).toEqual([null, []]);
    expect(flashMap[0]).toMatchObject({ name: 'bootloader area', size: 0x8000 });
  });

  test('shows a damaged app as what it is', async () => {
    const directory = await writeRelease();
    await writeFile(join(directory, APP), 'not an image');
    const { app } = await inspectRelease(directory);
    expect(app).toMatchObject({ image: { kind: 'unreadable' }, description: null });
  });

  test('keeps flags of partitions', async () => {
    const directory = await writeRelease();
    await editManifest(directory, (manifest) => ({
      ...manifest,
      partitions: manifest.partitions.map((partition) => ({ ...partition, flags: ['encrypted'] })),
    }));
    const { flashMap } = await inspectRelease(directory);
    expect(flashMap.find(({ name }) => name === 'vfs')).toMatchObject({ flags: ['encrypted'] });
  });

  test.each([
    ['no JSON', 'surprise', /not JSON/],
    ['bytes that are no text', Buffer.from([0xff, 0xfe]), /not JSON/],
    [
      'another manifest',
      '{"manifest_version": 2}',
      /not the manifest of a release \(schema: .*expected 1\)$/,
    ],
  ])('is not recognised by a manifest.json that is %s', async (_, contents, message) => {
    const directory = await tempProject({ 'manifest.json': contents });
    const error = await thrownBy(FormatError, () => inspectPath(directory, 'a-release'));
    expect(error.message).toMatch(message);
    expect(error.where?.file).toBe(join('a-release', 'manifest.json'));
  });

  test('reports a manifest.json that cannot be read as the call that cannot be carried out', async () => {
    const directory = await tempProject();
    await mkdir(join(directory, 'manifest.json'));
    await expect(inspectPath(directory, 'a-release')).rejects.toMatchObject({
      code: 'INPUT_UNREADABLE',
    });
  });
});
