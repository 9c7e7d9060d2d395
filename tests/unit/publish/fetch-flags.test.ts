import { expect, test } from 'vitest';
import type { Manifest } from '../../../builder/manifest/manifest.ts';
import { formatReleaseBody } from '../../../builder/publish/github/release-body.ts';
import type { ReleasePlan } from '../../../builder/publish/github/release-plan.ts';
import { fetchFlags } from '../../../builder/publish/fetch-flags.ts';
import { aManifest, asDrill } from '../../support/pages.ts';

const key = { digest: 'ab'.repeat(32), role: 'image', development: true } as const;
const development: Manifest['signing'] = { scheme: 'rsa3072', keys: [key] };

test.each<[string, Manifest, string]>([
  ['a release', aManifest(), ''],
  ['one that nobody signed', aManifest({ signing: null }), ' --allow-unsigned'],
  ['a drill', asDrill(aManifest()), ' --drill'],
  ['a development key', aManifest({ signing: development }), ' --allow-development'],
  ['both', asDrill(aManifest({ signing: development })), ' --drill --allow-development'],
])('%s is fetched with the flags that it takes', (_, manifest, flags) => {
  expect(fetchFlags(manifest)).toBe(flags);
});

test('a release on GitHub that nobody signed asks for no trust', () => {
  const plan = {
    publications: [{ release: { manifest: aManifest({ signing: null }) } }],
    digest: 'ab'.repeat(32),
  } as unknown as ReleasePlan;
  const body = formatReleaseBody(plan, 'acme/firmware');
  expect(body).toContain('nothing proves who made what is not signed:');
  expect(body).toContain('--board ESP32_GENERIC --version 1.2.3 --allow-unsigned\n');
});
