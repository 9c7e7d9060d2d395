import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { esp32s3 } from '../../builder/chip/esp32s3.ts';
import type { FleetRelease } from '../../builder/keys/rotation/fleet.ts';
import { planRotation, type NextKey } from '../../builder/keys/rotation/plan-rotation.ts';

const DIGESTS = ['a', 'b', 'c', 'd'].map((digit) => digit.repeat(64));
const someKeys = fc.shuffledSubarray(DIGESTS, { minLength: 1, maxLength: 3 });
const next = (digests: readonly string[]): NextKey[] =>
  digests.map((digest) => ({ name: digest.slice(0, 1), digest, scheme: 'rsa3072' }));
const release = (appKeys: readonly string[], bootloaderKeys?: readonly string[]): FleetRelease => ({
  name: 'release',
  chip: esp32s3,
  scheme: 'rsa3072',
  appKeys: appKeys as [string, ...string[]],
  ...(bootloaderKeys === undefined ? {} : { bootloaderKeys }),
});

/** What a device does with an image whose blocks are by these keys, as esp_secure_boot_verify_sbv2_signature_block. */
const signedAppTakes = (running: readonly string[], blocks: readonly string[]): boolean =>
  blocks[0] === running[0];
const hardwareTakes = (eFuse: readonly string[], blocks: readonly string[]): boolean =>
  blocks.slice(0, 3).some((key) => eFuse.includes(key));

describe('a rotation that is not refused is survived by every device,', () => {
  test('one with signed apps', () => {
    fc.assert(
      fc.property(fc.array(someKeys, { minLength: 1, maxLength: 3 }), someKeys, (running, keys) => {
        const [first = [], ...others] = running;
        const releases = [release(first), ...others.map((each) => release(each))] as const;
        const { refusals } = planRotation({ releases, next: next(keys), checks: 'on-update' });
        const survived = running.every((blocks) => signedAppTakes(blocks, keys));
        expect(refusals.length === 0).toBe(survived);
      }),
    );
  });

  test('one with hardware Secure Boot, whatever is in its eFuse that ran the release before', () => {
    fc.assert(
      fc.property(someKeys, someKeys, someKeys, (running, keys, eFuse) => {
        fc.pre(hardwareTakes(eFuse, running));
        const request = { releases: [release(running)] as const, checks: 'secure-boot' as const };
        const known = planRotation({ ...request, next: next(keys), burnt: eFuse });
        expect(known.refusals.length === 0).toBe(hardwareTakes(eFuse, keys));
        const unknown = planRotation({ ...request, next: next(keys) });
        if (unknown.refusals.length === 0) expect(hardwareTakes(eFuse, keys)).toBe(true);
      }),
    );
  });

  test('and what it says to revoke leaves bootloader and next release startable', () => {
    fc.assert(
      fc.property(someKeys, someKeys, someKeys, (bootloader, running, keys) => {
        const releases = [release(running, bootloader)] as const;
        const plan = planRotation({ releases, next: next(keys), checks: 'secure-boot' });
        const revokes = plan.steps.find((step) => step.startsWith('Only then'));
        if (revokes === undefined) return;
        const bits = [...revokes.matchAll(/KEY_REVOKE(\d)/g)].map(([, bit]) => Number(bit));
        expect(bits.length).toBeGreaterThan(0);
        const left = bootloader.filter((_, slot) => !bits.includes(slot));
        expect(hardwareTakes(left, bootloader) && hardwareTakes(left, keys)).toBe(true);
      }),
    );
  });
});
