import { readFile } from 'node:fs/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { chipOf } from '../support/boards.ts';
import { createWorkspace, type CliResult, type Workspace } from '../support/cli.ts';
import { makeRelease } from '../support/firmware.ts';

const BOARD = 'ESP32_GENERIC_S3';
const PROFILE = `schema: 1
board: LAMP
chip: esp32s3
secureVersion: 99
flash: { size: 4MB }
partitions: { layout: ota-4MiB }
`;
const BUILD = ['--board', BOARD, '--firmware', 'drill', '--app-version', '1.2.3'];

let work: Workspace;

beforeEach(async () => {
  work = await createWorkspace();
});

const environment = (): Record<string, string> => ({
  GITHUB_ACTIONS: 'true',
  GITHUB_WORKSPACE: work.directory,
  GITHUB_STEP_SUMMARY: work.path('summary.md'),
});

const run = (...args: readonly string[]): Promise<CliResult> =>
  work.runHere(args, { environment: environment() });

const commandsIn = ({ stderr }: CliResult): readonly string[] =>
  stderr.split('\n').filter((line) => line.trimStart().startsWith('::'));

const summary = (): Promise<string> => readFile(work.path('summary.md'), 'utf8');

describe('in a job of GitHub Actions', () => {
  test("an error becomes an annotation on the profile's line", async () => {
    await work.write('profiles/LAMP.yaml', PROFILE);
    const result = await run('plan', '--board', 'LAMP', '--firmware', 'drill');
    expect(result.code).toBe(3);
    expect(commandsIn(result)).toEqual([
      '::error file=profiles/LAMP.yaml,line=4,col=16,title=SECURE_VERSION_RANGE::secure_version 99 is not possible on ESP32-S3: its eFuse field has 16 bits, so 0 to 16',
    ]);
  });

  test('each mistake in a profile has its own, and so has each profile of a matrix', async () => {
    await work.write(
      'profiles/LAMP.yaml',
      PROFILE.replace('esp32s3', 'esp99').replace('1\n', '2\n'),
    );
    await work.write('profiles/DOOR.yaml', PROFILE.replace('LAMP', 'DOOR'));
    const result = await run('plan', '--matrix', '--app-version', '1.0.0');
    const places = commandsIn(result).map(
      (line) => /^::error (file=[^,]*,line=\d+)/.exec(line)?.[1],
    );
    expect(places).toEqual([
      'file=profiles/DOOR.yaml,line=4',
      'file=profiles/LAMP.yaml,line=1',
      'file=profiles/LAMP.yaml,line=3',
    ]);
    expect(result.stdout).toBe('');
  });

  test('a layout that is too large for its flash is shown where the profile says how large that is', async () => {
    await work.write('profiles/LAMP.yaml', PROFILE.replace('99', '0').replace('-4M', '-16M'));
    const [command] = commandsIn(await run('plan', '--matrix', '--app-version', '1.0.0'));
    expect(command).toMatch(
      /^::error file=profiles\/LAMP\.yaml,line=5,col=16,title=FLASH_SIZE::LAMP: .*%0AChoose a smaller layout/,
    );
  });

  test('a file is named from the top of the workspace, and not at all outside of it', async () => {
    await work.write('profiles/LAMP.yaml', PROFILE);
    const at = async (workspace: string): Promise<string> => {
      const added = { ...environment(), GITHUB_WORKSPACE: workspace };
      const args = ['plan', '--board', 'LAMP', '--firmware', 'drill'];
      return commandsIn(await work.runHere(args, { environment: added })).join('');
    };
    const folder = work.directory.split('/').at(-1) ?? '';
    expect(await at(work.path('..'))).toContain(`file=${folder}/profiles/LAMP.yaml,line=4`);
    expect(await at(work.path('elsewhere'))).toMatch(/^::error title=/);
  });

  test('a mistake in the call is annotated too', async () => {
    expect(commandsIn(await run('plan', '--nope'))).toEqual([
      "::error title=USAGE::unknown option '--nope'",
    ]);
  });

  test('stages are folded, every fold ends, and warnings are annotations', async () => {
    const result = await run(...BUILD);
    expect(result.code, result.stderr).toBe(0);
    const commands = commandsIn(result);
    expect(commands).toContain('::group::getting the firmware');
    const count = (start: string): number => commands.filter((one) => one.startsWith(start)).length;
    expect(count('::group::')).toBeGreaterThan(4);
    expect(count('::endgroup::')).toBe(count('::group::'));
    expect(count('::warning title=DRILL::this release is a rollback drill')).toBe(1);
    expect(result.stdout).not.toMatch(/^\s*::/m);
  });

  test('a stage that fails ends its fold before the error', async () => {
    await work.write('firmware.bin', makeRelease({ chip: chipOf('ESP32_GENERIC') }));
    const result = await run('--board', BOARD, '--firmware', 'firmware.bin');
    expect(result.code).toBe(3);
    expect(commandsIn(result).map((line) => line.split(/[ :]/)[2])).toEqual([
      ...['group', 'endgroup', 'error'],
    ]);
  });

  test('stdout stays one object with --json, and one line with --matrix', async () => {
    const built = await run(...BUILD, '--json');
    expect(JSON.parse(built.stdout)).toMatchObject({ ok: true });
    const refused = await run('plan', '--board', 'NOPE', '--firmware', 'drill', '--json');
    expect(JSON.parse(refused.stdout)).toMatchObject({ ok: false });
    expect(commandsIn(refused)).toHaveLength(1);
    const { stdout } = await run('plan', '--matrix', '--board', BOARD, '--app-version', '1.0.0');
    expect(stdout).toMatch(/^\{"include":\[\{.*\}\]\}\n$/);
  });

  test('nothing of this happens elsewhere', async () => {
    const result = await work.runHere(BUILD, {
      environment: { GITHUB_STEP_SUMMARY: work.path('summary.md') },
    });
    expect(commandsIn(result)).toEqual([]);
    await expect(summary()).rejects.toThrow();
  });
});

describe('text of others commands no runner', () => {
  const HOSTILE = '::set-env name=PATH::/evil';

  test.each([
    ['a board', ['plan', '--board', HOSTILE, '--firmware', 'drill']],
    ['a board of two lines', ['plan', '--board', `x\n${HOSTILE}`, '--firmware', 'drill']],
    ['an option', ['plan', `--x\n${HOSTILE}`]],
    ['a verb', [`x\n${HOSTILE}`]],
    ['a file', ['inspect', `x\n${HOSTILE}`]],
    ['a file with an old command', ['inspect', '##[set-env name=PATH]/evil']],
    ['a layout', ['plan', '--board', BOARD, '--firmware', 'drill', '--layout', HOSTILE]],
  ])('%s', async (_, args) => {
    const { stdout, stderr } = await run(...args);
    expect(stdout).toBe('');
    const lines = stderr.split(/[\r\n]/);
    expect(lines.filter((line) => /^\s*::(?!error )|##\[/.test(line))).toEqual([]);
    expect(lines.filter((line) => line.includes('/evil'))).not.toEqual([]);
    expect(
      (await work.runHere([...args, '--json'], { environment: environment() })).stdout,
    ).not.toMatch(/^\s*::|##\[/m);
  });

  test("a profile's values, in the log and on the summary page", async () => {
    const hostile = 'x"\\n::error::owned|<img src=x>[a](b)';
    await work.write(
      'profiles/LAMP.yaml',
      PROFILE.replace('99', '0') + `description: "${hostile}"\n` + 'version: "::error::1"\n',
    );
    const result = await run('plan', '--board', 'LAMP', '--firmware', 'drill');
    for (const line of commandsIn(result))
      expect(line).toMatch(/^::error file=profiles\/LAMP\.yaml,/);
  });
});

describe('the summary page', () => {
  test('has a row for each release of a step, in one table: sizes, room, keys, warnings', async () => {
    const build = [...BUILD, '--sign', '--key', 'dev'];
    expect((await run(...build)).code).toBe(0);
    expect(
      (await run(...build.map((arg) => (arg === BOARD ? 'ESP32_GENERIC_C3' : arg)))).code,
    ).toBe(0);
    const lines = (await summary()).trim().split('\n');
    expect(lines[0]).toBe(
      '| board | chip | version | secure_version | app | slot | left | keys | warnings |',
    );
    expect(lines).toHaveLength(4);
    expect(lines[2]).toMatch(
      /^\| ESP32&#95;GENERIC&#95;S3 \| esp32s3 \| 1\.2\.3 \| 0 \| 132 KiB \| 1\.75 MiB \| 1\.62 MiB \(92 %\) \| `[0-9a-f]{64}` \(development\) \| .*drill.* \|$/,
    );
    expect(lines[3]).toContain('esp32c3');
  });

  test('keeps what others wrote to it', async () => {
    await work.write('summary.md', '# Mine\nno line end');
    expect((await run('plan', '--matrix', '--app-version', '1.0.0')).code).toBe(0);
    const page = await summary();
    expect(page).toMatch(/^# Mine\nno line end\n\n\| planned \| chip /);
    expect(page.trim().split('\n').length).toBe(13);
  });

  test('that cannot be written is a warning', async () => {
    const added = { ...environment(), GITHUB_STEP_SUMMARY: work.path('no', 'such', 'folder') };
    const result = await work.runHere(BUILD, { environment: added });
    expect(result.code).toBe(0);
    expect(result.stderr).toMatch(/^::warning title=SUMMARY::the summary page cannot be written/m);
  });
});
