import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { FormatError, ProfileError } from '../../../builder/errors/families.ts';
import { parseAppDescription } from '../../../builder/format/app-desc.ts';
import { parseEspImage, requireIntact } from '../../../builder/format/esp-image.ts';
import { stampApp, type Stamp } from '../../../builder/stamp/stamp-app.ts';
import { makeApp, makeBootloader } from '../../support/firmware.ts';
import { thrownBy } from '../../support/thrown.ts';

const APP = makeApp({ chip: esp32, secureVersion: 2 });
const STAMP: Stamp = {
  version: '1.2.3',
  projectName: 'thermostat',
  secureVersion: 5,
  builtAt: new Date('2024-06-02T06:51:35Z'),
};

const describeApp = (app: Buffer) => parseAppDescription(app.subarray(32, 288));
const stamped = (changes: Partial<Stamp> = {}, app = APP) =>
  stampApp(app, { ...STAMP, ...changes });

describe('a stamped app', () => {
  test('says who it is', () => {
    expect(describeApp(stamped())).toEqual({
      ...describeApp(APP),
      version: '1.2.3',
      projectName: 'thermostat',
      secureVersion: 5,
      date: 'Jun  2 2024',
      time: '06:51:35',
    });
  });

  test('keeps app_elf_sha256, by which core dumps find their ELF file', () => {
    expect(describeApp(stamped()).elfSha256.equals(Buffer.alloc(32, 0x5a))).toBe(true);
  });

  test('is intact, and differs in its description, checksum and SHA-256 only', () => {
    const app = stamped();
    const image = parseEspImage(app);
    requireIntact(image, 'the app');
    expect(app).toHaveLength(APP.length);
    expect(app.subarray(0, 32).equals(APP.subarray(0, 32))).toBe(true);
    expect(
      app.subarray(288, image.checksum.offset).equals(APP.subarray(288, image.checksum.offset)),
    ).toBe(true);
  });

  test('leaves the app that it was made of alone', () => {
    const before = Buffer.from(APP);
    stamped();
    expect(APP.equals(before)).toBe(true);
  });

  test('is the very same buffer when it says all of that already, whatever the time', () => {
    const app = stamped();
    expect(stamped({ builtAt: new Date('2030-01-01T00:00:00Z') }, app)).toBe(app);
    for (const changes of [{ version: '9' }, { projectName: 'x' }, { secureVersion: 6 }])
      expect(stamped(changes, app)).not.toBe(app);
  });

  test('is the same for the same stamp, and when it is stamped again', () => {
    expect(stamped().equals(stamped())).toBe(true);
    expect(stamped({}, stamped()).equals(stamped())).toBe(true);
    expect(stamped({}, stamped({ version: 'a-much-longer-version' })).equals(stamped())).toBe(true);
  });

  test.each([
    ['1970-01-01T00:00:00Z', 'Jan  1 1970', '00:00:00'],
    ['2024-02-29T23:59:59Z', 'Feb 29 2024', '23:59:59'],
    ['9999-12-31T23:59:59Z', 'Dec 31 9999', '23:59:59'],
  ])('carries %s as UTC in the form of __DATE__ and __TIME__', (at, date, time) => {
    expect(describeApp(stamped({ builtAt: new Date(at) }))).toMatchObject({ date, time });
  });

  test('may have texts of 31 characters', () => {
    const text = 'x'.repeat(31);
    expect(describeApp(stamped({ version: text, projectName: text }))).toMatchObject({
      version: text,
      projectName: text,
    });
  });
});

describe('a stamp is refused', () => {
  test.each<[string, Partial<Stamp>, string]>([
    [
      'a version of 32 characters',
      { version: 'x'.repeat(32) },
      'has 32 characters; the app description holds 31',
    ],
    ['a project name of 32 characters', { projectName: 'x'.repeat(32) }, 'the project name'],
    ['an empty version', { version: '' }, 'is empty'],
    ['an empty project name', { projectName: '' }, 'is empty'],
    ['a version that is not ASCII', { version: '1.2.3-ä' }, 'printable ASCII'],
    ['a project name with a line end', { projectName: 'a\n' }, 'printable ASCII'],
    ['a project name with NUL', { projectName: 'a\0b' }, 'printable ASCII'],
  ])('with %s', async (_, changes, words) => {
    const error = await thrownBy(ProfileError, () => stamped(changes));
    expect(error.code).toBe('DESCRIPTION_TEXT');
    expect(error.message).toContain(words);
  });

  test('with a lower secure_version than the firmware has', async () => {
    const error = await thrownBy(ProfileError, () => stamped({ secureVersion: 1 }));
    expect(error.code).toBe('SECURE_VERSION_RANGE');
    expect(error.message).toContain('the firmware has secure_version 2; stamping 1 would lower it');
    expect(error.hint).toBe('Use --secure-version 2 or higher.');
  });

  test('not with the secure_version that is there', () => {
    expect(describeApp(stamped({ secureVersion: 2 })).secureVersion).toBe(2);
  });

  test.each([
    ['a bootloader', makeBootloader({ chip: esp32 })],
    ['a part of an app', APP.subarray(0, 1000)],
    ['less than a description', APP.subarray(0, 100)],
    ['nothing', Buffer.alloc(0)],
  ])('on %s', async (_, bytes) => {
    await thrownBy(FormatError, () => stamped({}, bytes));
  });
});
