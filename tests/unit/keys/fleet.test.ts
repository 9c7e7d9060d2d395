import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32s3 } from '../../../builder/chip/esp32s3.ts';
import { VerifyError } from '../../../builder/errors/families.ts';
import { keyDigestOfPublicKey } from '../../../builder/format/signature-key.ts';
import { encodeSignatureSector } from '../../../builder/format/signature-sector.ts';
import { readFleetRelease, type FleetRelease } from '../../../builder/keys/rotation/fleet.ts';
import { signManifest } from '../../../builder/keys/sign-manifest.ts';
import { pemSigner } from '../../../builder/keys/pem-signer.ts';
import { MANIFEST, MANIFEST_SIGNATURE } from '../../../builder/manifest/release-files.ts';
import { privatePem } from '../../support/pem.ts';
import {
  aRelease,
  fileOf,
  manifestOf,
  repaired,
  withFile,
  withManifest,
  withManifestDigests,
  type Files,
} from '../../support/release.ts';
import { aPrivateKey, aSignedBlock } from '../../support/signature-blocks.ts';
import { tempProject } from '../../support/temp-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

const BOARD = 'ESP32_GENERIC';
const [first, second] = [aPrivateKey('rsa3072'), aPrivateKey('rsa3072', 'second')];

const digestOf = (key: typeof first): string => keyDigestOfPublicKey(key).toString('hex');

/** The genuine release with the app's signature sector replaced, and everything else made to fit. */
async function withSector(
  files: Files,
  keys: readonly (typeof first)[],
  change: (contents: Buffer) => Buffer,
): Promise<Files> {
  const { artifacts } = manifestOf(files);
  const [APP = '', IMAGE = ''] = ['app', 'firmware'].map(
    (role) => artifacts.find((artifact) => artifact.role === role)?.file,
  );
  const old = fileOf(files, APP);
  const contents = old.subarray(0, -0x1000);
  const app = Buffer.concat([contents, change(contents)]);
  const image = Buffer.from(fileOf(files, IMAGE));
  app.copy(image, image.indexOf(old));
  const changed = withManifest(
    withManifestDigests(withFile(withFile(files, APP, app), IMAGE, image)),
    (manifest) => ({
      ...manifest,
      signing: {
        scheme: 'rsa3072',
        keys: keys.map((key) => ({ digest: digestOf(key), role: 'image' })),
      },
    }),
  );
  const signer = pemSigner(privatePem(first), 'first.pem', { development: false });
  const signature = await signManifest(fileOf(changed, MANIFEST), [signer]);
  return repaired(withFile(changed, MANIFEST_SIGNATURE, signature));
}

async function fleetOf(files: Files): Promise<FleetRelease> {
  return readFleetRelease(await tempProject(Object.fromEntries(files)), 'out/1.2.3');
}

describe('what a release says of devices', () => {
  test('is no key whose block they do not look at', async () => {
    const genuine = await aRelease({ chip: esp32, board: BOARD, keys: [first] });
    expect((await fleetOf(genuine)).appKeys).toEqual([digestOf(first)]);
    const both = await withSector(genuine, [first, second], (contents) =>
      encodeSignatureSector([
        aSignedBlock('rsa3072', contents, first),
        aSignedBlock('rsa3072', contents, second),
      ]),
    );
    expect((await fleetOf(both)).appKeys).toEqual([digestOf(first)]);
  });

  test('is nothing when its blocks stand behind an empty place', async () => {
    const chip = esp32s3;
    const genuine = await aRelease({ chip, board: 'ESP32_GENERIC_S3', keys: [first] });
    const gap = await withSector(genuine, [first], (contents) => {
      const sector = Buffer.alloc(0x1000, 0xff);
      const block = encodeSignatureSector([aSignedBlock('rsa3072', contents, first)]);
      block.copy(sector, 1216, 0, 1216);
      return sector;
    });
    const error = await thrownBy(VerifyError, () => fleetOf(gap));
    expect(error.message).toContain('an empty place in front of a block');
  });
});
