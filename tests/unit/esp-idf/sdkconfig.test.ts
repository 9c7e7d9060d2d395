import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { FormatError } from '../../../builder/errors/families.ts';
import { readBuildSettings } from '../../../builder/esp-idf/build-settings.ts';
import {
  parseSdkconfig,
  parseSdkconfigJson,
  secretsIn,
  type ConfigValue,
} from '../../../builder/esp-idf/sdkconfig.ts';
import { configOf, sdkconfigText, type Config } from '../../support/build-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

const parse = (text: string) => parseSdkconfig(Buffer.from(text), 'sdkconfig');
const settingsOf = (config: Config) =>
  readBuildSettings(new Map<string, ConfigValue>(Object.entries(config)));

describe('an sdkconfig', () => {
  test('has switches, numbers, texts and comments', () => {
    const text = [
      '# Automatically generated file. DO NOT EDIT.',
      'CONFIG_A=y',
      'CONFIG_B=n',
      '# CONFIG_C is not set',
      'CONFIG_D=0x8000',
      'CONFIG_E=-5',
      String.raw`CONFIG_F="a \"b\" \\ c"`,
      'CONFIG_G=',
      '',
      'CONFIG_lower_4=y\r',
    ];
    expect(Object.fromEntries(parse(text.join('\n')))).toEqual({
      A: true,
      B: false,
      D: 0x8000,
      E: -5,
      F: 'a "b" \\ c',
      G: '',
      lower_4: true,
    });
  });

  test('says what it said last', () => {
    expect(parse('CONFIG_A=y\nCONFIG_A=n\n').get('A')).toBe(false);
  });

  test('that is something else is refused with the line', async () => {
    const error = await thrownBy(FormatError, () => parse('CONFIG_A=y\n<!doctype html>\n'));
    expect(error.message).toMatch(/^sdkconfig:2: /);
    expect(error.where).toMatchObject({ file: 'sdkconfig', line: 2 });
  });

  test('means the same as text and as JSON', () => {
    const config = configOf({
      chip: esp32,
      config: { BOOTLOADER_APP_ANTI_ROLLBACK: true, BOOTLOADER_APP_SECURE_VERSION: 3, X: 'text' },
    });
    const json = parseSdkconfigJson(Buffer.from(JSON.stringify(config)), 'sdkconfig.json');
    expect(readBuildSettings(json)).toEqual(readBuildSettings(parse(sdkconfigText(config))));
    expect(json.get('X')).toBe('text');
  });
});

describe('the settings of a build', () => {
  test('are those of a plain build where nothing is set', () => {
    expect(settingsOf({})).toEqual({
      rollback: false,
      antiRollback: null,
      signatures: null,
      secureBoot: null,
      flashEncryption: false,
    });
  });

  test('tell rollback and anti-rollback', () => {
    const settings = settingsOf({
      IDF_TARGET: 'esp32c3',
      BOOTLOADER_APP_ROLLBACK_ENABLE: true,
      BOOTLOADER_APP_ANTI_ROLLBACK: true,
      BOOTLOADER_APP_SECURE_VERSION: 7,
      BOOTLOADER_APP_SEC_VER_SIZE_EFUSE_FIELD: 16,
    });
    expect(settings).toMatchObject({
      target: 'esp32c3',
      rollback: true,
      antiRollback: { secureVersion: 7, bits: 16 },
    });
  });

  test.each([
    ['v1', { SECURE_SIGNED_APPS_ECDSA_SCHEME: true }],
    ['rsa3072', { SECURE_SIGNED_APPS_RSA_SCHEME: true }],
    ['ecdsa256', { SECURE_SIGNED_APPS_ECDSA_V2_SCHEME: true }],
    [
      'ecdsa192',
      { SECURE_SIGNED_APPS_ECDSA_V2_SCHEME: true, SECURE_BOOT_ECDSA_KEY_LEN_192_BITS: true },
    ],
    [
      'ecdsa384',
      { SECURE_SIGNED_APPS_ECDSA_V2_SCHEME: true, SECURE_BOOT_ECDSA_KEY_LEN_384_BITS: true },
    ],
  ] as const)('tell that apps are signed with %s', (scheme, config) => {
    expect(settingsOf(config).signatures).toBe(scheme);
  });

  test('tell Secure Boot and flash encryption', () => {
    expect(settingsOf({ SECURE_BOOT_V2_ENABLED: true }).secureBoot).toBe('v2');
    expect(settingsOf({ SECURE_BOOT_V1_ENABLED: true }).secureBoot).toBe('v1');
    expect(settingsOf({ SECURE_FLASH_ENC_ENABLED: true }).flashEncryption).toBe(true);
  });

  test('are off for anything but y', () => {
    const odd = settingsOf({
      BOOTLOADER_APP_ROLLBACK_ENABLE: 'yes',
      SECURE_SIGNED_APPS_RSA_SCHEME: 1,
      PARTITION_TABLE_OFFSET: '0x8000',
    });
    expect(odd).toMatchObject({ rollback: false, signatures: null });
    expect(odd).not.toHaveProperty('partitionTableOffset');
  });
});

test('settings that look like secrets are named, never quoted', () => {
  const config = parse(
    [
      'CONFIG_EXAMPLE_WIFI_PASSWORD="hunter2"',
      'CONFIG_MQTT_TOKEN="abc"',
      'CONFIG_EMPTY_PASSWORD=""',
      'CONFIG_PASSWORD_LENGTH=8',
      'CONFIG_MBEDTLS_PSK_MODES=y',
      'CONFIG_SECURE_BOOT_SIGNING_KEY="key.pem"',
    ].join('\n'),
  );
  expect(secretsIn(config)).toEqual(['CONFIG_EXAMPLE_WIFI_PASSWORD', 'CONFIG_MQTT_TOKEN']);
});
