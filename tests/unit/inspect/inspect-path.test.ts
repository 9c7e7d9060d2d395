import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { FormatError, UsageError } from '../../../builder/errors/families.ts';
import { encodeEspImage } from '../../../builder/format/esp-image.ts';
import { createInitialOtadata, encodeOtadata } from '../../../builder/format/otadata.ts';
import { encodePartitionTable } from '../../../builder/format/partition-table.ts';
import { encodeSignatureSector } from '../../../builder/format/signature-sector.ts';
import { inspectBytes, inspectPath } from '../../../builder/inspect/inspect-path.ts';
import { realFirmware } from '../../support/cli.ts';
import { makeApp, makeBootloader, makeMerged, makeRelease } from '../../support/firmware.ts';
import { A_HEADER, anImage, segmentsOf } from '../../support/images.ts';
import { OTA_TABLE } from '../../support/plans.ts';
import { aSignedBlock } from '../../support/signature-blocks.ts';
import { tempDirectory } from '../../support/temp-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

const kindOf = (bytes: Buffer): string => inspectBytes(bytes, 'a.bin').kind;
const refusalOf = (bytes: Buffer): Promise<FormatError> =>
  thrownBy(FormatError, () => inspectBytes(bytes, 'a.bin'));

describe('inspectBytes', () => {
  test.each([
    ['app-image', makeApp({ chip: esp32 })],
    ['bootloader-image', makeBootloader({ chip: esp32 })],
    ['flash-image', makeRelease({ chip: esp32 })],
    ['flash-image', makeMerged({ chip: esp32 })],
    ['partition-table', encodePartitionTable(OTA_TABLE)],
    ['otadata', createInitialOtadata()],
    ['otadata', encodeOtadata([{ sequence: 1, state: 'NEW' }, undefined])],
    ['signature-sector', encodeSignatureSector([aSignedBlock('ecdsa256')])],
  ] as const)('tells %s from its bytes, and keeps name and size', (kind, bytes) => {
    expect(inspectBytes(bytes, 'a.bin')).toMatchObject({ kind, name: 'a.bin', size: bytes.length });
  });

  test('explains a table by itself as if it lay at 0x8000', () => {
    expect(inspectBytes(encodePartitionTable(OTA_TABLE), 'a.bin')).toMatchObject({
      table: { offset: 0x8000, md5: 'valid' },
      flashMap: [
        { name: 'bootloader area' },
        { kind: 'table' },
        { name: 'nvs' },
        {},
        {},
        {},
        {},
        {},
      ],
    });
  });

  test('explains OTA data by itself for two slots', () => {
    expect(inspectBytes(createInitialOtadata(), 'a.bin')).toMatchObject({ slotCount: 2 });
  });

  test('tells apps from before descriptions by what they map from flash', () => {
    const old = encodeEspImage({
      header: { ...A_HEADER, chipId: 0 },
      segments: [{ loadAddress: 0x3f400020, data: Buffer.alloc(64) }],
    });
    expect(inspectBytes(old, 'a.bin')).toMatchObject({ kind: 'app-image', description: null });
  });

  test('explains a sound image of a chip that we have no facts of', () => {
    const header = { ...A_HEADER, chipId: 28 };
    expect(kindOf(encodeEspImage({ header, segments: segmentsOf(64) }))).toBe('bootloader-image');
    const app = makeApp({ chip: { ...esp32, chipId: 28 } });
    expect(kindOf(app)).toBe('app-image');
  });

  test('explains images that are cut off or damaged', () => {
    const app = makeApp({ chip: esp32 });
    expect(inspectBytes(app.subarray(0, 0x400), 'a.bin')).toMatchObject({
      kind: 'app-image',
      image: { kind: 'broken' },
      description: { idfVersion: 'v5.0.4' },
    });
    expect(inspectBytes(makeBootloader({ chip: esp32 }).subarray(0, 100), 'a.bin')).toMatchObject({
      kind: 'bootloader-image',
      image: { kind: 'broken' },
    });
  });

  test('tells what follows an app', () => {
    const followed = Buffer.concat([makeApp({ chip: esp32 }), Buffer.from('trailing')]);
    expect(inspectBytes(followed, 'a.bin')).toMatchObject({
      image: { trailer: { kind: 'unknown' } },
    });
  });

  test.each([
    ['a web page', Buffer.from('<!doctype html><html>'), /HTML page/],
    ['a ZIP archive', Buffer.from('PK\u0003\u0004rest'), /ZIP archive/],
    ['nothing', Buffer.alloc(0), /empty/],
    ['8192 zeros', Buffer.alloc(8192), /all zeros/],
    ['a text', Buffer.from('# A readme\n'), /not ESP32 firmware/],
    [
      'an image of an unknown chip that is damaged',
      anImage([16], { chipId: 28 }).fill(1, 40, 44),
      /ESP32-H4/,
    ],
    ['a header of no segments', Buffer.from([0xe9, ...Buffer.alloc(40)]), /0 segments/],
    ['the first bytes of a table', Buffer.from('aa500102', 'hex'), /partition table/],
  ])('refuses %s with a sentence that names the file', async (_, bytes, message) => {
    const error = await refusalOf(bytes);
    expect(error.message).toMatch(message);
    expect(error.message).toContain('a.bin');
    expect(error.where?.file).toBe('a.bin');
  });

  test('refuses a merged image that ends before its table', async () => {
    const cut = makeMerged({ chip: esp32 }).subarray(0, 0x8000);
    const error = await refusalOf(cut);
    expect(error).toMatchObject({ code: 'TRUNCATED', where: { offset: 0x8000 } });
    expect(error.message).toMatch(/bootloader of ESP32 at 0x1000, but no partition table/);
  });

  test('gives plain data', () => {
    const inspection = inspectBytes(makeRelease({ chip: esp32 }), 'a.bin');
    expect(JSON.parse(JSON.stringify(inspection))).toEqual(inspection);
  });
});

describe('inspectPath', () => {
  test('reads a file, and calls it as its user does', async () => {
    const directory = await tempDirectory();
    await writeFile(join(directory, 'b.bin'), makeBootloader({ chip: esp32 }));
    const inspection = await inspectPath(join(directory, 'b.bin'), '../b.bin');
    expect(inspection).toMatchObject({ kind: 'bootloader-image', name: '../b.bin' });
  });

  test('says what is missing', async () => {
    const directory = await tempDirectory();
    const missing = await thrownBy(UsageError, () => inspectPath(join(directory, 'no'), 'no'));
    expect(missing.code).toBe('INPUT_MISSING');
    const other = await thrownBy(UsageError, () => inspectPath(directory, 'some/dir'));
    expect(other.code).toBe('USAGE');
    expect(other.message).toBe(
      'some/dir is a directory without manifest.json; a release directory or an ESP-IDF build directory was expected',
    );
  });
});

const RELEASE = 'ESP32_GENERIC-20240602-v1.23.0.bin';
const OLD = 'ESP32_C3-st7789-20230610-v1.20.0.bin';

describe('Real firmware', () => {
  const path = realFirmware(RELEASE);
  test.skipIf(path === undefined)(
    `of MicroPython v1.23 is explained (needs ../shared/firmware/${RELEASE})`,
    async () => {
      const inspection = await inspectPath(path ?? '', RELEASE);
      expect(inspection).toMatchObject({
        kind: 'flash-image',
        chip: 'esp32',
        start: 0x1000,
        boot: { partition: 'factory' },
        warnings: [],
        bootloader: {
          image: { length: 0x5a20, checksum: { valid: true }, sha256: { valid: true } },
        },
      });
      if (inspection.kind !== 'flash-image') throw new Error('not a flash image');
      expect(inspection.partitions[2]).toMatchObject({
        name: 'factory',
        contents: {
          app: {
            image: { length: 0x198660, checksum: { stored: 0, valid: true } },
            description: { version: '', projectName: '', idfVersion: 'v5.0.4', time: '06:51:35' },
            micropython: { version: 'v1.23.0', board: 'Generic ESP32 module' },
          },
        },
      });
    },
  );

  const oldPath = realFirmware(OLD);
  test.skipIf(oldPath === undefined)(
    `of MicroPython v1.20 is warned of (needs ../shared/firmware/${OLD})`,
    async () => {
      const inspection = await inspectPath(oldPath ?? '', OLD);
      expect(inspection).toMatchObject({
        kind: 'flash-image',
        chip: 'esp32c3',
        start: 0,
        warnings: [{ code: 'NO_ROLLBACK' }],
      });
    },
  );
});
