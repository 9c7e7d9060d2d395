import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c6 } from '../../../builder/chip/esp32c6.ts';
import { resealEspImage, securePadEspImage } from '../../../builder/format/esp-image.ts';
import { describeApp } from '../../../builder/inspect/app.ts';
import { describeBootloader } from '../../../builder/inspect/bootloader.ts';
import { makeApp, makeBootloader } from '../../support/firmware.ts';

/** An app with its description edited, sound again. */
function edited(edit: (app: Buffer) => void): Buffer {
  const app = makeApp({ chip: esp32 });
  edit(app);
  return resealEspImage(app);
}

describe('describeApp', () => {
  test('tells every field of the description, empty texts included', () => {
    const { description } = describeApp(makeApp({ chip: esp32, secureVersion: 7 }));
    expect(description).toEqual({
      version: '',
      projectName: '',
      date: 'Jun  2 2024',
      time: '06:51:35',
      idfVersion: 'v5.0.4',
      secureVersion: 7,
      elfSha256: '5a'.repeat(32),
      minEfuseBlockRevision: 'v0.0',
      maxEfuseBlockRevision: null,
      mmuPageSize: null,
    });
  });

  test('tells revisions of eFuse blocks and the MMU page, where they are set', () => {
    const app = edited((bytes) => {
      bytes.writeUInt16LE(102, 32 + 176);
      bytes.writeUInt16LE(199, 32 + 178);
      bytes.writeUInt8(16, 32 + 180);
    });
    expect(describeApp(app).description).toMatchObject({
      minEfuseBlockRevision: 'v1.2',
      maxEfuseBlockRevision: 'v1.99',
      mmuPageSize: 0x10000,
    });
  });

  test('takes a page size that no page can have for none', () => {
    const app = edited((bytes) => bytes.writeUInt8(200, 32 + 180));
    expect(describeApp(app).description?.mmuPageSize).toBeNull();
  });

  test('finds the banner', () => {
    expect(describeApp(makeApp({ chip: esp32, board: 'My board' })).micropython).toEqual({
      version: 'v1.23.0',
      date: '2024-06-02',
      board: 'My board',
      mcu: 'ESP32',
    });
  });

  test('does not take a banner behind the image for its own', () => {
    const bootloader = makeBootloader({ chip: esp32 });
    const { micropython } = describeApp(Buffer.concat([bootloader, makeApp({ chip: esp32 })]));
    expect(micropython).toBeNull();
  });

  test('says why there is no description', () => {
    const { description, descriptionProblem } = describeApp(makeBootloader({ chip: esp32 }));
    expect(description).toBeNull();
    expect(descriptionProblem).toMatch(/no app description at 0x20/);
    const unprintable = edited((bytes) => bytes.writeUInt8(0x07, 32 + 16));
    expect(describeApp(unprintable)).toMatchObject({
      description: null,
      descriptionProblem: expect.stringMatching(/field version at 0x30/) as string,
    });
  });

  test('tells whether it is padded to the MMU page of its chip', () => {
    const app = makeApp({ chip: esp32 });
    expect(describeApp(app).securePadded).toBe(false);
    expect(describeApp(securePadEspImage(app, 0x10000)).securePadded).toBe(true);
    const small = makeApp({ chip: esp32c6, mmuPageSizeLog2: 13 });
    expect(describeApp(securePadEspImage(small, 0x2000)).securePadded).toBe(true);
    expect(describeApp(app.subarray(0, 0x4000)).securePadded).toBeNull();
  });
});

describe('describeBootloader', () => {
  test('knows bootloaders without a description', () => {
    const report = describeBootloader(makeBootloader({ chip: esp32 }));
    expect(report).toMatchObject({ description: null, image: { kind: 'whole' } });
  });

  test('tells the description of those that have one', () => {
    const bytes = makeBootloader({ chip: esp32 });
    bytes.fill(0, 32, 32 + 80);
    bytes.writeUInt8(0x50, 32);
    bytes.writeUInt8(4, 32 + 3);
    bytes.writeUInt32LE(1, 32 + 4);
    bytes.write('v5.5.1', 32 + 8, 'latin1');
    expect(describeBootloader(resealEspImage(bytes)).description).toEqual({
      secureVersion: 4,
      version: 1,
      idfVersion: 'v5.5.1',
      dateTime: '',
    });
  });
});
