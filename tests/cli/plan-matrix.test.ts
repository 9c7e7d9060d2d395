import { beforeAll, describe, expect, test } from 'vitest';
import type { MatrixEntry } from '../../builder/plan/matrix.ts';
import { BOARDS } from '../support/boards.ts';
import { createWorkspace, type CliResult, type Workspace } from '../support/cli.ts';
import { expectRefusal } from '../support/leaves-nothing.ts';

const MATRIX = ['plan', '--matrix', '--app-version', '1.2.3'];
const PINNED = `espressif/idf@sha256:${'a'.repeat(64)}`;

const profile = (board: string, more = ''): string =>
  `schema: 1\nboard: ${board}\nchip: esp32s3\nsecureVersion: 2\nflash: { size: 4MB }\npartitions: { layout: ota-4MiB }\n${more}`;

let empty: Workspace;
let own: Workspace;

beforeAll(async () => {
  empty = await createWorkspace();
  own = await createWorkspace();
  await own.write('profiles/LAMP_B.yaml', profile('LAMP_B', 'version: 4.5.6\n'));
  await own.write('profiles/LAMP_A.yaml', profile('LAMP_A'));
  await own.write('profiles/DOOR.yaml', profile('DOOR', `espIdf: { container: '${PINNED}' }\n`));
});

async function entries(
  work: Workspace,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<readonly MatrixEntry[]> {
  const { code, stdout, stderr } = await work.runHere(args, { environment });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^\{"include":\[.*\]\}\n$/);
  return (JSON.parse(stdout) as { include: MatrixEntry[] }).include;
}

const refuse = (
  work: Workspace,
  args: readonly string[],
  code: number,
  says: RegExp,
): Promise<CliResult> => expectRefusal(work, args, { code, says }, { here: true });

describe('plan --matrix', () => {
  test('has every profile of the package where the project has none, in one order', async () => {
    const include = await entries(empty, MATRIX);
    expect(include.map(({ board }) => board)).toEqual(BOARDS.map(({ board }) => board));
    for (const { board, chip } of BOARDS)
      expect(include.find((entry) => entry.board === board)?.chip).toBe(chip.name);
  });

  test('has every profile of the project where it has some, and everything that a job needs', async () => {
    const [door, a, b, ...others] = await entries(own, [...MATRIX, '--sign-later']);
    expect(others).toEqual([]);
    expect(door).toEqual({
      board: 'DOOR',
      variant: '',
      chip: 'esp32s3',
      version: '1.2.3',
      secureVersion: 2,
      stem: 'DOOR-1.2.3',
      artifact: 'release-DOOR-1.2.3',
      layout: 'ota-4MiB',
      scheme: 'rsa3072',
      container: PINNED,
      idfVersion: '',
      arguments: [
        ...['build', '--board', 'DOOR', '--app-version', '1.2.3'],
        ...['--secure-version', '2', '--sign-later'],
      ],
    });
    expect([a?.board, b?.board]).toEqual(['LAMP_A', 'LAMP_B']);
  });

  test('takes versions from profiles, else what MicroPython will be', async () => {
    const include = await entries(own, ['plan', '--matrix']);
    expect(include.map(({ version }) => version)).toEqual(['1.28.0', '1.28.0', '4.5.6']);
  });

  test('takes boards, variants and patterns, each once', async () => {
    const boards = ['LAMP_*', 'LAMP_A', 'DOOR-BLUE'].flatMap((board) => ['--board', board]);
    const include = await entries(own, [...MATRIX, ...boards]);
    expect(include.map(({ stem }) => stem)).toEqual([
      'DOOR-BLUE-1.2.3',
      'LAMP_A-1.2.3',
      'LAMP_B-1.2.3',
    ]);
    const variant = await entries(own, [...MATRIX, '--board', 'DOOR', '--variant', 'RED']);
    expect(variant.map(({ arguments: args }) => args.slice(0, 5))).toEqual([
      ['build', '--board', 'DOOR', '--variant', 'RED'],
    ]);
  });

  test('gives arguments that a build takes, and that make what the entry says', async () => {
    const args = ['--board', 'LAMP_A', '--firmware', 'drill', '--sign-later'];
    const [entry] = await entries(own, [...MATRIX, ...args]);
    const built = await own.runHere([...(entry?.arguments ?? []), '--out', 'out-matrix']);
    expect(built.code, built.stderr).toBe(0);
    const manifest = await own.read('out-matrix', entry?.stem ?? '', 'manifest.json');
    expect(JSON.parse(manifest.toString())).toMatchObject({
      ...{ board: entry?.board, chip: entry?.chip, version: entry?.version },
      secureVersion: entry?.secureVersion,
      awaitsSignature: { scheme: entry?.scheme },
    });
  });

  test('is the same line every time, with --json as well', async () => {
    const [first, second] = [await own.run(MATRIX), await own.run([...MATRIX, '--json'])];
    expect(second).toEqual(first);
  });
});

describe('plan --matrix refuses', () => {
  test('every profile that is wrong, at its line, and prints no matrix', async () => {
    const work = await createWorkspace();
    await work.write('profiles/GOOD.yaml', profile('GOOD'));
    await work.write('profiles/BAD_A.yaml', profile('BAD_A').replace('esp32s3', 'esp99'));
    await work.write('profiles/BAD_B.yaml', profile('BAD_B').replace(': 2', ': 99'));
    await work.write('profiles/BAD_C.yaml', profile('BAD_C').replace('ota-4MiB', 'none'));
    const { stderr } = await refuse(work, MATRIX, 3, /BAD_A\.yaml:3:7: chip: expected one of/);
    expect(stderr).toMatch(/secure_version 99 is not possible on ESP32-S3/);
    expect(stderr).toMatch(/there is no layout 'none'/);
    const { stdout } = await work.runHere([...MATRIX, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      error: {
        code: 'MATRIX_INVALID',
        details: {
          problems: [
            { file: 'profiles/BAD_A.yaml', line: 3, column: 7 },
            { file: 'profiles/BAD_B.yaml', line: 4, column: 16 },
            { file: 'profiles/BAD_C.yaml', line: 6, column: 23 },
          ],
        },
      },
    });
  });

  test('more entries than GitHub runs', async () => {
    const boards = Array.from({ length: 257 }, (_, index) => ['--board', `DOOR-V${index}`]).flat();
    await refuse(own, [...MATRIX, ...boards], 3, /257 entries; GitHub Actions runs at most 256/);
    expect(await entries(own, [...MATRIX, ...boards.slice(2)])).toHaveLength(256);
  });

  test.each([
    ['a pattern that fits nothing', ['--board', 'NOPE*'], 3, /the matrix would be empty/],
    ['an unknown board', ['--board', 'LAMPA'], 3, /no profile for board 'LAMPA'/],
    ['a variant that is no name', ['--board', 'DOOR-a/b'], 2, /variant 'a\/b' is not a name/],
    ['--profile', ['--profile', 'profiles/DOOR.yaml'], 2, /--profile/],
    [
      'a layout beyond flash',
      ['--layout', 'ota-8MiB'],
      3,
      /DOOR: .*'ota_1' ends at 0x4f0000, but flash has/,
    ],
  ])('%s', async (_, args, code, says) => {
    await refuse(own, [...MATRIX, ...args], code, says);
  });

  test('in CI a container by its tag, unless nothing is compiled', async () => {
    const args = [...MATRIX, '--board', 'DOOR', '--container', 'espressif/idf:v5.5.1'];
    const environment = { CI: 'true' };
    const refused = await own.runHere(args, { environment });
    expect(refused.code).toBe(4);
    expect(refused.stderr).toMatch(/CI takes images by digest/);
    await entries(own, [...args, '--firmware', 'drill'], environment);
  });

  test('several boards for one release', async () => {
    const args = ['plan', '--board', 'DOOR', '--board', 'LAMP_A'];
    await refuse(own, args, 2, /2 boards were named; a release is for one/);
  });
});
