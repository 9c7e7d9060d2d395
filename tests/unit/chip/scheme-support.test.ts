import { describe, expect, test } from 'vitest';
import { unsupportedByRelease } from '../../../builder/chip/scheme-support.ts';

describe('an ESP-IDF release', () => {
  test.each([
    ['rsa3072', 'v4.4.8'],
    ['rsa3072', 'v6.0.2'],
    ['ecdsa256', 'v5.0'],
    ['ecdsa192', 'v6.0.1'],
    ['ecdsa384', 'v5.5.1'],
    ['ecdsa384', 'v6.0'],
  ] as const)('knows %s: %s', (scheme, release) => {
    expect(unsupportedByRelease(scheme, release)).toBeUndefined();
  });

  test.each([
    ['rsa3072', 'v4.0.4', /came with v4\.1\.0/],
    ['ecdsa256', 'v4.4.8', /does not know ecdsa256, which came with v5\.0\.0/],
    ['ecdsa384', 'v5.5', /came with v5\.5\.1/],
    ['ecdsa384', 'v5.4.4-dirty', /came with v5\.5\.1/],
    ['ecdsa192', 'v6.0.2', /no longer knows ecdsa192; v6\.0\.1 was the last/],
  ] as const)('does not know %s: %s', (scheme, release, says) => {
    expect(unsupportedByRelease(scheme, release)).toMatch(says);
  });

  test.each(['', 'v5.1-dev-1234-gabcdef0', 'v5.0.4-12-gabcdef0', 'my-fork', 'v5'])(
    'is not judged by a name that does not tell: %j',
    (name) => {
      expect(unsupportedByRelease('ecdsa384', name)).toBeUndefined();
    },
  );
});
