import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { resealEspImage, parseEspImage } from '../../../builder/format/esp-image.ts';
import { encodeSignatureSector } from '../../../builder/format/signature-sector.ts';
import { keyDigestOfPublicKey } from '../../../builder/format/signature-key.ts';
import { signManifest } from '../../../builder/keys/sign-manifest.ts';
import { pemSigner } from '../../../builder/keys/pem-signer.ts';
import { MANIFEST, MANIFEST_SIGNATURE } from '../../../builder/manifest/release-files.ts';
import { checkFlashFile } from '../../../builder/verify/flash-file.ts';
import { signImage } from '../../../builder/sign/sign-image.ts';
import { privatePem } from '../../support/pem.ts';
import {
  aRelease,
  edited,
  errorsIn,
  fileOf,
  manifestOf,
  repaired,
  stemOf,
  trusting,
  withFile,
  withManifest,
  withManifestDigests,
  type Files,
} from '../../support/release.ts';
import { aPrivateKey, aSignedBlock } from '../../support/signature-blocks.ts';

// A forger may change any file of a release, and knows how every file of it is made. What the forger lacks is a key.

const BOARD = 'ESP32_GENERIC';
const STEM = stemOf(BOARD);
const APP = `${STEM}.app-bin`;
const FIRMWARE = `${STEM}.bin`;
/** Where the app lies in the full-flash image of an ESP32, whose first byte belongs at 0x1000. */
const APP_AT = 0xf000;

const owner = aPrivateKey('rsa3072');
const forger = aPrivateKey('rsa3072', 'forger');

let genuine: Files;
/** An older release of the same key, which a forger may have kept. */
let older: Files;

beforeAll(async () => {
  genuine = await aRelease({ chip: esp32, board: BOARD, keys: [owner] });
  older = await aRelease({ chip: esp32, board: BOARD, version: 'v1.22.0', keys: [owner] });
});

/** Error codes, with the files they are about, of a release that a forger has repaired as far as it goes. */
async function refusals(files: Files, key: KeyObject = owner): Promise<string[]> {
  const errors = await errorsIn(await repaired(files), trusting(key));
  return errors.map(({ code, file }) => `${code} ${file ?? ''}`);
}

/** The app of a release with another byte in its code, its checksum and SHA-256 made right. */
function patched(app: Buffer): Buffer {
  const { segments, length } = parseEspImage(app);
  const bytes = Buffer.from(app.subarray(0, length));
  const at = (segments[1]?.dataOffset ?? 0) + 100;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at);
  return resealEspImage(bytes);
}

/** Puts an app into the release and into its full-flash image. */
function withApp(files: Files, app: Buffer): Files {
  const image = Buffer.alloc(APP_AT + app.length, 0xff);
  fileOf(files, FIRMWARE).copy(image, 0, 0, APP_AT);
  app.copy(image, APP_AT);
  return withManifestDigests(withFile(withFile(files, APP, app), FIRMWARE, image));
}

describe('A forged release is refused by who trusts the key', () => {
  test('and the genuine one is not', async () => {
    expect(await refusals(genuine)).toEqual([]);
  });

  test.each([
    'bootloader.bin',
    'partition-table.bin',
    'otadata.bin',
    'partitions.csv',
    'flasher_args.json',
    'flash_args',
    FIRMWARE,
  ])('when %s was edited and SHA256SUMS and zip agree', async (name) => {
    const files = edited(genuine, name, (bytes) => bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40));
    expect(await refusals(files)).toContain(`FILE_MISMATCH ${name}`);
    // The forger repairs the manifest too: then nobody with the key has signed it.
    expect(await refusals(withManifestDigests(files))).toContain(
      `MANIFEST_SIGNATURE ${MANIFEST_SIGNATURE}`,
    );
  });

  test('when the app was patched and everything without a key was made to fit', async () => {
    const sector = fileOf(genuine, APP).subarray(-0x1000);
    const files = withApp(genuine, Buffer.concat([patched(fileOf(genuine, APP)), sector]));
    expect(await refusals(files)).toEqual([
      `MANIFEST_SIGNATURE ${MANIFEST_SIGNATURE}`,
      `SIGNATURE_DIGEST ${APP}`,
      `SIGNATURE_INVALID ${APP}`,
      `SIGNATURE_UNTRUSTED ${APP}`,
    ]);
  });

  test('when every trace of a signature was taken away', async () => {
    const stripped = withApp(genuine, patched(fileOf(genuine, APP)));
    const files = withManifest(withFile(stripped, MANIFEST_SIGNATURE, undefined), (manifest) => ({
      ...manifest,
      signing: null,
    }));
    // Sound by itself: only trust tells it from a release that was never signed.
    expect(await errorsIn(await repaired(files))).toEqual([]);
    expect(await refusals(files)).toEqual([
      `SIGNATURE_MISSING ${MANIFEST}`,
      `SIGNATURE_MISSING ${APP}`,
    ]);
  });

  test('when it was signed again, all of it, with another key', async () => {
    const files = await signedBy(forger, genuine);
    expect(await errorsIn(await repaired(files), trusting(forger))).toEqual([]);
    expect(await errorsIn(await repaired(files))).toEqual([]);
    expect(await refusals(files)).toEqual([
      `MANIFEST_SIGNATURE ${MANIFEST_SIGNATURE}`,
      `SIGNATURE_UNTRUSTED ${APP}`,
    ]);
  });

  test('when another key signed it beside the genuine block', async () => {
    const app = fileOf(genuine, APP);
    const contents = app.subarray(0, -0x1000);
    const sector = Buffer.from(app.subarray(-0x1000));
    encodeSignatureSector([aSignedBlock('rsa3072', contents, forger)]).copy(sector, 1216, 0, 1216);
    const files = withApp(genuine, Buffer.concat([contents, sector]));
    expect(await refusals(files)).toContain(`MANIFEST_SIGNATURE ${MANIFEST_SIGNATURE}`);
  });

  test('when the app of an older genuine release was put in its place', async () => {
    const files = withApp(genuine, fileOf(older, APP));
    expect(await refusals(files)).toEqual([`MANIFEST_SIGNATURE ${MANIFEST_SIGNATURE}`]);
  });

  test('when manifest and signature are those of an older genuine release', async () => {
    const files = withFile(
      withFile(genuine, MANIFEST, fileOf(older, MANIFEST)),
      MANIFEST_SIGNATURE,
      fileOf(older, MANIFEST_SIGNATURE),
    );
    expect(await refusals(files)).toEqual(
      expect.arrayContaining([`FILE_MISMATCH ${APP}`, `FILE_MISMATCH ${FIRMWARE}`]),
    );
  });

  test('when the manifest claims the trusted key for an app by another', async () => {
    const [digest] = [keyDigestOfPublicKey(owner).toString('hex')];
    const files = withManifest(await signedBy(forger, genuine), (manifest) => ({
      ...manifest,
      signing: { scheme: 'rsa3072', keys: [{ digest, role: 'image' }] },
    }));
    expect(await refusals(files)).toEqual(
      expect.arrayContaining([
        `MANIFEST_MISMATCH ${MANIFEST}`,
        `SIGNATURE_UNTRUSTED ${APP}`,
        `MANIFEST_SIGNATURE ${MANIFEST_SIGNATURE}`,
      ]),
    );
  });

  test('when the manifest was rewritten with the same meaning', async () => {
    const same = Buffer.from(JSON.stringify(manifestOf(genuine)));
    expect(await refusals(withFile(genuine, MANIFEST, same))).toEqual([
      `MANIFEST_SIGNATURE ${MANIFEST_SIGNATURE}`,
    ]);
  });

  test('when nobody of the trusted has a key of that release', async () => {
    const { privateKey: stranger } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    expect(await refusals(genuine, stranger)).toEqual([
      `MANIFEST_SIGNATURE ${MANIFEST_SIGNATURE}`,
      `SIGNATURE_UNTRUSTED ${APP}`,
    ]);
  });
});

/** A release whose app was patched and whose app and manifest were signed by that key. */
async function signedBy(key: KeyObject, files: Files): Promise<Files> {
  const contents = patched(fileOf(files, APP));
  const sector = encodeSignatureSector([aSignedBlock('rsa3072', contents, key)]);
  const digest = keyDigestOfPublicKey(key).toString('hex');
  const forged = withManifest(withApp(files, Buffer.concat([contents, sector])), (manifest) => ({
    ...manifest,
    signing: { scheme: 'rsa3072', keys: [{ digest, role: 'image' }] },
  }));
  const signer = pemSigner(privatePem(key), 'forger.pem', { development: false });
  return withFile(
    forged,
    MANIFEST_SIGNATURE,
    await signManifest(fileOf(forged, MANIFEST), [signer]),
  );
}

describe('a bootloader that is signed for hardware Secure Boot', () => {
  async function withSignedBootloader(files: Files, ...keys: KeyObject[]): Promise<Files> {
    const signers = keys.map((key) => pemSigner(privatePem(key), 'key', { development: false }));
    const bytes = fileOf(files, 'bootloader.bin');
    const signed = await signImage(bytes, { secureBoot: { kind: 'bootloader' }, signers });
    return withManifestDigests(withFile(files, 'bootloader.bin', signed));
  }

  const complaints = async (files: Files): Promise<string[]> =>
    (await errorsIn(files))
      .filter(({ file, code }) => file === 'bootloader.bin' && code === 'SIGNATURE_KEY')
      .map(({ message }) => message);

  test('goes with an app that is signed by the same key', async () => {
    expect(await complaints(await withSignedBootloader(genuine, owner))).toEqual([]);
  });

  test('is refused beside an app that is signed by another key, which no device would start', async () => {
    expect(await complaints(await withSignedBootloader(genuine, forger))).toEqual([
      expect.stringMatching(/app is not signed by any of its keys/),
    ]);
  });

  test('is refused in a full-flash image too, beside an app by another key', async () => {
    const inFlash = async (key: KeyObject): Promise<string[]> => {
      const signed = fileOf(await withSignedBootloader(genuine, key), 'bootloader.bin');
      const bytes = Buffer.from(fileOf(genuine, FIRMWARE));
      signed.copy(bytes);
      const { checks } = checkFlashFile({ bytes, start: 0x1000, chip: esp32, name: FIRMWARE });
      return checks.flatMap(({ findings }) => findings.map(({ code }) => code));
    };
    expect(await inFlash(owner)).not.toContain('SIGNATURE_KEY');
    expect(await inFlash(forger)).toContain('SIGNATURE_KEY');
  });

  test('is refused with a block by a key that does not count: a new device would burn that digest', async () => {
    const files = await withSignedBootloader(genuine, owner, forger);
    const untrusted = (await errorsIn(files, trusting(owner))).filter(
      ({ file, code }) => file === 'bootloader.bin' && code === 'SIGNATURE_UNTRUSTED',
    );
    expect(untrusted.map(({ message }) => message)).toEqual([
      expect.stringContaining('signature block 1 is by a key that is not trusted'),
    ]);
  });

  test('is refused beside an app whose block by its key is one that no device looks at', async () => {
    const contents = fileOf(genuine, APP).subarray(0, -0x1000);
    const blocks = [forger, owner].map((key) => aSignedBlock('rsa3072', contents, key));
    const app = Buffer.concat([contents, encodeSignatureSector(blocks)]);
    const files = await withSignedBootloader(withApp(genuine, app), owner);
    expect(await complaints(files)).toHaveLength(1);
  });

  test('is refused beside an app that is not signed at all', async () => {
    const unsigned = await aRelease({ chip: esp32, board: BOARD, keys: [] });
    expect(await complaints(await withSignedBootloader(unsigned, owner))).toHaveLength(1);
  });
});
