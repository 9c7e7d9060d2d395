import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CHIPS } from '../../../../builder/chip/registry.ts';
import { pageFiles } from '../../../../builder/publish/page/page-files.ts';
import { defaultChannel } from '../../../../builder/publish/page/page-input.ts';
import {
  ASSETS,
  ENTRY,
  readPageRelease,
  webAssets,
} from '../../../../builder/publish/page/web-assets.ts';
import type { WebToolsManifest } from '../../../../builder/publish/page/web-tools-manifest.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';
import {
  aManifest,
  aPageInput,
  asDrill,
  withoutBootloader,
  type Releases,
} from '../../../support/pages.ts';

const PACKAGES = join(import.meta.dirname, '../../../../node_modules');

const namesOf = (...releases: Releases): string[] =>
  pageFiles(aPageInput(...releases)).map(({ file }) => file);

function read(name: string, ...releases: Releases): unknown {
  const file = pageFiles(aPageInput(...releases)).find((each) => each.file === name);
  return JSON.parse(file?.bytes.toString('utf8') ?? 'null');
}

describe('the files of a page', () => {
  test('are a page, an ESP Web Tools manifest, and both JSON files for each channel', () => {
    expect(
      namesOf(['beta', aManifest({ version: '1.3.0-beta.1' })], ['stable', aManifest()]),
    ).toEqual([
      'index.html',
      'esp-web-tools.json',
      'stable.json',
      'esp-web-tools-stable.json',
      'beta.json',
      'esp-web-tools-beta.json',
    ]);
  });

  test('are a page alone before anything is published', () => {
    const nothing = { targetName: 'X', versions: [], channels: {}, releases: new Map() };
    const [page, ...others] = pageFiles(nothing);
    expect(page?.bytes.toString()).toContain('Nothing has been published yet');
    expect(others).toEqual([]);
  });

  test('are the same bytes for the same input', () => {
    const make = () => pageFiles(aPageInput(['stable', aManifest()]));
    expect(make()).toEqual(make());
  });

  test.each(['index', 'esp-web-tools', 'esp-web-tools-stable'])(
    'never take the place of another: a channel %s is refused',
    (channel) => {
      expect(() => namesOf([channel, aManifest()])).toThrow(
        `'${channel}' cannot be the name of a channel`,
      );
    },
  );

  test('lead with stable, else with the channel of the newest version', () => {
    const newest = aManifest({ version: '2.0.0-beta.1' });
    expect(defaultChannel(aPageInput(['beta', newest], ['stable', aManifest()]))).toBe('stable');
    expect(defaultChannel(aPageInput(['beta', newest], ['alpha', aManifest()]))).toBe('beta');
  });

  test('are refused when a release was not handed over', () => {
    const input = { ...aPageInput(['stable', aManifest()]), releases: new Map() };
    expect(() => pageFiles(input)).toThrow('was not handed over');
  });
});

describe('the ESP Web Tools manifest', () => {
  const builds = (...releases: Releases) =>
    (read('esp-web-tools.json', ...releases) as WebToolsManifest).builds;

  test('has the full-flash image at its offset, and the app for ESPHome', () => {
    expect(read('esp-web-tools.json', ['stable', aManifest()])).toEqual({
      name: 'ESP32_GENERIC',
      version: '1.2.3',
      new_install_prompt_erase: true,
      new_install_improv_wait_time: 0,
      builds: [
        {
          chipFamily: 'ESP32',
          parts: [{ path: '1.2.3/ESP32_GENERIC-1.2.3.bin', offset: 0x1000 }],
          ota: {
            path: '1.2.3/ESP32_GENERIC-1.2.3.app-bin',
            md5: '0123456789abcdef0123456789abcdef',
            summary: 'MicroPython v1.28.0, signed (rsa3072), secure_version 2',
          },
        },
      ],
    });
  });

  test('offers nothing to install by cable without a bootloader: the chip may be erased first', () => {
    const [build] = builds(['stable', withoutBootloader(aManifest())]);
    expect(build).not.toHaveProperty('parts');
    expect(build?.ota?.path).toBe('1.2.3/ESP32_GENERIC-1.2.3.app-bin');
  });

  test('offers no drill', () => {
    expect(builds(['stable', asDrill(aManifest())])).toEqual([]);
  });

  test('has no ota block where ESPHome would take the path for an address', () => {
    const [build] = builds(['stable', aManifest({ version: '1.2.3+http' })]);
    expect(build).not.toHaveProperty('ota');
    expect(build?.parts?.[0]?.path).toBe('1.2.3+http/ESP32_GENERIC-1.2.3+http.bin');
  });

  test('names every chip as esp-web-tools does', () => {
    const types = readFileSync(join(PACKAGES, 'esp-web-tools/dist/const.d.ts'), 'utf8');
    for (const chip of CHIPS) {
      const [build] = builds(['stable', aManifest({ chip: chip.name })]);
      expect(types).toContain(`"${build?.chipFamily ?? '?'}"`);
    }
  });
});

test('<channel>.json says where the app is, its SHA-256 and its length', () => {
  const manifest = aManifest();
  const app = manifest.artifacts.find(({ role }) => role === 'app');
  expect(read('stable.json', ['stable', manifest])).toEqual({
    firmware: '1.2.3/ESP32_GENERIC-1.2.3.app-bin',
    sha: app?.sha256,
    length: app?.size,
  });
});

describe('a release directory', () => {
  test('gives its manifest and the MD5 of its app', async () => {
    const directory = await tempDirectory();
    const manifest = aManifest();
    await writeFile(join(directory, 'manifest.json'), JSON.stringify(manifest));
    await writeFile(join(directory, 'ESP32_GENERIC-1.2.3.app-bin'), 'abc');
    // RFC 1321, A.5.
    expect(await readPageRelease(directory)).toEqual({
      manifest,
      appMd5: '900150983cd24fb0d6963f7d28e17f72',
    });
  });

  test.each(['{}', '{', JSON.stringify({ ...aManifest(), artifacts: [] })])(
    'is refused with %j for a manifest',
    async (text) => {
      const directory = await tempDirectory();
      await writeFile(join(directory, 'manifest.json'), text);
      await expect(readPageRelease(directory)).rejects.toThrow('is not the manifest of a release');
    },
  );
});

describe('the scripts of a page', () => {
  test('lie in a folder that is named after the esp-web-tools in them', () => {
    const { version } = JSON.parse(
      readFileSync(join(PACKAGES, 'esp-web-tools/package.json'), 'utf8'),
    ) as { version: string };
    expect(ASSETS).toBe(`assets/esp-web-tools-${version}`);
  });

  test('are whole: what one loads is there, and nothing is loaded from elsewhere', async () => {
    const files = await webAssets();
    const names = files.map(({ file }) => file);
    expect(names).toContain(`${ASSETS}/${ENTRY}`);
    expect(names).toContain(`${ASSETS}/THIRD-PARTY-NOTICES.txt`);
    const scripts = files.filter(({ file }) => file.endsWith('.js'));
    const loaded = scripts.flatMap(({ bytes }) =>
      [...bytes.toString().matchAll(/(?:\bfrom|\bimport\(?)\s*["'`]([^"'`]+)["'`]/g)].map(
        ([, name = '']) => name,
      ),
    );
    expect(loaded.length).toBeGreaterThan(10);
    for (const name of loaded) expect(names).toContain(`${ASSETS}/${name.replace(/^\.\//, '')}`);
  });
});
