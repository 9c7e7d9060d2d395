import { describe, expect, test } from 'vitest';
import { channelOf, compareVersions, isChannel } from '../../../builder/release-index/versions.ts';

describe('the channel of a version', () => {
  test.each([
    ['1.2.3', 'stable'],
    ['v1.2.3', 'stable'],
    ['1.2.3+build.5', 'stable'],
    ['1.3.0-beta.2', 'beta'],
    ['1.3.0-BETA.2', 'beta'],
    ['1.3.0-rc.1', 'rc'],
    ['1.3.0-rc1', 'rc1'],
    ['1.3.0-1', 'prerelease'],
    ['1.3.0-stable.1', 'prerelease'],
    ['1.3.0-4-gabc1234', 'prerelease'],
    ['nightly', undefined],
    ['1.2', undefined],
    ['1.2.3.4', undefined],
    ['', undefined],
  ])('of %s is %s', (version, channel) => {
    expect(channelOf(version)).toBe(channel);
  });

  test.each(['stable', 'beta', 'x-1', 'a'.repeat(32)])('can be called %s', (name) => {
    expect(isChannel(name)).toBe(true);
  });

  test.each(['', 'Beta', '1', '-a', 'a.json', '../a', '__proto__', 'a b', 'a'.repeat(33), 'a\n'])(
    'cannot be called %j',
    (name) => {
      expect(isChannel(name)).toBe(false);
    },
  );
});

test('versions are compared as semver does it, and not at all where it cannot', () => {
  expect(compareVersions('1.10.0', '1.9.0')).toBeGreaterThan(0);
  expect(compareVersions('1.0.0-beta.2', '1.0.0')).toBeLessThan(0);
  expect(compareVersions('1.0.0+a', 'v1.0.0+b')).toBe(0);
  expect(compareVersions('1.0.0', 'nightly')).toBeUndefined();
});
