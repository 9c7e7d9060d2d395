import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { esp32 } from '../../builder/chip/esp32.ts';
import { manifestSchema } from '../../builder/manifest/manifest.ts';
import { pageFiles } from '../../builder/publish/page/page-files.ts';
import { aPageInput } from '../support/pages.ts';
import { fileOf, aRelease, manifestOf, stemOf, type Files } from '../support/release.ts';
import { aPrivateKey } from '../support/signature-blocks.ts';
import { startPython, VERSIONS } from './interpreter.ts';

const BOARD = 'ESP32_GENERIC';
const PACKAGE = join(import.meta.dirname, '../../firmware/modules/ota');
const [{ load }] = VERSIONS;

/** Installs the release in the root of the device's file system onto a device that runs version `running`. */
const install = (running: string) => `
import bench, chip, ota.update
old = chip.image(9 * 1024, version="${running}")
device = bench.new_device(old, slot_size=0x20000)
ota.update.from_json("/manifest.json", reboot=False, verbose=False, board="${BOARD}")
bench.reset()
with open("/${stemOf(BOARD)}.app-bin", "rb") as f:
    assert device.runs(f.read()), "another image runs"
assert ota.rollback.pending()
ota.confirm()
`;

/** Installs from a web server that has the published tree: stable.json, and the app where that says it is. */
const installFrom = (path: string) => `
import bench, chip, internet, ota.update
device = bench.new_device(chip.image(9 * 1024, version="1.2.2"), slot_size=0x20000)
server = internet.Server()
server.files["${path}"] = open("/stable.json", "rb").read()
server.files["/board/1.2.3/${stemOf(BOARD)}.app-bin"] = open("/app.bin", "rb").read()
ota.update.from_json("http://nas${path}", reboot=False, verbose=False)
bench.reset()
with open("/app.bin", "rb") as f:
    assert device.runs(f.read()), "another image runs"
`;

describe('the package ota and the builder', () => {
  let release: Files;

  beforeAll(async () => {
    release = await aRelease({
      board: BOARD,
      chip: esp32,
      keys: [aPrivateKey('rsa3072')],
    });
  });

  test('agree on what a release is: a device installs what ota-build made', async () => {
    const { run, write } = await startPython({ load, extended: true });
    for (const name of ['manifest.json', `${stemOf(BOARD)}.app-bin`]) {
      write(name, fileOf(release, name));
    }
    expect(run(install('1.2.2')).traceback).toBe('');
    expect(run(install('1.2.3')).traceback).toContain('version 1.2.3 runs already');
  });

  test('agree on what version an image has', async () => {
    const { run, write } = await startPython({ load, extended: false });
    write('x.app-bin', fileOf(release, `${stemOf(BOARD)}.app-bin`));
    const { printed, traceback } = run(
      "from ota import image\nprint(image.describe(open('/x.app-bin', 'rb').read()))",
    );
    expect(traceback).toBe('');
    const { secureVersion, version, projectName } = manifestOf(release);
    expect(printed).toBe(`(0, ${secureVersion}, '${version}', '${projectName}')`);
  });

  test('agree on <channel>.json of a published tree: a device installs the app that it points to', async () => {
    const { run, write } = await startPython({ load, extended: true });
    const manifest = manifestOf(release);
    const files = pageFiles(aPageInput(['stable', manifest]));
    const json = files.find(({ file }) => file === 'stable.json');
    const app = fileOf(release, `${stemOf(BOARD)}.app-bin`);
    write('stable.json', json?.bytes ?? Buffer.alloc(0));
    write('app.bin', app);
    expect(run(installFrom('/board/stable.json')).traceback).toBe('');
    write('app.bin', app.subarray(0, -1));
    expect(run(installFrom('/board/stable.json')).traceback).toContain('IntegrityError');
  });

  test('agree on the form of a manifest: the ones of the cases are valid', async () => {
    const { run } = await startPython({ load, extended: false });
    for (const call of ['manifest()', "manifest(variant='OTA')"]) {
      const { printed } = run(
        `import json, release_cases\nprint(json.dumps(release_cases.${call}))`,
      );
      expect(manifestSchema.safeParse(JSON.parse(printed)).error).toBeUndefined();
    }
  });

  test('mip installs every file of the package', () => {
    const { urls } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as {
      readonly urls: readonly (readonly [string, string])[];
    };
    const files = readdirSync(PACKAGE).filter((name) => name.endsWith('.py'));
    expect(urls.map(([, from]) => from).sort()).toEqual(files.sort());
    for (const [to, from] of urls) expect(to).toBe(`ota/${from}`);
  });
});
