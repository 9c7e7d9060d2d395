import { describe, expect, test } from 'vitest';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { esp32s3 } from '../../../builder/chip/esp32s3.ts';
import type { FleetRelease } from '../../../builder/keys/rotation/fleet.ts';
import {
  planRotation,
  type NextKey,
  type RotationRequest,
} from '../../../builder/keys/rotation/plan-rotation.ts';

const [A, B, C] = ['a', 'b', 'c'].map((digit) => digit.repeat(64)) as [string, string, string];
const NAMES = new Map([
  [A, 'a.pem'],
  [B, 'b.pem'],
  [C, 'c.pem'],
]);
const keys = (...digests: readonly string[]): NextKey[] =>
  digests.map((digest) => ({ name: NAMES.get(digest) ?? digest, digest, scheme: 'rsa3072' }));
const release = (appKeys: readonly [string, ...string[]], more: Partial<FleetRelease> = {}) => ({
  name: 'out/1.0',
  chip: esp32s3,
  scheme: 'rsa3072' as const,
  appKeys,
  ...more,
});
const plan = (request: Omit<RotationRequest, 'releases'> & { readonly from: FleetRelease }) => {
  const { from, ...rest } = request;
  return planRotation({ releases: [from], ...rest });
};

describe('with signed apps and no hardware Secure Boot', () => {
  const checks = 'on-update';

  test('the first key stays first, whatever follows it', () => {
    const { refusals, steps, notes } = plan({ from: release([A]), next: keys(A, B), checks });
    expect(refusals).toEqual([]);
    expect(steps).toEqual([
      'Sign the next release in this order: --key a.pem --key b.pem',
      expect.stringContaining(`Sign every later release with ${A} first`),
    ]);
    expect(notes.join('\n')).toMatch(/never look at them .*18915[^]*over a cable/);
  });

  test.each([
    [
      'another key alone',
      [A],
      keys(B),
      /release that has that key in front: --key OLD --key b\.pem/,
    ],
    ['the new key in front', [A], keys(B, A), /in front: --key a\.pem --key b\.pem$/m],
    ['the key of its second block in front', [A, B], keys(B), /--key OLD --key b\.pem/],
  ] as const)('%s is refused, with the order that is survived', (_, appKeys, next, says) => {
    const { refusals, steps, notes } = plan({ from: release([...appKeys]), next, checks });
    expect(refusals).toEqual([
      expect.stringContaining('trust the key of its first signature block'),
    ]);
    expect(steps).toEqual([]);
    expect(notes.join('\n')).toMatch(says);
  });

  test('no release suits devices that trust different first keys', () => {
    const releases = [release([A]), release([B], { name: 'out/2.0' })] as const;
    const { refusals, notes } = planRotation({ releases, next: keys(A, B), checks });
    expect(refusals).toEqual([expect.stringContaining('devices that run out/2.0')]);
    expect(notes[0]).toContain('make one for each');
  });
});

describe('with hardware Secure Boot', () => {
  const checks = 'secure-boot';

  test('a key that was burnt before takes over, and the old one can be revoked', () => {
    const from = release([A], { bootloaderKeys: [A, B] });
    const { refusals, steps } = plan({ from, next: keys(B), checks });
    expect(refusals).toEqual([]);
    expect(steps).toEqual([
      'Sign the next release in this order: --key b.pem',
      expect.stringContaining('until then nothing is revoked'),
      expect.stringContaining(`bootloader on every device is signed by ${B}`),
      expect.stringMatching(/revoke a{64} \(eFuse SECURE_BOOT_KEY_REVOKE0; IRREVERSIBLE\)/),
    ]);
  });

  test('a key is never to be revoked that alone signed the bootloader', () => {
    const from = release([A], { bootloaderKeys: [A] });
    const { refusals, steps } = plan({ from, next: keys(B), checks, burnt: [A, B] });
    expect(refusals).toEqual([]);
    expect(steps.at(-1)).toContain(`Do not revoke ${A}`);
    expect(steps.join('\n')).not.toContain('SECURE_BOOT_KEY_REVOKE');
  });

  test('slots are not named where they differ between devices', () => {
    const releases = [
      release([A], { bootloaderKeys: [A, B] }),
      release([A], { bootloaderKeys: [B, A] }),
    ] as const;
    const { steps } = planRotation({ releases, next: keys(B), checks });
    expect(steps.at(-1)).toContain('in slots that differ from device to device');
  });

  test('a key that is not in eFuse needs the old one beside it, for good', () => {
    const from = release([A], { bootloaderKeys: [A] });
    const alone = plan({ from, next: keys(B), checks });
    expect(alone.refusals).toEqual([expect.stringContaining('no device would start it')]);
    expect(alone.notes.join('\n')).toContain(
      `--key OLD --key b.pem (OLD: the key with digest ${A})`,
    );
    const both = plan({ from, next: keys(B, A), checks });
    expect(both.refusals).toEqual([]);
    expect(both.steps.at(-1)).toContain(`Keep signing every later release with ${A}`);
    expect(both.notes.join('\n')).toContain('b.pem is not in eFuse');
  });

  test('where eFuse is not known, every key of the release may be the only one', () => {
    const from = release([A, B]);
    const { refusals } = plan({ from, next: keys(B, C), checks });
    expect(refusals).toEqual([expect.stringContaining(`no other digest in eFuse than ${A}`)]);
    expect(plan({ from, next: keys(C, B, A), checks }).refusals).toEqual([]);
    expect(plan({ from, next: keys(C), checks, burnt: [B, C] }).refusals).toEqual([]);
  });

  test('what is said of eFuse cannot be true when no device could run the release', () => {
    const { refusals } = plan({ from: release([A]), next: keys(B), checks, burnt: [B] });
    expect(refusals).toEqual([expect.stringContaining('what is said of eFuse is wrong')]);
  });

  test('more digests than eFuse holds, or one twice, prove nothing', () => {
    const from = release([A], { chip: esp32 });
    const { refusals } = plan({ from, next: keys(B), checks, burnt: [A, B] });
    expect(refusals).toEqual(['ESP32 holds 1 digest(s) in eFuse; 2 were named with --burnt']);
    const twice = plan({ from: release([A]), next: keys(A), checks, burnt: [A, A] });
    expect(twice.refusals).toEqual(['--burnt names a key twice']);
  });

  test('ESP32 keeps its one key for life', () => {
    const from = release([A], { chip: esp32, bootloaderKeys: [A] });
    expect(plan({ from, next: keys(A), checks }).refusals).toEqual([]);
    const other = plan({ from, next: keys(B), checks });
    expect(other.refusals).toHaveLength(1);
    expect(other.notes.join('\n')).toContain(
      'ESP32 has room for one digest: its key stays for life',
    );
    expect(plan({ from, next: keys(A, B), checks }).refusals).toEqual([
      'ESP32 looks at 1 signature block(s); 2 keys were given',
    ]);
  });
});

describe('whoever checks', () => {
  test.each(['none', 'on-update', 'secure-boot'] as const)(
    'keys of another scheme, twice, or none at all are refused (%s)',
    (checks) => {
      const from = release([A]);
      const other = [{ name: 'b.pem', digest: B, scheme: 'ecdsa256' as const }];
      const says = (next: readonly NextKey[]) => plan({ from, next, checks }).refusals.join('\n');
      expect(says(other)).toContain('built for rsa3072 and ignore others');
      expect(says(keys(A, A))).toContain('are the same key');
      expect(says([])).toContain('has no key');
      expect(says(keys(A))).toBe('');
    },
  );

  test('devices that check nothing survive every key', () => {
    expect(plan({ from: release([A]), next: keys(B), checks: 'none' }).refusals).toEqual([]);
  });

  test('a next release for another chip reaches no device', () => {
    const to = release([A], { name: 'out/2.0', chip: esp32 });
    const { refusals } = plan({ from: release([A]), to, next: keys(A), checks: 'on-update' });
    expect(refusals).toEqual([
      'out/2.0 is for ESP32: no device that runs out/1.0 (ESP32-S3) starts it',
    ]);
  });

  test('releases of other chips, or for devices that check otherwise, are refused', () => {
    const releases = [
      release([A], { checks: 'secure-boot' }),
      release([A], { chip: esp32 }),
    ] as const;
    const { refusals } = planRotation({ releases, next: keys(A), checks: 'on-update' });
    expect(refusals).toEqual([
      expect.stringContaining('check signatures otherwise (secure-boot), not on-update'),
      expect.stringContaining('plan them apart'),
    ]);
  });
});
