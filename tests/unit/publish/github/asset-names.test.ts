import { expect, test } from 'vitest';
import { PublishError } from '../../../../builder/errors/families.ts';
import {
  assetName,
  assetNames,
  fileOfAsset,
  stemOfManifestAsset,
  targetNameOfStem,
} from '../../../../builder/publish/github/asset-names.ts';
import { thrownBy } from '../../../support/thrown.ts';

const STEM = 'ESP32_GENERIC-SPIRAM-1.2.3';
const FILES = ['SHA256SUMS', 'manifest.json', 'manifest.json.sig', `${STEM}.bin`, `${STEM}.zip`];

test('files that are named after the release keep their name, others get it in front', () => {
  expect([...assetNames(STEM, FILES)]).toEqual([
    ['SHA256SUMS', `${STEM}.SHA256SUMS`],
    ['manifest.json', `${STEM}.manifest.json`],
    ['manifest.json.sig', `${STEM}.manifest.json.sig`],
    [`${STEM}.bin`, `${STEM}.bin`],
    [`${STEM}.zip`, `${STEM}.zip`],
  ]);
});

test('an asset leads back to its file', () => {
  for (const file of FILES) expect(fileOfAsset(STEM, assetName(STEM, file), FILES)).toBe(file);
  expect(fileOfAsset(STEM, `${STEM}.other`, FILES)).toBeUndefined();
  expect(fileOfAsset(STEM, 'manifest.json', FILES)).toBeUndefined();
});

test('a file of another version is not taken for one that is named after the release', () => {
  expect(assetName('X-1.2.3', 'X-1.2.30.bin')).toBe('X-1.2.3.X-1.2.30.bin');
});

test('the manifest says which release directories there are', () => {
  expect(stemOfManifestAsset(`${STEM}.manifest.json`)).toBe(STEM);
  expect(stemOfManifestAsset(`${STEM}.manifest.json.sig`)).toBeUndefined();
  expect(stemOfManifestAsset('.manifest.json')).toBeUndefined();
  expect(targetNameOfStem(STEM, '1.2.3')).toBe('ESP32_GENERIC-SPIRAM');
  expect(targetNameOfStem(STEM, '2.3')).toBeUndefined();
  expect(targetNameOfStem('-1.2.3', '1.2.3')).toBeUndefined();
});

test('two files that would be one asset are refused', async () => {
  const error = await thrownBy(PublishError, () =>
    assetNames(STEM, ['manifest.json', `${STEM}.manifest.json`]),
  );
  expect(error.code).toBe('RELEASE_REFUSED');
  expect(error.message).toContain('manifest.json');
});

test.each(['a b', 'ä.bin', 'x~1', 'ends.', 'a/b'])(
  'a name that GitHub changes is refused: %s',
  async (file) => {
    const error = await thrownBy(PublishError, () => assetNames(STEM, [file]));
    expect(error.code).toBe('RELEASE_REFUSED');
  },
);
