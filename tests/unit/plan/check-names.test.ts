import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { CHIPS } from '../../../builder/chip/registry.ts';
import { ProfileError, UsageError } from '../../../builder/errors/families.ts';
import {
  checkSecureVersion,
  checkVariant,
  checkVersion,
} from '../../../builder/plan/check-names.ts';
import { sourceDate } from '../../../builder/plan/source-date.ts';
import { thrownBy } from '../../support/thrown.ts';

describe('a version', () => {
  test.each(['1', '1.2.3', '1.2.3-4-gabcdef0-dirty', '2024.06+build_7', 'x'.repeat(31)])(
    'may be %s',
    (version) => {
      expect(checkVersion(version)).toBe(version);
    },
  );

  test.each(['', ' ', '-1', '.1', '1/2', '..', 'a b', '1.2.3\n', 'ä', 'x'.repeat(32)])(
    'may not be %j',
    async (version) => {
      const error = await thrownBy(ProfileError, () => checkVersion(version));
      expect(error.code).toBe('VERSION_INVALID');
    },
  );
});

describe('secure_version', () => {
  test.each(CHIPS.map((chip) => [chip.title, chip] as const))(
    'goes up to the width of the eFuse field of %s',
    async (_, chip) => {
      expect(checkSecureVersion(0, chip)).toBe(0);
      expect(checkSecureVersion(chip.secureVersionBits, chip)).toBe(chip.secureVersionBits);
      const error = await thrownBy(ProfileError, () =>
        checkSecureVersion(chip.secureVersionBits + 1, chip),
      );
      expect(error.code).toBe('SECURE_VERSION_RANGE');
      expect(error.message).toContain(`its eFuse field has ${chip.secureVersionBits} bits`);
    },
  );

  test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('is not %d', async (value) => {
    await thrownBy(ProfileError, () => checkSecureVersion(value, esp32));
  });
});

describe('a variant', () => {
  test.each([undefined, 'OTA', 'FLASH_4M', 'x'.repeat(32)])('may be %j', (variant) => {
    expect(checkVariant(variant)).toBe(variant);
  });

  test.each(['', 'a-b', 'a/b', '..', 'x'.repeat(33)])('may not be %j', async (variant) => {
    const error = await thrownBy(UsageError, () => checkVariant(variant));
    expect(error.code).toBe('USAGE');
  });
});

describe('the date of a release', () => {
  test.each([
    ['0', '1970-01-01T00:00:00.000Z'],
    ['1717311095', '2024-06-02T06:51:35.000Z'],
    ['253402300799', '9999-12-31T23:59:59.000Z'],
  ])('is SOURCE_DATE_EPOCH=%s', (value, expected) => {
    expect(sourceDate({ SOURCE_DATE_EPOCH: value }).toISOString()).toBe(expected);
  });

  test.each([{}, { SOURCE_DATE_EPOCH: '' }])('is now, in whole seconds, with %j', (environment) => {
    const date = sourceDate(environment);
    expect(date.getMilliseconds()).toBe(0);
    expect(Math.abs(date.getTime() - Date.now())).toBeLessThan(60_000);
  });

  test.each(['-1', '1.5', 'now', '0x10', ' 1', '253402300800', '9'.repeat(13)])(
    'is not SOURCE_DATE_EPOCH=%j',
    async (value) => {
      const error = await thrownBy(ProfileError, () => sourceDate({ SOURCE_DATE_EPOCH: value }));
      expect(error.code).toBe('SOURCE_DATE_INVALID');
      expect(error.message).toContain(`'${value}'`);
    },
  );
});
