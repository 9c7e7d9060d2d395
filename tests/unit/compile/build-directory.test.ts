import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Chip } from '../../../builder/chip/chip.ts';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c3 } from '../../../builder/chip/esp32c3.ts';
import { CHIPS } from '../../../builder/chip/registry.ts';
import { readBuildDirectory } from '../../../builder/compile/build-directory.ts';
import { FormatError, ProfileError } from '../../../builder/errors/families.ts';
import { findBuildFiles, readBuildFile } from '../../../builder/esp-idf/build-files.ts';
import { resealEspImage } from '../../../builder/format/esp-image.ts';
import { encodeSignatureSector } from '../../../builder/format/signature-sector.ts';
import {
  configOf,
  makeBuildDirectory,
  makeBuildTree,
  sdkconfigText,
  type BuildOptions,
} from '../../support/build-directory.ts';
import { makeApp, makeBootloader, STOCK_TABLE } from '../../support/firmware.ts';
import { flashWith } from '../../support/flash.ts';
import { aSignedBlock } from '../../support/signature-blocks.ts';
import { tempDirectory } from '../../support/temp-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

type Changes = Parameters<typeof makeBuildDirectory>[2];

const TREE = makeBuildTree({ chip: esp32 });
const APP = TREE.get('micropython.bin') ?? Buffer.alloc(0);
const BOOTLOADER = TREE.get('bootloader/bootloader.bin') ?? Buffer.alloc(0);

async function aBuild(changes: Changes = {}, options: Partial<BuildOptions> = {}) {
  const directory = await tempDirectory();
  await makeBuildDirectory(directory, { chip: esp32, ...options }, changes);
  return directory;
}

const read = async (changes: Changes = {}, options: Partial<BuildOptions> = {}) =>
  readBuildDirectory(await aBuild(changes, options), 'build');

/** A file with a signature sector where the chip looks for it. */
function signed(image: Buffer): Buffer {
  return flashWith({
    0: image,
    [Math.ceil(image.length / 0x1000) * 0x1000]: encodeSignatureSector([aSignedBlock('ecdsa256')]),
  });
}

describe('a finished build', () => {
  test.each(CHIPS)('of $title is read whole', async (chip: Chip) => {
    const tree = makeBuildTree({ chip });
    const build = await read({}, { chip });
    expect(build.chip.name).toBe(chip.name);
    expect(build.app).toEqual({ bytes: tree.get('micropython.bin'), wasSigned: false });
    expect(build.bootloader).toEqual({
      offset: chip.bootloaderOffset,
      bytes: tree.get('bootloader/bootloader.bin'),
      signed: false,
      listed: true,
    });
    expect(build.table).toEqual({ offset: 0x8000, partitions: STOCK_TABLE });
    expect(build.settings).toMatchObject({ target: chip.name, rollback: true });
    expect(build.sourceFiles.map(({ role }) => role)).toEqual(['sdkconfig', 'elf', 'map']);
  });

  test('may pad app and bootloader: padding is not part of either', async () => {
    const pad = (image: Buffer) => Buffer.concat([image, Buffer.alloc(0x1234, 0xff)]);
    const changes = { 'micropython.bin': pad(APP), 'bootloader/bootloader.bin': pad(BOOTLOADER) };
    const build = await read(changes);
    expect(build.app.bytes.equals(APP)).toBe(true);
    expect(build.bootloader?.bytes.equals(BOOTLOADER)).toBe(true);
  });

  test('may have a signed app, whose signature goes, and a signed bootloader, whose signature stays', async () => {
    const bootloader = signed(BOOTLOADER);
    const changes = { 'micropython.bin': signed(APP), 'bootloader/bootloader.bin': bootloader };
    const build = await read(changes);
    expect(build.app.bytes.equals(APP)).toBe(true);
    expect(build.app.wasSigned).toBe(true);
    expect(build.bootloader?.signed).toBe(true);
    expect(build.bootloader?.bytes.equals(bootloader)).toBe(true);
  });

  test('with Secure Boot keeps its bootloader out of flasher_args.json, but not out of the directory', async () => {
    const args = JSON.parse(TREE.get('flasher_args.json')?.toString() ?? '') as object;
    const build = await read({
      'flasher_args.json': JSON.stringify({ ...args, bootloader: undefined }),
    });
    expect(build.bootloader?.listed).toBe(false);
    expect(build.bootloader?.bytes.equals(BOOTLOADER)).toBe(true);
  });

  test('without configuration, description, ELF and map is still firmware', async () => {
    const build = await read({
      sdkconfig: undefined,
      'config/sdkconfig.json': undefined,
      'project_description.json': undefined,
      'micropython.elf': undefined,
      'micropython.map': undefined,
    });
    expect(build.app.bytes.equals(APP)).toBe(true);
    expect(build).not.toHaveProperty('settings');
    expect(build.sourceFiles).toEqual([]);
  });

  test('goes by config/sdkconfig.json where the sdkconfig lies in the project', async () => {
    const build = await read({ sdkconfig: undefined });
    expect(build.settings?.rollback).toBe(true);
    expect(build.sourceFiles.map(({ role }) => role)).toEqual(['elf', 'map']);
  });

  test('whose app names no ELF file gives none', async () => {
    const image = Buffer.from(APP);
    image.fill(0, 0xb0, 0xd0);
    // Checksum and SHA-256 as elf2image without --elf-sha256-offset would have made them.
    const build = await read({ 'micropython.bin': resealEspImage(image) });
    expect(build.sourceFiles.map(({ role }) => role)).toEqual(['sdkconfig']);
  });
});

describe('a build directory with parts of two builds is refused', () => {
  const inconsistent = async (changes: Changes, options: Partial<BuildOptions> = {}) => {
    const error = await thrownBy(ProfileError, () => read(changes, options));
    expect(error.code).toBe('BUILD_INCONSISTENT');
    expect(error.exit).toBe(3);
    return error.message;
  };

  test('when the ELF file was linked again', async () => {
    const elf = makeBuildTree({ chip: esp32, codeSize: 0xa00 }).get('micropython.elf');
    expect(await inconsistent({ 'micropython.elf': elf })).toContain(
      'micropython.elf is not the program that micropython.bin was made of',
    );
  });

  test('when the ELF file is cut off', async () => {
    const elf = TREE.get('micropython.elf')?.subarray(0, 100);
    expect(await inconsistent({ 'micropython.elf': elf })).toContain('is not the program');
  });

  test('when the sdkconfig was changed since', async () => {
    const sdkconfig = sdkconfigText(
      configOf({ chip: esp32, config: { BOOTLOADER_APP_ROLLBACK_ENABLE: false } }),
    );
    expect(await inconsistent({ sdkconfig })).toContain("something else of 'rollback'");
  });

  test('when its secure_version is not the configured one', async () => {
    const config = {
      BOOTLOADER_APP_ANTI_ROLLBACK: true,
      BOOTLOADER_APP_SECURE_VERSION: 2,
    };
    expect(await inconsistent({}, { config, secureVersion: 1 })).toContain(
      'the app has secure_version 1, but its sdkconfig compiles 2 into it',
    );
    expect(await inconsistent({}, { secureVersion: 1 })).toContain('compiles 0 into it');
    const sound = await read({}, { config, secureVersion: 2 });
    expect(sound.settings?.antiRollback).toEqual({ secureVersion: 2, bits: null });
  });

  test.each([
    ['flasher_args.json', 'flasher_args.json'],
    ['project_description.json', 'project_description.json'],
  ])('when %s is for another chip', async (_, file) => {
    const other = makeBuildTree({ chip: esp32c3 }).get(file)?.toString() ?? '';
    const text = other.replaceAll('0x0"', '0x1000"');
    expect(await inconsistent({ [file]: text })).toContain(
      `${file} is for 'esp32c3', but its app is for ESP32`,
    );
  });

  test('when it is for a chip that nobody knows', async () => {
    const args = TREE.get('flasher_args.json')?.toString().replace('"esp32"', '"esp32h2beta1"');
    expect(await inconsistent({ 'flasher_args.json': args })).toContain('which we do not know');
  });
});

describe('a build directory with damaged parts is refused', () => {
  const malformed = async (changes: Changes) => thrownBy(FormatError, () => read(changes));

  test.each([
    ['an empty app', Buffer.alloc(0), 'is empty'],
    ['an app that is cut off', APP.subarray(0, 0x200), 'build/micropython.bin'],
    ['an app that is a web page', '<!doctype html>', 'HTML'],
    ['an app without a description', BOOTLOADER, 'build/micropython.bin'],
    ['an ELF file for an app', TREE.get('micropython.elf'), 'ELF'],
    ['an app with data behind it', Buffer.concat([APP, Buffer.from('extra')]), 'behind its image'],
  ])('with %s', async (_, app, words) => {
    const error = await malformed({ 'micropython.bin': app });
    expect(error.message).toContain(words);
    expect(error.message).toContain('build/micropython.bin');
  });

  test('with one bit of the app flipped', async () => {
    const app = Buffer.from(APP);
    app.writeUInt8(app.readUInt8(0x190) ^ 1, 0x190);
    expect((await malformed({ 'micropython.bin': app })).code).toMatch(/BAD_(CHECKSUM|DIGEST)/);
  });

  test.each([
    ['an app for a bootloader', APP, 'is an app where a bootloader was expected'],
    ['the bootloader of another chip', makeBootloader({ chip: esp32c3 }), 'for ESP32-C3'],
    ['a bootloader that is cut off', BOOTLOADER.subarray(0, 0x100), 'bootloader.bin'],
    ['a page for a bootloader', '<html>', 'bootloader.bin'],
  ])('with %s', async (_, bootloader, words) => {
    const error = await malformed({ 'bootloader/bootloader.bin': bootloader });
    expect(error.message).toContain(words);
  });

  test('with a bootloader for an offset from which the chip starts none', async () => {
    const args = TREE.get('flasher_args.json')?.toString().replaceAll('"0x1000"', '"0x2000"');
    const error = await malformed({ 'flasher_args.json': args });
    expect(error.message).toContain(
      'is listed for 0x2000, but ESP32 starts its bootloader from 0x1000',
    );
  });

  test('with a table that is none', async () => {
    const error = await malformed({ 'partition_table/partition-table.bin': 'x'.repeat(0xc00) });
    expect(error.message).toContain('partition-table.bin');
  });

  test('with an sdkconfig that is something else', async () => {
    expect((await malformed({ sdkconfig: 'PRIVATE stuff' })).message).toContain('sdkconfig:1');
    expect((await malformed({ 'config/sdkconfig.json': '{' })).message).toContain('is not JSON');
  });

  test('with an sdkconfig of more than four megabytes', async () => {
    const error = await malformed({ sdkconfig: '#'.repeat(5 * 1024 * 1024) });
    expect(error.code).toBe('TOO_LARGE');
  });
});

test('a file that changes after it was pinned is refused', async () => {
  const directory = await aBuild();
  const { place, files } = await findBuildFiles(directory, 'build');
  const app = files.find(({ role }) => role === 'app');
  await writeFile(join(directory, 'micropython.bin'), makeApp({ chip: esp32 }));
  if (app === undefined) throw new Error('no app');
  const error = await thrownBy(ProfileError, () => readBuildFile(place, app));
  expect(error.code).toBe('SOURCE_CHANGED');
});
