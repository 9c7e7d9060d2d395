import { appendFile, cp, readdir } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Manifest } from '../../builder/manifest/manifest.ts';
import type { Plan } from '../../builder/plan/plan.ts';
import type { CliResult, Workspace } from '../support/cli.ts';
import { cmakeMissing, makeSourceProject, NEEDS_CMAKE } from '../support/fake-idf.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';
import { createSigningWorkspace } from '../support/signed-builds.ts';

const BOARD = 'ESP32_GENERIC_S3';
const STEM = `${BOARD}-1.2.3`;
const EPOCH = { environment: { SOURCE_DATE_EPOCH: '1717311095' } };
const KEY = ['--key', 'rsa3072-first.pem'];

const BUILD = ['--board', BOARD, '--firmware', `${BOARD}.bin`, '--app-version', '1.2.3'];

let work: Workspace;

const run = (...args: readonly string[]): Promise<CliResult> => work.runHere(args, EPOCH);

async function ok(...args: readonly string[]): Promise<CliResult> {
  const result = await run(...args);
  expect(result.code, result.stderr).toBe(0);
  return result;
}

const manifestIn = async (folder: string, stem = STEM): Promise<Manifest> =>
  JSON.parse((await work.read(folder, stem, 'manifest.json')).toString()) as Manifest;

beforeAll(async () => {
  work = await createSigningWorkspace([BOARD, 'ESP32_GENERIC_C5'], ['rsa3072', 'ecdsa256']);
  await ok(...BUILD, '--sign-later', '--out', 'ready');
  await ok(...BUILD, '--out', 'plain');
  await ok(...BUILD, ...KEY, '--out', 'direct');
  await ok('sign', `ready/${STEM}`, ...KEY, '--out', 'signed');
});

describe('a build that is signed later', () => {
  test('holds, says that it waits for a signature, and names no key', async () => {
    const { stdout, code } = await run('verify', `ready/${STEM}`);
    expect(code).toBe(0);
    expect(stdout).toContain('not signed yet: `ota-build sign DIRECTORY`');
    const manifest = await manifestIn('ready');
    expect(manifest).toMatchObject({
      signing: null,
      awaitsSignature: { scheme: 'rsa3072', bootloader: false },
    });
    expect(await readdir(work.path('ready', STEM))).not.toContain('manifest.json.sig');
  });

  test('says how it is signed', async () => {
    const { stdout } = await ok(...BUILD, '--sign-later', '--out', 'told');
    const place = `told/${STEM}`;
    expect(stdout).toContain(`with rsa3072:  ota-build sign ${place} --key KEY --out DIRECTORY\n`);
  });

  test('needs no key, in CI either', async () => {
    const args = ['plan', '--board', BOARD, '--firmware', `${BOARD}.bin`, '--sign-later', '--json'];
    const { code, stdout } = await work.runHere(args, { environment: { CI: 'true' } });
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as Plan).signing).toEqual({
      scheme: 'rsa3072',
      bootloader: false,
      keys: [],
    });
  });

  test.each(['--sign', '--key=dev'])('is not signed now: %s is refused', async (flag) => {
    const args = ['plan', '--board', BOARD, '--sign-later', flag];
    const { code, stderr } = await work.runHere(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(/cannot be used with option/);
  });
});

describe('sign, with a release directory', () => {
  test('makes the release that signing at once would have made, but for the signatures themselves', async () => {
    const [signed, direct] = [await manifestIn('signed'), await manifestIn('direct')];
    const shape = ({ artifacts, ...facts }: Manifest) => ({
      ...facts,
      artifacts: artifacts.map(({ role, sha256, ...artifact }) =>
        // RSA-PSS signatures are random, and the bill of materials has the digest of what they are in.
        ['app', 'firmware', 'sbom'].includes(role)
          ? { role, ...artifact }
          : { role, ...artifact, sha256 },
      ),
    });
    expect(shape(signed)).toEqual(shape(direct));
    expect(await readdir(work.path('signed', STEM))).toEqual(
      await readdir(work.path('direct', STEM)),
    );
    const partsIn = async (directory: string): Promise<unknown> => {
      const { components, dependencies } = JSON.parse(
        (await work.read(directory, STEM, `${STEM}.cdx.json`)).toString(),
      ) as { components: readonly object[]; dependencies: readonly object[] };
      expect(components.length).toBeGreaterThan(0);
      return { components, dependencies };
    };
    expect(await partsIn('signed')).toEqual(await partsIn('direct'));
    const verified = await run('verify', `signed/${STEM}`, '--trust', 'rsa3072-first.pub.pem');
    expect(verified.code, verified.stdout).toBe(0);
  });

  test('changes no byte of an app that was made ready: the signature goes behind it', async () => {
    const ready = await work.read('ready', STEM, `${STEM}.app-bin`);
    const signed = await work.read('signed', STEM, `${STEM}.app-bin`);
    expect(signed.length).toBe(ready.length + 0x1000);
    expect(signed.subarray(0, ready.length).equals(ready)).toBe(true);
  });

  test('leaves the release that it was made of as it was, and keeps every fact of it', async () => {
    const [ready, signed] = [await manifestIn('ready'), await manifestIn('signed')];
    expect((await run('verify', `ready/${STEM}`)).code).toBe(0);
    for (const key of ['source', 'createdAt', 'partitions', 'flash', 'projectName'] as const)
      expect(signed[key]).toEqual(ready[key]);
    expect(signed.awaitsSignature).toBeUndefined();
    expect(signed.warnings.map(({ code }) => code)).not.toContain('AWAITS_SIGNATURE');
  });

  test('signs a release that nobody meant to sign, and one by two keys', async () => {
    const keys = [...KEY, '--key', 'rsa3072-second.pem'];
    await ok('sign', `plain/${STEM}`, ...keys, '--out', 'both');
    expect((await manifestIn('both')).signing?.keys).toHaveLength(2);
    for (const name of ['first', 'second']) {
      const trust = `rsa3072-${name}.pub.pem`;
      expect((await run('verify', `both/${STEM}`, '--trust', trust)).code).toBe(0);
    }
  });

  test('signs anew with --replace, in place when asked', async () => {
    await cp(work.path('signed'), work.path('anew'), { recursive: true });
    const args = ['sign', `anew/${STEM}`, '--key', 'rsa3072-second.pem', '--in-place'];
    expect((await run(...args)).stderr).toMatch(/is signed already\n.*--replace/s);
    await ok(...args, '--replace');
    expect((await run('verify', `anew/${STEM}`, '--trust', 'rsa3072-second.pub.pem')).code).toBe(0);
    expect((await run('verify', `anew/${STEM}`, '--trust', 'rsa3072-first.pub.pem')).code).toBe(9);
    expect(await readdir(work.path('anew'))).toEqual([STEM]);
  });

  test('signs a drill, which goes into the second slot', async () => {
    const drill = ['--board', BOARD, '--firmware', 'drill', '--app-version', '0.0.1'];
    await ok(...drill, '--sign-later', '--out', 'drill');
    await ok('sign', `drill/${BOARD}-0.0.1`, ...KEY, '--out', 'drill-signed');
    const { artifacts } = await manifestIn('drill-signed', `${BOARD}-0.0.1`);
    expect(artifacts.find(({ role }) => role === 'app')?.offset).toBe(0x1d0000);
  });

  test('is JSON with --json: one object, as a build gives it', async () => {
    const { stdout } = await ok('sign', `ready/${STEM}`, ...KEY, '--out', 'json', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, directory: `json/${STEM}` });
  });
});

describe('sign refuses a release directory', () => {
  const refused = (args: readonly string[], code: number, says: RegExp): Promise<CliResult> =>
    expectRefusal(work, ['sign', ...args], { code, says }, { here: true });

  test('that is damaged, in whatever file', async () => {
    for (const file of [`${STEM}.app-bin`, `${STEM}.zip`, 'flash_args', 'SHA256SUMS']) {
      const folder = `damaged-${file}`;
      await cp(work.path('ready'), work.path(folder), { recursive: true });
      await appendFile(work.path(folder, STEM, file), 'x');
      await refused(
        [`${folder}/${STEM}`, ...KEY, '--out', 'never'],
        9,
        /does not hold, and was not signed/,
      );
    }
  });

  test('that is none', async () => {
    await refused(['ready', ...KEY, '--out', 'never'], 2, /manifest\.json does not exist/);
  });

  test('whose manifest is none', async () => {
    await work.write('odd/manifest.json', '{"schema":1}');
    await refused(['odd', ...KEY, '--out', 'never'], 11, /is not the manifest of a release/);
    await work.write('odd/manifest.json', 'no');
    await refused(['odd', ...KEY, '--out', 'never'], 11, /is not JSON/);
    const leadingOut = { ...(await manifestIn('ready')), version: '/../../elsewhere' };
    await work.write('odd/manifest.json', JSON.stringify(leadingOut));
    await refused(['odd', ...KEY, '--out', 'never'], 11, /version: .*must match/);
  });

  test.each([
    ['without a key', ['--out', 'never'], 2, /no key was named/],
    ['without a place to write to', KEY, 2, /where to write was not named/],
    ['with options for files', [...KEY, '--out', 'never', '--append'], 2, /--append is for files/],
    ['with Secure Boot V1', [...KEY, '--out', 'n', '--scheme', 'v1'], 2, /Secure Boot V2/],
    [
      'with a key of another scheme than it was made for',
      ['--key', 'ecdsa256-first.pem', '--out', 'never', '--scheme', 'ecdsa256'],
      8,
      /was made to be signed with rsa3072, not with ecdsa256/,
    ],
    ['over a release that is there', [...KEY, '--out', 'plain'], 2, /exists already and was kept/],
  ])('%s', async (_, args, code, says) => {
    await refused([`ready/${STEM}`, ...args], code, says);
  });

  test('in place when it has another name than its release', async () => {
    await cp(work.path('ready', STEM), work.path('renamed'), { recursive: true });
    await refused(['renamed', ...KEY, '--in-place'], 2, /is not called ESP32_GENERIC_S3-1\.2\.3/);
    await ok('sign', 'renamed', ...KEY, '--out', 'named-again');
    expect(await readdir(work.path('named-again'))).toEqual([STEM]);
  });

  test('with more keys than the chip looks at', async () => {
    const build = ['--board', 'ESP32_GENERIC_C2', '--firmware', 'drill', '--app-version', '1.0.0'];
    await ok(...build, '--sign-later', '--out', 'c2');
    const keys = ['--key', 'ecdsa256-first.pem', '--key', 'ecdsa256-second.pem'];
    await refused(
      ['c2/ESP32_GENERIC_C2-1.0.0', ...keys, '--out', 'never'],
      8,
      /2 keys were given; ESP32-C2 looks at 1/,
    );
  });

  test('--force with a file', async () => {
    await refused([`${BOARD}.bin`, ...KEY, '--in-place', '--force'], 2, /--force is for release/);
  });
});

describe.skipIf(cmakeMissing())(`a build from source that is signed later (${NEEDS_CMAKE})`, () => {
  test('is compiled to check signatures, and its ELF, map and sdkconfig go along', async () => {
    const { workspace, environment } = await makeSourceProject();
    for (const name of ['rsa3072-first.pem', 'rsa3072-first.pub.pem'])
      await workspace.write(name, await work.read(name), 0o600);
    const stem = 'UM_TINYS3-1.2.3';
    const sources = ['--board', 'UM_TINYS3', '--micropython', 'micropython'];
    const build = [...sources, '--app-version', '1.2.3', '--sign-later'];
    const built = await workspace.runHere([...build, '--out', 'ready'], { environment });
    expect(built.code, built.stderr).toBe(0);
    const sdkconfig = (await workspace.read('ready', stem, 'sdkconfig')).toString();
    expect(sdkconfig).toMatch(/^CONFIG_SECURE_SIGNED_ON_UPDATE_NO_SECURE_BOOT=y$/m);
    const args = ['sign', `ready/${stem}`, '--key', 'rsa3072-first.pem', '--out', 'signed'];
    const signed = await workspace.runHere(args, { environment });
    expect(signed.code, signed.stderr).toBe(0);
    for (const file of [`${stem}.elf`, `${stem}.map`, 'sdkconfig']) {
      const before = await workspace.read('ready', stem, file);
      expect((await workspace.read('signed', stem, file)).equals(before)).toBe(true);
    }
    const verify = ['verify', `signed/${stem}`, '--trust', 'rsa3072-first.pub.pem'];
    const verified = await workspace.runHere(verify);
    expect(verified.code, verified.stdout).toBe(0);
    const manifest = JSON.parse(
      (await workspace.read('signed', stem, 'manifest.json')).toString(),
    ) as Manifest;
    expect(manifest.source).toMatchObject({ kind: 'micropython', verification: 'on-update' });
  });
});
