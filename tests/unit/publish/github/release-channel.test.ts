import { expect, test } from 'vitest';
import { channelInGitHub } from '../../../../builder/publish/github/release-channel.ts';

test.each([
  ['1.2.3', false, 'stable'],
  ['1.2.3-beta.1', false, 'stable'],
  ['1.2.3-beta.1', true, 'beta'],
  ['1.2.3-1', true, 'prerelease'],
  ['1.2.3', true, 'prerelease'],
  ['nightly', true, 'prerelease'],
])('%s, pre-release: %s, is in channel %s', (version, isPrerelease, channel) => {
  expect(channelInGitHub(version, isPrerelease)).toBe(channel);
});
