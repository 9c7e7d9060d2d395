import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { parseAppDescription } from '../../../builder/format/app-desc.ts';
import type { Manifest } from '../../../builder/manifest/manifest.ts';
import { checkSourceFiles } from '../../../builder/verify/source-files.ts';
import {
  configOf,
  makeBuildTree,
  sdkconfigText,
  type Config,
} from '../../support/build-directory.ts';
import { anElf } from '../../support/elf.ts';
import { sha256, someBytes } from '../../support/images.ts';

const TREE = makeBuildTree({ chip: esp32 });
const bytesOf = (file: string): Buffer => TREE.get(file) ?? Buffer.alloc(0);
const DESCRIPTION = parseAppDescription(bytesOf('micropython.bin').subarray(32, 288));

const SOUND = {
  sdkconfig: bytesOf('sdkconfig'),
  elf: bytesOf('micropython.elf'),
  map: bytesOf('micropython.map'),
} as const;

const MANIFEST = {
  chip: 'esp32',
  signing: null,
  source: { kind: 'prebuilt', bootloaderRollback: 'enabled' },
} as unknown as Manifest;

type Files = Partial<Record<'sdkconfig' | 'elf' | 'map', Buffer | undefined>>;

/** What is found in a release with these files. */
function check(changes: Files = {}, manifest: Partial<Manifest> = {}) {
  const present = Object.entries({ ...SOUND, ...changes }).flatMap(([role, bytes]) =>
    bytes === undefined ? [] : [{ role, file: `x.${role}`, bytes }],
  );
  const artifacts = present.map(({ role, file }) => ({ role, file })) as Manifest['artifacts'];
  return checkSourceFiles(
    { ...MANIFEST, artifacts, ...manifest },
    {
      files: new Map(present.map(({ file, bytes }) => [file, bytes])),
      digests: new Map(present.map(({ file, bytes }) => [file, sha256(bytes).toString('hex')])),
      description: DESCRIPTION,
    },
  );
}

const messages = (...args: Parameters<typeof check>) =>
  check(...args).findings.map(({ file, code, message, severity }) => {
    expect([code, severity]).toEqual(['SOURCE_FILE_MISMATCH', 'error']);
    return `${file ?? ''} ${message}`;
  });

const sdkconfig = (config: Config) => Buffer.from(sdkconfigText(configOf({ chip: esp32, config })));

describe('the files of a build', () => {
  test('that belong to the app are as they should be', () => {
    expect(check()).toEqual({ title: 'files of the build (ELF, map, sdkconfig)', findings: [] });
  });

  test('are absent from a release of a finished image', () => {
    const none = { sdkconfig: undefined, elf: undefined, map: undefined };
    expect(check(none)).toMatchObject({ findings: [], absent: 'none in this release' });
  });

  test('are wrong with the ELF file of another build', () => {
    const elf = makeBuildTree({ chip: esp32, codeSize: 0xa00 }).get('micropython.elf');
    expect(messages({ elf })).toEqual([
      `x.elf is not the program that the app was made of: the app names ${DESCRIPTION.elfSha256.toString('hex')}`,
    ]);
  });

  test.each([
    ['one byte more', Buffer.concat([SOUND.elf, Buffer.alloc(1)])],
    ['one bit flipped', Buffer.from(SOUND.elf).fill(SOUND.elf.readUInt8(200) ^ 1, 200, 201)],
  ])('are wrong with %s in the ELF file', (_, elf) => {
    expect(messages({ elf })[0]).toContain('is not the program');
  });

  test('are wrong with something else for an ELF file', () => {
    expect(messages({ elf: someBytes(100) }).join('\n')).toContain('cannot be read as an ELF file');
    const sections = [{ name: '.text', address: 0x42000000, data: someBytes(16) }];
    expect(messages({ elf: anElf({ machine: 'riscv', sections }) }).join('\n')).toContain(
      'is for riscv processors; ESP32 has xtensa',
    );
  });

  test('are wrong with a map that is not text, or of nothing', () => {
    expect(messages({ map: Buffer.alloc(0) })[0]).toContain('x.map is not the text');
    expect(messages({ map: Buffer.from('a\0b') })[0]).toContain('x.map is not the text');
    expect(messages({ elf: undefined })).toEqual(['x.map is there without the ELF file it is of']);
  });

  test('are wrong with the sdkconfig of another build', () => {
    expect(messages({ sdkconfig: sdkconfig({ IDF_TARGET: 'esp32s3' }) })).toEqual([
      "x.sdkconfig is for 'esp32s3', not for esp32",
    ]);
    expect(messages({ sdkconfig: sdkconfig({ BOOTLOADER_APP_ROLLBACK_ENABLE: false }) })).toEqual([
      'x.sdkconfig has rollback off; the manifest says enabled',
    ]);
    expect(messages({ sdkconfig: sdkconfig({ SECURE_SIGNED_APPS_RSA_SCHEME: true }) })).toEqual([
      'x.sdkconfig makes the firmware ask for signatures of rsa3072; the release has none',
    ]);
    expect(messages({ sdkconfig: Buffer.from('<html>') })[0]).toContain('cannot be read');
  });

  test('agree with a release that is signed as they ask', () => {
    const signing = { scheme: 'rsa3072', keys: [] } as Manifest['signing'];
    const asked = sdkconfig({ SECURE_SIGNED_APPS_RSA_SCHEME: true });
    expect(messages({ sdkconfig: asked }, { signing })).toEqual([]);
  });
});
