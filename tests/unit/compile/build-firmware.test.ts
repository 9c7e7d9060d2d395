import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32c3 } from '../../../builder/chip/esp32c3.ts';
import { readBuildDirectory } from '../../../builder/compile/build-directory.ts';
import { firmwareOfBuild } from '../../../builder/compile/build-firmware.ts';
import { LayoutError, ProfileError, SigningError } from '../../../builder/errors/families.ts';
import { encodeSignatureSector } from '../../../builder/format/signature-sector.ts';
import type { Plan } from '../../../builder/plan/plan.ts';
import {
  makeBuildDirectory,
  makeBuildTree,
  type BuildOptions,
  type Config,
} from '../../support/build-directory.ts';
import { makeBootloader } from '../../support/firmware.ts';
import { flashWith } from '../../support/flash.ts';
import { aPlan, OTA_TABLE } from '../../support/plans.ts';
import { aSignedBlock } from '../../support/signature-blocks.ts';
import { tempDirectory } from '../../support/temp-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

type Request = {
  readonly options?: Partial<BuildOptions>;
  readonly changes?: Parameters<typeof makeBuildDirectory>[2];
  readonly plan?: Partial<Plan>;
};

const TREE = makeBuildTree({ chip: esp32 });

async function firmware({ options = {}, changes = {}, plan = {} }: Request = {}) {
  const directory = await tempDirectory();
  await makeBuildDirectory(directory, { chip: esp32, table: OTA_TABLE, ...options }, changes);
  const build = await readBuildDirectory(directory, 'sub/build');
  return firmwareOfBuild(build, { ...aPlan(), ...plan }, esp32);
}

const configured = (config: Config, plan: Partial<Plan> = {}) =>
  firmware({ options: { config }, plan });

const codesOf = ({ warnings }: Awaited<ReturnType<typeof firmware>>) =>
  warnings.map(({ code }) => code);

const signing = (scheme: NonNullable<Plan['signing']>['scheme'], bootloader = false) => ({
  signing: { scheme, bootloader, keys: ['k.pem'] },
});

describe('the firmware of a build', () => {
  test('has app, bootloader, facts and files', async () => {
    const found = await firmware();
    expect(found.app.equals(TREE.get('micropython.bin') ?? Buffer.alloc(0))).toBe(true);
    expect(found.bootloader).toEqual({
      offset: 0x1000,
      bytes: makeBootloader({ chip: esp32 }),
      signed: false,
    });
    expect(found.source).toMatchObject({
      kind: 'prebuilt',
      file: 'micropython.bin',
      container: 'build-directory',
      project: { name: 'micropython', version: '1.28.0' },
      idfVersion: 'v5.5.1',
      micropython: { version: 'v1.28.0', board: 'Test board' },
      bootloaderRollback: 'enabled',
    });
    expect(found.warnings).toEqual([]);
    expect(found.notes).toEqual([
      "sub/build is an ESP-IDF build directory for ESP32, project 'micropython' 1.28.0, ESP-IDF v5.5.1: MicroPython v1.28.0 for 'Test board' with ESP32",
      'its sdkconfig: rollback on, anti-rollback off, signed apps off, Secure Boot off, flash encryption off',
    ]);
  });

  test('says what another partition table means', async () => {
    const { notes } = await firmware({ options: { table: OTA_TABLE.slice(0, 4) } });
    expect(notes.at(-1)).toContain(
      'with ota_1 (0x1d0000, 0x1c0000), vfs (0x390000, 0x70000) instead of nothing',
    );
    const stock = await firmware({
      changes: {
        'partition_table/partition-table.bin': makeBuildTree({ chip: esp32 }).get(
          'partition_table/partition-table.bin',
        ),
      },
    });
    expect(stock.notes.at(-1)).toContain('factory (0x10000, 0x1f0000)');
    expect(stock.notes.at(-1)).toContain('cannot be moved to it over the air');
  });

  test('warns of a bootloader that was built without rollback, by what the sdkconfig says', async () => {
    const found = await configured({ BOOTLOADER_APP_ROLLBACK_ENABLE: false });
    expect(codesOf(found)).toEqual(['NO_ROLLBACK']);
    expect(found.warnings[0]?.message).toMatch(
      /^build was built without CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE/,
    );
    expect(found.source.bootloaderRollback).toBe('disabled');
  });

  test('warns when nothing says whether it rolls back', async () => {
    const changes = { sdkconfig: undefined, 'config/sdkconfig.json': undefined };
    const found = await firmware({ changes });
    expect(codesOf(found)).toEqual(['ROLLBACK_UNKNOWN']);
    expect(found.source.bootloaderRollback).toBe('unknown');
  });

  test('warns of what it leaves out and of what does not work by itself', async () => {
    const args = JSON.parse(TREE.get('flasher_args.json')?.toString() ?? '') as {
      flash_files: object;
    };
    const text = JSON.stringify({
      ...args,
      flash_files: { ...args.flash_files, '0x200000': 'storage.bin' },
    });
    const found = await firmware({
      changes: { 'flasher_args.json': text },
      options: { config: { SECURE_FLASH_ENC_ENABLED: true, WIFI_PASSWORD: 'hunter2' } },
      plan: { secureVersion: 2 },
    });
    expect(codesOf(found)).toEqual([
      'ANTI_ROLLBACK_OFF',
      'FLASH_ENCRYPTION',
      'DATA_LEFT_OUT',
      'SDKCONFIG_SECRET',
    ]);
    expect(JSON.stringify(found.warnings)).not.toContain('hunter2');
  });

  test('warns of a build without a bootloader', async () => {
    const args = JSON.parse(TREE.get('flasher_args.json')?.toString() ?? '') as object;
    const found = await firmware({
      changes: {
        'flasher_args.json': JSON.stringify({ ...args, flash_files: {}, bootloader: undefined }),
        'bootloader/bootloader.bin': undefined,
      },
    });
    expect(codesOf(found)).toEqual(['NO_BOOTLOADER']);
    expect(found).not.toHaveProperty('bootloader');
  });
});

describe('a build is refused', () => {
  test('for a board with another chip', async () => {
    const error = await thrownBy(ProfileError, () => firmware({ options: { chip: esp32c3 } }));
    expect(error.code).toBe('BOARD_MISMATCH');
    expect(error.message).toContain('sub/build is firmware for ESP32-C3');
  });

  test('that looks for the table elsewhere', async () => {
    const error = await thrownBy(LayoutError, () =>
      firmware({ options: { tableOffset: 0x10000 } }),
    );
    expect(error.code).toBe('TABLE_OFFSET');
    expect(error.hint).toContain('0x10000');
  });

  test('that takes signed apps only, without a signature', async () => {
    const error = await thrownBy(SigningError, () =>
      configured({ SECURE_SIGNED_APPS_RSA_SCHEME: true }),
    );
    expect(error.code).toBe('SIGNING_REQUIRED');
    expect(error.exit).toBe(8);
    expect(
      codesOf(await configured({ SECURE_SIGNED_APPS_RSA_SCHEME: true }, signing('rsa3072'))),
    ).toEqual([]);
  });

  test('with a signature of another scheme than it checks', async () => {
    const error = await thrownBy(SigningError, () =>
      configured({ SECURE_SIGNED_APPS_ECDSA_V2_SCHEME: true }, signing('rsa3072')),
    );
    expect(error.code).toBe('SCHEME_MISMATCH');
    expect(error.hint).toContain('--scheme ecdsa256');
  });

  test('for Secure Boot V1, signed or not', async () => {
    for (const plan of [{}, signing('rsa3072')]) {
      const error = await thrownBy(SigningError, () =>
        configured({ SECURE_SIGNED_APPS_ECDSA_SCHEME: true }, plan),
      );
      expect(error.code).toBe('SCHEME_MISMATCH');
    }
  });

  test('for Secure Boot with a bootloader that nobody signs', async () => {
    const config = { SECURE_BOOT_V2_ENABLED: true, SECURE_SIGNED_APPS_RSA_SCHEME: true };
    const error = await thrownBy(SigningError, () => configured(config, signing('rsa3072')));
    expect(error.code).toBe('SIGNING_REQUIRED');
    expect(error.hint).toContain('signing.bootloader');
    expect(codesOf(await configured(config, signing('rsa3072', true)))).toEqual([]);
    const bootloader = flashWith({
      0: makeBootloader({ chip: esp32 }),
      0x5000: encodeSignatureSector([aSignedBlock('rsa3072')]),
    });
    const signedOne = await firmware({
      options: { config },
      changes: { 'bootloader/bootloader.bin': bootloader },
      plan: signing('rsa3072'),
    });
    expect(signedOne.bootloader?.signed).toBe(true);
  });

  test('with a secure_version beyond what its bootloader counts', async () => {
    const config = {
      BOOTLOADER_APP_ANTI_ROLLBACK: true,
      BOOTLOADER_APP_SEC_VER_SIZE_EFUSE_FIELD: 4,
    };
    const error = await thrownBy(ProfileError, () => configured(config, { secureVersion: 5 }));
    expect(error.code).toBe('SECURE_VERSION_RANGE');
    expect(codesOf(await configured(config, { secureVersion: 4 }))).toEqual([]);
  });
});

test('a signature that the firmware does not check itself is called what it is', async () => {
  const { notes } = await firmware({ plan: signing('rsa3072') });
  expect(notes.join('\n')).toContain('does not check signatures itself');
});
