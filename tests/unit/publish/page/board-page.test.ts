import { describe, expect, test } from 'vitest';
import { boardPage } from '../../../../builder/publish/page/board-page.ts';
import { address, html } from '../../../../builder/publish/page/html.ts';
import { aManifest, aPageInput, asDrill, withoutBootloader } from '../../../support/pages.ts';

/** What a reader sees of it: text, on one line. */
const textOf = (page: string): string =>
  page
    .replace(/<style>[^]*?<\/style>|<title>[^]*?<\/title>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');

describe('a template', () => {
  test('escapes text, joins lists, and leaves other templates as they are', () => {
    const hostile = `</td><script>"'&`;
    expect(html`<p title="${hostile}">${[html`<b>${hostile}</b>`, 1, undefined]}</p>`.text).toBe(
      '<p title="&lt;/td&gt;&lt;script&gt;&quot;&#39;&amp;"><b>&lt;/td&gt;&lt;script&gt;&quot;&#39;&amp;</b>1</p>',
    );
  });

  test('shows characters that hide or reorder text', () => {
    expect(html`${'a\u202eb\u0007c'}`.text).toBe('a\ufffdb\ufffdc');
  });

  test('makes addresses that stay below the page', () => {
    expect(address('javascript:alert(1)', '../x')).toBe('./javascript%3Aalert(1)/..%2Fx');
  });
});

describe('the page of a board', () => {
  const page = boardPage(aPageInput(['stable', aManifest()]));
  const text = textOf(page);

  test('says how to flash, to update over the air, and to fetch and verify', () => {
    expect(text).toContain('esptool --chip esp32 write-flash 0x1000 ESP32_GENERIC-1.2.3.bin');
    expect(text).toContain('ADDRESS/stable.json');
    expect(text).toContain('--board ESP32_GENERIC --channel stable --trust release.pub.pem');
  });

  test('has every file with its SHA-256, and every key digest', () => {
    const manifest = aManifest();
    for (const { file, sha256 } of manifest.artifacts) {
      expect(page).toContain(`href="./1.2.3/${file}"`);
      expect(text).toContain(sha256);
    }
    expect(text).toContain(manifest.signing?.keys[0]?.digest);
  });

  test('draws the flash: every partition, and how full the slots are', () => {
    for (const name of ['nvs', 'otadata', 'ota_0', 'ota_1', 'vfs']) expect(text).toContain(name);
    expect(text).toMatch(/ota_0 app, ota_0 0x10000 1,792 KiB 61 %/);
    expect(text).toMatch(/bootloader 0x1000 28 KiB 82 %/);
  });

  test('draws the app into the one slot that the release writes', () => {
    expect(text).toMatch(/ota_1 app, ota_1 0x1d0000 1,792 KiB vfs/);
    const artifacts = aManifest().artifacts.map((each) =>
      each.role === 'app' ? { ...each, offset: 0x1d0000 } : each,
    );
    const drill = textOf(boardPage(aPageInput(['drill', asDrill(aManifest({ artifacts }))])));
    expect(drill).toMatch(/ota_0 app, ota_0 0x10000 1,792 KiB ota_1 .* 1,792 KiB 61 %/);
  });

  test('names the zip where there is one, for who has no network', () => {
    expect(text).not.toContain('The same without a network');
    const manifest = aManifest({ variant: 'SPIRAM' });
    const zip = { file: 'ESP32_GENERIC-SPIRAM-1.2.3.zip', size: 1, sha256: 'a'.repeat(64) };
    const input = aPageInput(['stable', manifest]);
    const versions = input.versions.map((each) => ({ ...each, files: [...each.files, zip] }));
    expect(textOf(boardPage({ ...input, versions }))).toContain(
      `npx ota-build fetch ${zip.file} --board ESP32_GENERIC --variant SPIRAM --trust release.pub.pem`,
    );
  });

  test('lets scripts come from its own server only', () => {
    expect(page).toMatch(/content="default-src &#39;none&#39;; script-src &#39;self&#39;;/);
    expect(page).not.toMatch(/<script(?![^>]* src="\.\.\/assets\/)/);
    expect(page).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  });

  test('names a variant to fetch', () => {
    const variant = aManifest({ variant: 'SPIRAM' });
    expect(textOf(boardPage(aPageInput(['stable', variant])))).toContain('--variant SPIRAM');
  });

  test('has no button for an app alone, and says why', () => {
    const alone = boardPage(aPageInput(['stable', withoutBootloader(aManifest())]));
    expect(alone).not.toContain('<esp-web-install-button');
    expect(textOf(alone)).toContain('No channel has a full-flash image');
    expect(textOf(alone)).toContain('write-flash @flash_args');
  });

  test('warns of a drill, a development key, a missing signature, and of what the manifest warns of', () => {
    const said = { code: 'DRILL', message: 'this release is a rollback drill' };
    const drill = textOf(
      boardPage(aPageInput(['stable', asDrill(aManifest({ warnings: [said] }))])),
    );
    expect(drill).toContain('rollback drill: firmware that is meant to fail');
    expect(drill).not.toContain(said.message);
    expect(drill).toContain('writes the second slot, for a board that runs from the first one');
    expect(drill).toContain('--trust release.pub.pem --drill ');
    const key = { digest: 'ab'.repeat(32), role: 'image', development: true } as const;
    const manifest = aManifest({
      signing: { scheme: 'rsa3072', keys: [key] },
      warnings: [{ code: 'DIRTY_SOURCES', message: 'compiled with <local> changes' }],
    });
    const development = textOf(boardPage(aPageInput(['stable', manifest])));
    expect(development).toContain('Signed with a development key');
    expect(development).toContain('--trust release.pub.pem --allow-development ');
    expect(development).toContain('compiled with &lt;local&gt; changes');
    const unsigned = boardPage(aPageInput(['stable', aManifest({ signing: null })]));
    expect(textOf(unsigned)).toContain('not signed: nothing proves who made it');
    expect(textOf(unsigned)).not.toContain('--trust');
  });

  test('shows a release once that two channels have', () => {
    const twice = boardPage({
      ...aPageInput(['stable', aManifest()]),
      channels: { stable: '1.2.3', beta: '1.2.3' },
    });
    expect(twice.match(/<article/g)).toHaveLength(1);
  });
});
