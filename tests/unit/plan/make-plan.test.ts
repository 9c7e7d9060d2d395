import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  FormatError,
  LayoutError,
  ProfileError,
  SigningError,
  ToolchainError,
  UsageError,
} from '../../../builder/errors/families.ts';
import { versionInFirmware } from '../../../builder/compile/version-in-firmware.ts';
import { esp32 } from '../../../builder/chip/esp32.ts';
import { makePlan, type PlanRequest } from '../../../builder/plan/make-plan.ts';
import { planSchema } from '../../../builder/plan/plan.ts';
import { makeApp } from '../../support/firmware.ts';
import { OTA_TABLE } from '../../support/plans.ts';
import { tempProject } from '../../support/temp-directory.ts';
import { thrownBy } from '../../support/thrown.ts';

const APP = makeApp({ chip: esp32 });
const PROFILE = `schema: 1
board: MINE
chip: esp32
projectName: thermostat
version: 0.9.0
secureVersion: 3
flash: { size: 8MB }
partitions: { layout: mine }
signing: { scheme: rsa3072, bootloader: true, keys: [keys/a.pem] }
`;
const CSV = `# mine
nvs,data,nvs,0x9000,0x4000
otadata,data,ota,,0x2000
ota_0,app,ota_0,,1M
ota_1,app,ota_1,,1M
`;

type Files = Readonly<Record<string, string | Buffer>>;

type Changes = Partial<PlanRequest> & {
  readonly environment?: Readonly<Record<string, string>>;
};

/** Plans for a project with these files; the firmware is app.bin. */
async function plan(
  { environment = { SOURCE_DATE_EPOCH: '1717311095' }, ...changes }: Changes = {},
  files: Files = {},
) {
  const projectDirectory = await tempProject({ 'app.bin': APP, ...files });
  return makePlan(
    {
      projectDirectory,
      host: { environment, signal: new AbortController().signal, note: () => undefined },
      board: 'ESP32_GENERIC',
      variant: undefined,
      profile: undefined,
      firmware: 'app.bin',
      micropython: undefined,
      toolchain: 'auto',
      layout: undefined,
      flashSize: undefined,
      appVersion: '1.2.3',
      projectName: undefined,
      secureVersion: undefined,
      sign: false,
      signLater: false,
      container: undefined,
      idfVersion: undefined,
      scheme: undefined,
      keys: [],
      ...changes,
    },
    versionInFirmware,
  );
}

const MINE: Files = { 'profiles/MINE.yaml': PROFILE, 'firmware/partitions/mine.csv': CSV };

describe('a plan', () => {
  test('resolves what the package says of a board', async () => {
    const made = await plan();
    expect(made).toMatchObject({
      schema: 1,
      board: 'ESP32_GENERIC',
      chip: 'esp32',
      version: '1.2.3',
      projectName: 'micropython',
      secureVersion: 0,
      createdAt: '2024-06-02T06:51:35Z',
      source: {
        kind: 'prebuilt',
        file: 'app.bin',
        size: APP.length,
        sha256: createHash('sha256').update(APP).digest('hex'),
      },
      flash: { size: '4MB' },
      partitionTableOffset: 0x8000,
      signing: null,
      stem: 'ESP32_GENERIC-1.2.3',
    });
    expect(made.layout.name).toBe('ota-4MiB');
    expect(made.layout.partitions.map(({ line: _line, ...row }) => row)).toEqual(OTA_TABLE);
    expect(made).not.toHaveProperty('variant');
  });

  test('is JSON of its own schema, and comes back from it', async () => {
    const made = await plan({ sign: true, variant: 'OTA' });
    expect(planSchema.parse(JSON.parse(JSON.stringify(made)))).toEqual(made);
  });

  test('cannot be changed any more', async () => {
    const made = await plan({ sign: true });
    for (const part of [
      made,
      made.layout,
      made.layout.partitions,
      made.layout.partitions[0],
      made.signing,
      made.signing?.keys,
    ])
      expect(Object.isFrozen(part)).toBe(true);
  });

  test('is the same for the same inputs', async () => {
    expect(await plan()).toEqual(await plan());
  });

  test('writes nothing', async () => {
    const root = await tempProject({ 'app.bin': APP });
    await plan({ projectDirectory: root, sign: true });
    expect(await readdir(root)).toEqual(['app.bin']);
  });

  test('has what the profile of the project says', async () => {
    const made = await plan({ board: 'MINE', appVersion: undefined, sign: true }, MINE);
    expect(made).toMatchObject({
      board: 'MINE',
      version: '0.9.0',
      projectName: 'thermostat',
      secureVersion: 3,
      flash: { size: '8MB' },
      signing: { scheme: 'rsa3072', bootloader: true, keys: ['keys/a.pem'] },
      stem: 'MINE-0.9.0',
    });
    expect(made.layout).toMatchObject({
      name: 'mine',
      file: join('firmware', 'partitions', 'mine.csv'),
      sha256: createHash('sha256').update(CSV).digest('hex'),
    });
    expect(made.layout.partitions.map(({ name, offset, line }) => [name, offset, line])).toEqual([
      ['nvs', 0x9000, 2],
      ['otadata', 0xd000, 3],
      ['ota_0', 0x10000, 4],
      ['ota_1', 0x110000, 5],
    ]);
  });

  test('has what the command line says instead', async () => {
    const flags = {
      board: 'MINE',
      variant: 'LAB',
      appVersion: '2.0.0',
      projectName: 'other',
      secureVersion: 7,
      flashSize: '16MB',
      layout: 'ota-16MiB',
      sign: true,
      keys: ['env:A'],
    };
    expect(await plan(flags, MINE)).toMatchObject({
      variant: 'LAB',
      version: '2.0.0',
      projectName: 'other',
      secureVersion: 7,
      flash: { size: '16MB' },
      layout: { name: 'ota-16MiB' },
      signing: { keys: ['env:A'] },
      stem: 'MINE-LAB-2.0.0',
    });
  });

  test('finds profile and firmware from the project, wherever they lie', async () => {
    const made = await plan({ board: undefined, profile: 'profiles/MINE.yaml' }, MINE);
    expect(made.board).toBe('MINE');
    const elsewhere = await tempProject({ 'f.bin': APP });
    const path = join(elsewhere, 'f.bin');
    expect((await plan({ firmware: path })).source).toMatchObject({ file: path });
  });

  test('takes a layout from a CSV file of any name', async () => {
    const { layout } = await plan({ layout: 'tables/my.csv' }, { 'tables/my.csv': CSV });
    expect(layout).toMatchObject({ name: 'my', file: join('tables', 'my.csv') });
  });

  test("takes a layout of the project before the package's of the same name", async () => {
    const { layout } = await plan({}, { 'firmware/partitions/ota-4MiB.csv': CSV });
    expect(layout.partitions).toHaveLength(4);
  });
});

describe('the version of a plan comes from', () => {
  test('git, where neither flags nor profile name one', async () => {
    const root = await tempProject({ 'app.bin': APP });
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=T', '-c', 'user.email=t@example.com', ...args], {
        cwd: root,
        stdio: 'pipe',
        env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null' },
      });
    git('init');
    git('commit', '--allow-empty', '-m', 'first');
    git('tag', 'v4.5.6');
    const made = await plan({ projectDirectory: root, appVersion: undefined });
    expect(made.version).toBe('4.5.6');
  });

  test('the firmware, where git has none either', async () => {
    expect((await plan({ appVersion: undefined })).version).toBe('1.23.0');
  });

  test('nowhere, which is an error', async () => {
    const files = { 'app.bin': makeApp({ chip: esp32, version: 'none' }) };
    const error = await thrownBy(ProfileError, () => plan({ appVersion: undefined }, files));
    expect(error.code).toBe('VERSION_INVALID');
    expect(error.hint).toContain('--app-version');
  });
});

describe('a plan is refused', () => {
  test('without firmware, where there is nothing to compile it with', async () => {
    const error = await thrownBy(ToolchainError, () =>
      plan({ firmware: undefined, environment: { PATH: '/nonexistent' } }),
    );
    expect(error.code).toBe('IDF_MISSING');
    expect(error.exit).toBe(4);
    expect(error.hint).toContain('--firmware');
  });

  test('with firmware that is not there', async () => {
    const error = await thrownBy(UsageError, () => plan({ firmware: 'none.bin' }));
    expect(error.code).toBe('INPUT_MISSING');
  });

  test('with a web page for firmware, where a version is looked for in it', async () => {
    const files = { 'app.bin': '<!doctype html>v1.2.3' };
    const error = await thrownBy(FormatError, () => plan({ appVersion: undefined }, files));
    expect(error.code).toBe('NOT_FIRMWARE');
  });

  test('with a version or secure_version that cannot be', async () => {
    expect((await thrownBy(ProfileError, () => plan({ appVersion: 'a/b' }))).code).toBe(
      'VERSION_INVALID',
    );
    expect((await thrownBy(ProfileError, () => plan({ secureVersion: 33 }))).code).toBe(
      'SECURE_VERSION_RANGE',
    );
  });

  test('with a layout that nobody has; those that there are get named', async () => {
    const error = await thrownBy(LayoutError, () => plan({ layout: 'ota-5MiB' }));
    expect(error.code).toBe('LAYOUT_UNKNOWN');
    expect(error.hint).toContain('ota-16MiB, ota-4MiB, ota-8MiB');
  });

  test.each(['../firmware/partitions/ota-4MiB', 'a b', ''])(
    'with a layout whose name is a path: %j',
    async (layout) => {
      const error = await thrownBy(LayoutError, () => plan({ layout }));
      expect(error.code).toBe('LAYOUT_UNKNOWN');
    },
  );

  test('with a layout file that is missing', async () => {
    expect((await thrownBy(UsageError, () => plan({ layout: 'no.csv' }))).code).toBe(
      'INPUT_MISSING',
    );
  });

  test.each([
    ['that is not CSV', 'nvs,data,nvs,0x9000,4QB\n', 'PARTITION_CSV', 'my.csv:1: '],
    ['whose rows overlap', `${CSV}more,data,fat,0x20000,4K\n`, 'PARTITION_OVERLAP', 'my.csv:6: '],
    ['that is empty', '# nothing\n', 'PARTITION_CSV', 'my.csv:1: '],
  ])('with a layout %s', async (_, text, code, words) => {
    const error = await thrownBy(LayoutError, () => plan({ layout: 'my.csv' }, { 'my.csv': text }));
    expect(error.code).toBe(code);
    expect(error.exit).toBe(7);
    expect(error.message).toContain(words);
    expect(error.where?.file).toBe('my.csv');
  });
});

describe('signing in a plan', () => {
  test("is with the chip's first scheme and the development key, where nothing else is said", async () => {
    const text = PROFILE.replace(/^signing.*\n/m, '');
    const made = await plan({ board: 'MINE', sign: true }, { ...MINE, 'profiles/MINE.yaml': text });
    expect(made.signing).toEqual({ scheme: 'rsa3072', bootloader: false, keys: ['dev'] });
  });

  test.each(['true', '1', 'yes'])('needs a named key with CI=%s', async (ci) => {
    const environment = { CI: ci };
    const error = await thrownBy(SigningError, () => plan({ sign: true, environment }));
    expect(error.code).toBe('KEY_MISSING');
    expect(error.exit).toBe(8);
    expect((await plan({ sign: true, environment, keys: ['dev'] })).signing?.keys).toEqual(['dev']);
    expect((await plan({ environment })).signing).toBeNull();
  });

  test.each(['', '0', 'false'])('needs none with CI=%j', async (ci) => {
    expect((await plan({ sign: true, environment: { CI: ci } })).signing?.keys).toEqual(['dev']);
  });

  test('takes a scheme of the command line that the chip can verify, and no other', async () => {
    const c6 = { board: 'ESP32_GENERIC_C6', sign: true } as const;
    expect((await plan({ ...c6, scheme: 'ecdsa256' })).signing?.scheme).toBe('ecdsa256');
    const error = await thrownBy(SigningError, () => plan({ sign: true, scheme: 'ecdsa256' }));
    expect(error.code).toBe('SCHEME_UNSUPPORTED');
    expect(error.message).toBe('--scheme: ESP32 cannot verify ecdsa256; it takes rsa3072');
  });

  test("names the profile's file where that has the scheme that the chip cannot verify", async () => {
    const text = PROFILE.replace('rsa3072', 'ecdsa384');
    const error = await thrownBy(SigningError, () =>
      plan({ board: 'MINE', sign: true }, { ...MINE, 'profiles/MINE.yaml': text }),
    );
    expect(error.message).toContain(`${join('profiles', 'MINE.yaml')}: signing.scheme: `);
  });

  test('has as many keys as the chip looks at, and no more', async () => {
    const s3 = { board: 'ESP32_GENERIC_S3', sign: true } as const;
    const keys = ['a.pem', 'b.pem', 'c.pem'];
    expect((await plan({ ...s3, keys })).signing?.keys).toEqual(keys);
    expect(
      (await thrownBy(SigningError, () => plan({ ...s3, keys: [...keys, 'd.pem'] }))).code,
    ).toBe('KEY_COUNT');
    const error = await thrownBy(SigningError, () =>
      plan({ sign: true, keys: ['a.pem', 'b.pem'] }),
    );
    expect(error.message).toContain('2 keys were given; ESP32 looks at 1');
  });

  test('holds references, never keys', async () => {
    const made = await plan({ sign: true, keys: ['env:KEY'], environment: { KEY: 'secret' } });
    expect(JSON.stringify(made)).not.toContain('secret');
  });
});

test('the layouts of the package fit the flash that they are named after', async () => {
  for (const [layout, end] of [
    ['ota-4MiB', 0x400000],
    ['ota-8MiB', 0x800000],
    ['ota-16MiB', 0x1000000],
  ] as const) {
    const { partitions } = (await plan({ layout })).layout;
    expect(Math.max(...partitions.map(({ offset, size }) => offset + size))).toBe(end);
    const slots = partitions.filter(({ type }) => type === 0);
    expect(slots).toHaveLength(2);
    for (const { size } of slots) expect(size).toBeGreaterThanOrEqual(0x1a1000);
  }
});
