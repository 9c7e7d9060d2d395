import { describe, expect, test } from 'vitest';
import { CHIPS, findChipByName } from '../../../builder/chip/registry.ts';
import type { Chip, SignatureScheme } from '../../../builder/chip/chip.ts';
import { SigningError } from '../../../builder/errors/families.ts';
import { planEfuses, type EfuseKey } from '../../../builder/keys/efuse-plan.ts';

const key = (fill: number, scheme: SignatureScheme): EfuseKey => ({
  name: `${fill}.pem`,
  file: `${fill}.bin`,
  scheme,
  digest: Buffer.alloc(32, fill),
});
const chip = (name: string): Chip => {
  const found = findChipByName(name);
  if (found === undefined) throw new Error(name);
  return found;
};
const commands = (plan: ReturnType<typeof planEfuses>): string[] =>
  plan.steps.map(({ command }) => command.join(' '));

describe('the eFuse plan', () => {
  test('of two keys on ESP32-S3 leaves no slot open, and enables last', () => {
    const plan = planEfuses(chip('esp32s3'), [key(1, 'rsa3072'), key(2, 'rsa3072')], 3);
    expect(commands(plan)).toEqual([
      'espefuse --chip esp32s3 burn-key BLOCK_KEY3 1.bin SECURE_BOOT_DIGEST0 BLOCK_KEY4 2.bin SECURE_BOOT_DIGEST1',
      'espefuse --chip esp32s3 burn-efuse SECURE_BOOT_KEY_REVOKE2 1',
      'espefuse --chip esp32s3 burn-efuse SECURE_BOOT_EN 1',
    ]);
  });

  test('of ESP32 and ESP32-C2 names their own blocks and bits, and the bytes that they hold', () => {
    expect(commands(planEfuses(chip('esp32'), [key(1, 'rsa3072')]))).toEqual([
      'espefuse --chip esp32 burn-key secure_boot_v2 1.bin',
      'espefuse --chip esp32 burn-efuse ABS_DONE_1 1',
    ]);
    const plan = planEfuses(chip('esp32c2'), [key(1, 'ecdsa256')]);
    expect(commands(plan)).toEqual([
      'espefuse --chip esp32c2 burn-key BLOCK_KEY0 1.bin SECURE_BOOT_DIGEST',
      'espefuse --chip esp32c2 burn-efuse SECURE_BOOT_EN 1',
    ]);
    expect(plan.files).toEqual([{ file: '1.bin', key: '1.pem', contents: Buffer.alloc(16, 1) }]);
    expect(plan.notes.join('\n')).toContain('can be burnt only once');
  });

  test('enables SHA-384 for keys on P-384', () => {
    expect(commands(planEfuses(chip('esp32c5'), [key(1, 'ecdsa384')]))).toContain(
      'espefuse --chip esp32c5 burn-efuse SECURE_BOOT_SHA384_EN 1',
    );
  });

  test.each([
    ['esp32', [key(1, 'rsa3072'), key(2, 'rsa3072')], 'KEY_COUNT'],
    ['esp32c3', [1, 2, 3, 4].map((fill) => key(fill, 'rsa3072')), 'KEY_COUNT'],
    ['esp32s3', [key(1, 'ecdsa256')], 'SCHEME_UNSUPPORTED'],
    ['esp32c6', [key(1, 'rsa3072'), key(2, 'ecdsa256')], 'SCHEME_MISMATCH'],
    ['esp32c6', [key(1, 'rsa3072'), key(1, 'rsa3072')], 'KEY_DUPLICATE'],
  ])('of %s is refused for keys that it cannot hold', (name, keys, code) => {
    expect(() => planEfuses(chip(name), keys)).toThrow(
      expect.objectContaining({ name: SigningError.name, code }),
    );
  });

  test('is refused where the key blocks end', () => {
    const keys = [key(1, 'rsa3072'), key(2, 'rsa3072')];
    expect(() => planEfuses(chip('esp32s3'), keys, 5)).toThrow(/key blocks 0 to 5; 2 digest\(s\)/);
  });

  test('fits every chip: a digest has as many purposes and revoke bits as there are slots, or none', () => {
    for (const { secureBootV2, digestEfuses } of CHIPS) {
      const { purposes, revokeBits, blocks } = digestEfuses;
      expect([0, secureBootV2.keySlots]).toContain(purposes.length);
      expect([0, secureBootV2.keySlots]).toContain(revokeBits.length);
      expect(blocks.length).toBeGreaterThanOrEqual(secureBootV2.keySlots);
    }
  });
});
