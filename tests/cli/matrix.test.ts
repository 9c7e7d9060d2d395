import { describe, expect, test } from 'vitest';
import { createWorkspace, type CliResult } from '../support/cli.ts';

type Matrix = { readonly include: readonly Record<string, string | number>[] };

const profile = (board: string, more = ''): string =>
  `schema: 1\nboard: ${board}\nchip: esp32c3\nflash: { size: 4MB }\npartitions: { layout: ota-4MiB }\n${more}`;

async function project(files: Readonly<Record<string, string>>) {
  const workspace = await createWorkspace();
  for (const [name, text] of Object.entries(files)) await workspace.write(name, text);
  return (...args: readonly string[]): Promise<CliResult> =>
    workspace.runHere(['plan', ...args], { environment: { GITHUB_ACTIONS: 'true' } });
}

const matrixOf = ({ code, stdout, stderr }: CliResult): Matrix => {
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  // One line: `echo "matrix=$(ota-build plan --matrix)" >> "$GITHUB_OUTPUT"`.
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  return JSON.parse(stdout) as Matrix;
};

describe('plan --matrix', () => {
  test("prints a job for each of the project's profiles, and none for ours", async () => {
    const plan = await project({
      'profiles/LAMP.yaml': profile('LAMP', 'version: 2.0.0\nsecureVersion: 3\n'),
      'profiles/DOOR.yaml': profile('DOOR'),
    });
    expect(matrixOf(await plan('--matrix', '--app-version', '1.2.3')).include).toEqual([
      {
        ...{ board: 'DOOR', variant: '', chip: 'esp32c3', version: '1.2.3', secureVersion: 0 },
        ...{ target: 'DOOR', stem: 'DOOR-1.2.3' },
      },
      {
        ...{ board: 'LAMP', variant: '', chip: 'esp32c3', version: '1.2.3', secureVersion: 3 },
        ...{ target: 'LAMP', stem: 'LAMP-1.2.3' },
      },
    ]);
    expect(
      matrixOf(await plan('--matrix', '--app-version', '1.2.3', '--json')).include,
    ).toHaveLength(2);
  });

  test('prints jobs for the boards and variants that are named, in any order the same', async () => {
    const plan = await project({});
    const one = await plan(
      '--matrix',
      'ESP32_GENERIC_S3-SPIRAM_OCT,ESP32_GENERIC',
      '--app-version',
      '1.0.0',
    );
    const other = await plan(
      '--matrix',
      'ESP32_GENERIC, ESP32_GENERIC_S3-SPIRAM_OCT',
      '--app-version',
      '1.0.0',
    );
    expect(matrixOf(one).include.map(({ stem, variant }) => [stem, variant])).toEqual([
      ['ESP32_GENERIC-1.0.0', ''],
      ['ESP32_GENERIC_S3-SPIRAM_OCT-1.0.0', 'SPIRAM_OCT'],
    ]);
    expect(other.stdout).toBe(one.stdout);
  });

  test('tells of every profile that is wrong, each at its own line', async () => {
    const plan = await project({
      'profiles/A.yaml': profile('A').replace('esp32c3', 'esp33'),
      'profiles/B.yaml': profile('B', 'nonsense: 1\n'),
      'profiles/C.yaml': profile('C'),
    });
    const { code, stdout, stderr } = await plan('--matrix', '--app-version', '1.2.3');
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(/^::error file=profiles\/A\.yaml,line=3/m);
    expect(stderr).toMatch(/^::error file=profiles\/B\.yaml,line=6/m);
  });

  test.each([
    ['a board twice', ['--matrix', 'ESP32_GENERIC,ESP32_GENERIC'], 2, /named twice/],
    ['an unknown board', ['--matrix', 'NOPE'], 3, /no profile for board 'NOPE'/],
    ['a variant that is no name', ['--matrix', 'ESP32_GENERIC-a;b'], 2, /variant 'a;b'/],
    ['--board beside it', ['--matrix', '--board', 'ESP32_GENERIC'], 2, /--matrix BOARD/],
    ['an empty name', ['--matrix', 'ESP32_GENERIC,'], 2, /--matrix BOARD/],
    ['no version', ['--matrix', 'ESP32_GENERIC'], 3, /no version was named for ESP32_GENERIC/],
  ])('refuses %s', async (what, args, code, says) => {
    const version = what === 'no version' ? [] : ['--app-version', '1.2.3'];
    const result = await (await project({}))(...args, ...version);
    expect(result.stderr).toMatch(says);
    expect(result).toMatchObject({ code, stdout: '' });
  });

  test('refuses more jobs than GitHub starts', async () => {
    const boards = Array.from({ length: 257 }, (_, index) => `B${index}`);
    const result = await (
      await project({})
    )('--matrix', boards.join(','), '--app-version', '1.2.3');
    expect(result.stderr).toMatch(/257 boards are more than the 256 jobs/);
    expect(result.code).toBe(2);
  });
});
